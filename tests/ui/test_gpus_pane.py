"""The GPUs pane by its keys, at every size, for every machine and every fault."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.errors import Problem
from nemotui.core.hardware import Gpu, GpuProcess, Host, Link, Machine
from nemotui.sim.machines import PROFILES, load_machine
from nemotui.ui.panes.gpus import GpusPane, table_text
from nemotui.ui.states.gpus import GpusState
from tests.ui.conftest import ConsoleFactory
from tests.ui.scripted import still_app
from tests.ui.seen import seen

pytestmark = pytest.mark.anyio

GIB = 2**30
SIZES = [(200, 50), (120, 40), (80, 24), (60, 20), (40, 10)]


async def screens(machine: Machine, *sizes: tuple[int, int], keys: tuple[str, ...] = ()) -> AsyncGenerator[str, None]:
    """What the console shows of this machine after these keys, at one size after the other."""
    app = still_app("2xh100", serving=False)
    async with app.run_test(size=sizes[0]) as pilot:
        pane = app.screen.query_one(GpusPane)
        await pilot.pause()
        pane.state = GpusState().after(machine)
        await pilot.press(*keys)
        for size in sizes:
            await pilot.resize_terminal(*size)
            before = ""
            while before != (shown := seen(app)):  # it is drawn in steps
                before = shown
                await pilot.pause(0.05)
            yield shown


async def screen(machine: Machine, size: tuple[int, int] = (120, 40), *keys: str) -> str:
    """The same at one size."""
    (shown,) = [text async for text in screens(machine, size, keys=keys)]
    return shown


def sixteen() -> Machine:
    gpus = tuple(
        Gpu(
            index=i,
            uuid=f"GPU-{i}",
            name="Tesla V100-SXM3-32GB",
            memory_total_bytes=32 * GIB,
            memory_used_bytes=0,
            numa_node=i // 8,
        )
        for i in range(16)
    )
    pairs = ((a, b) for a in gpus for b in gpus if a.index < b.index)
    return Machine(gpus=gpus, links=tuple(Link(a=a.uuid, b=b.uuid, kind="NVLINK", nvlinks=6) for a, b in pairs))


@pytest.mark.parametrize("name", [name for name in PROFILES if name != "none"])
async def test_every_machine_fits_every_size(name: str) -> None:
    machine = load_machine(name)
    drawn = [shown async for shown in screens(machine, *SIZES)]
    for (width, height), shown in zip(SIZES, drawn, strict=True):
        lines = shown.splitlines()
        assert (len(lines), max(map(len, lines)) <= width) == (height, True)
        assert machine.gpus[0].name.removeprefix("NVIDIA ")[:17].split()[0] in shown


async def test_a_card_says_who_holds_the_memory_and_in_which_container() -> None:
    gpu = replace(
        load_machine("1xh100").gpus[0],
        memory_used_bytes=75 * GIB,
        processes=(
            GpuProcess(pid=10, name="VLLM::Worker_TP0", user="root", container="nemotui", memory_bytes=70 * GIB),
            GpuProcess(pid=11, memory_bytes=5 * GIB),
        ),
        throttle_reasons=("software power cap",),
        sm_clock_mhz=1440,
    )
    shown = await screen(Machine(gpus=(gpu,)))
    assert "70.0 GiB  VLLM::Worker_TP0 · pid 10 · root · in container nemotui" in shown
    assert "5.0 GiB  a process of another namespace, pid 11" in shown
    assert "1440 MHz, software power cap" in shown


async def test_memory_that_nobody_listed_holds_is_said_to_be_another_namespaces() -> None:
    shown = await screen(load_machine("4xa100-troubled"), (120, 50))
    assert "30.0 GiB  another namespace, such as a container's" in shown
    assert "no TP   GPU 3   it is busy: 30.0 GiB are in use by another namespace" in shown


async def test_troubles_are_in_plain_words() -> None:
    shown = await screen(load_machine("4xa100-troubled"), (120, 50))
    for words in (
        "Xid 63: a faulty memory row is remapped at the next reset",
        "3 memory errors that ECC could not correct",
        "690 MHz, slowed down",
        "it is slowed down: hardware thermal slowdown",
        "its NVLink fabric is not up yet",
    ):
        assert words in shown


@pytest.mark.parametrize("size", [(60, 20), (80, 60), (120, 40)])
async def test_what_to_do_and_why_are_whole_at_every_width(size: tuple[int, int]) -> None:
    shown = " ".join((await screen(load_machine("4xa100-troubled"), size)).split())
    whole = shown.replace("▌ ", "").replace("▁", "")
    assert "then run `sudo nvidia-smi --gpu-reset -i 0`" in " ".join(whole.split())
    assert "…" not in (await screen(load_machine("mixed"), (80, 60))).replace("Bla…", "")


async def test_a_long_name_leaves_room_for_the_state() -> None:
    machine = load_machine("1xrtxpro6000")
    long = replace(machine.gpus[0], name="NVIDIA " + "RTX PRO " * 20)
    assert "…   GPU-" in (shown := await screen(replace(machine, gpus=(long,)), (80, 24)))
    assert "● ok" in shown.splitlines()[7]


async def test_an_idle_history_stands_beside_its_label() -> None:
    lines = (await screen(load_machine("2xh100"), (200, 50))).splitlines()
    (first, *_) = [line for line in lines if "load" in line]
    assert "▁" in first
    at = lines.index(first)
    assert "▔ 100 %" in lines[at - 14]  # of twenty lines the power has a third
    assert "▔ 700 W" in lines[at + 1]


async def test_the_matrix_is_that_of_nvidia_smi_with_its_numa_nodes() -> None:
    machine = load_machine("2xh100")
    gpus = tuple(replace(gpu, numa_node=gpu.index) for gpu in machine.gpus)
    shown = await screen(replace(machine, gpus=gpus))
    assert "       GPU0  GPU1  NUMA\n GPU0  X     NV18  0\n GPU1  NV18  X     1\n" in shown
    assert "TP 2    GPUs 0,1   NVLink connects every pair; across the NUMA nodes 0, 1" in shown


async def test_sixteen_gpus_have_a_line_each_and_their_matrix_where_it_fits() -> None:
    wide = await screen(sixteen(), (120, 60))
    assert " GPU15" in wide
    assert "TP 8    GPUs 0,1,2,3,4,5,6,7   8,9,10,11,12,13,14,15   NVLink connects every pair; all on NUMA" in wide
    narrow = await screen(sixteen(), (80, 40))
    assert "links   120 pairs NVLINK" in narrow


async def test_a_line_a_gpu_has_the_essentials_and_what_holds_the_clocks_back_stands_below() -> None:
    machine = load_machine("8xh200")
    gpus = tuple(replace(gpu, throttle_reasons=("software power cap",) * (gpu.index != 3)) for gpu in machine.gpus)
    shown = await screen(replace(machine, gpus=gpus), (80, 24))
    assert "#  NAME  USED/TOTAL GiB    FREE   LOAD      POWER   TEMP  MEMORY" in shown
    assert "0  H200       0.0/140.4   139.8    0 %   70/700 W  31 °C  ─" in shown
    assert "clock  GPU 0,1,2,4,5,6,7 held back by software power cap" in shown
    tiny = await screen(replace(machine, gpus=gpus), (40, 10))
    assert "0  H200       0.0/140.4    0 %" in tiny


async def test_an_unknown_link_is_a_question_mark() -> None:
    machine = load_machine("2xh100")
    assert " GPU0  X     ?\n" in await screen(replace(machine, links=()))


async def test_values_of_a_gpu_that_does_not_answer_stand_with_their_age() -> None:
    machine = load_machine("2xh100")
    silent = replace(machine.gpus[1], state="not-answering", state_reason="no answer for 20 s", age_s=20.4)
    for size in ((120, 40), (60, 20)):
        shown = await screen(replace(machine, gpus=(machine.gpus[0], silent)), size)
        assert "◌ no answer, values 20 s old" in shown
        assert "79.6" in shown


async def test_a_driver_that_does_not_answer_is_said_with_what_to_do() -> None:
    problem = Problem("driver_not_answering", "the NVIDIA driver does not answer", "Look at dmesg.")
    shown = await screen(replace(load_machine("2xh100"), error=problem), (80, 24))
    assert "▲ the NVIDIA driver does not answer\n   Look at dmesg." in shown


async def test_no_driver_and_no_gpu_are_no_errors_of_ours() -> None:
    host = Host(hostname="box", memory_available_bytes=3 * GIB)
    missing = Machine(host=host, error=Problem("no_driver", "there is no NVIDIA driver here", "Install it."))
    for machine, words in (
        (missing, "○ There is no NVIDIA driver here.\n   Install it."),
        (Machine(host=host), "○ The driver works, and there is no GPU."),
    ):
        drawn = [shown async for shown in screens(machine, (120, 40), (60, 20), (40, 10))]
        assert words in drawn[0]
        for shown in drawn:
            assert "box · RAM 3.0 GiB free" in shown
            assert words[:30] in shown
            assert "r Look again" in shown
            assert "Look closer" not in shown, "no key that would do nothing"


async def test_r_looks_again_at_once_though_there_is_no_driver(console: ConsoleFactory) -> None:
    async with console("none") as c:
        await c.until("no NVIDIA driver")
        asked: list[bool] = []
        sample = c.main.b.probe.sample

        async def counted(detail: str | None = None, *, anew: bool = False) -> Machine:
            asked.append(anew)
            return await sample(detail, anew=anew)

        c.main.b.probe.sample = counted  # type: ignore[method-assign]
        await c.press("r")
        await c.until(lambda: asked == [True])


async def test_nothing_is_looked_for_while_all_are_there(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.until("NVIDIA H100")
        await c.until("Look closer")
        assert "Look again" not in c.text


async def test_hidden_mig_and_sleeping_gpus_are_marked() -> None:
    machine = load_machine("2xh100")
    hidden = replace(machine, gpus=(machine.gpus[0], replace(machine.gpus[1], visible=False)))
    shown = await screen(hidden)
    assert "hidden by CUDA_VISIBLE_DEVICES" in shown
    assert "no TP   GPU 1   CUDA_VISIBLE_DEVICES hides it" in shown
    lazy = replace(machine, gpus=(replace(machine.gpus[0], persistence=False),))
    assert "persistence off: slow to wake" in await screen(lazy)
    assert "MIG, 2 slices" in await screen(load_machine("1xh100-mig"))


async def test_enter_looks_at_one_gpu_and_escape_goes_back(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.until("NVIDIA H100")
        pane = c.main.query_one(GpusPane)
        assert pane.detail_of is None
        await c.press("down", "enter")
        gpus = load_machine("2xh100").gpus
        assert (pane.detail_of or "") == gpus[1].uuid
        await c.until("gen 5 ×16")
        for text in (gpus[1].uuid, "n/a: Not Supported", "nobody that the driver lists", "GPU0 NV18"):
            assert text in c.text
        await c.press("up")
        await c.until(gpus[0].uuid)
        await c.press("2")
        assert pane.detail_of is None, "nobody looks while another pane is in front"
        await c.press("1", "escape")
        await c.until("TP 2")


async def test_all_that_is_unknown_has_its_reason_in_the_detail() -> None:
    gpu = Gpu(index=0, uuid="GPU-a", name="NVIDIA H100", unknown={"pci_bus_id": "Not Supported", "processes": "denied"})
    shown = await screen(Machine(gpus=(gpu,)), (120, 40), "enter")
    assert "n/a: Not Supported" in shown
    assert "n/a: denied" in shown
    assert "n/a: being asked" in shown


async def test_the_slices_of_a_mig_gpu_are_in_its_detail() -> None:
    shown = await screen(load_machine("1xh100-mig"), (120, 40), "enter")
    assert "MIG-66666666-7777-5888-9999-000000000000    3.0 GiB of 9.8 GiB    NVIDIA H100 80GB HBM3 MIG 1g" in shown


async def test_s_sorts_and_the_cursor_stays_with_its_gpu(console: ConsoleFactory) -> None:
    async with console("2xh100-busy") as c:
        await c.until("alice")
        await c.press("s")
        assert c.text.index("1  NVIDIA H100") < c.text.index("0  NVIDIA H100")
        pane = c.pane("gpus")
        assert isinstance(pane, GpusPane)
        await c.press("down", "s", "s", "s")
        assert pane.view.order == "index"
        assert pane.view.uuid == load_machine("2xh100-busy").gpus[0].uuid


async def test_y_copies_the_uuid_and_capital_y_the_table(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with console() as c:
        copied: list[str] = []
        monkeypatch.setattr(c.app, "copy_to_clipboard", copied.append)
        await c.until("NVIDIA H100")
        await c.press("down", "y", "Y")
        gpus = load_machine("2xh100").gpus
        assert copied == [gpus[1].uuid, table_text(list(gpus))]


def test_the_table_as_text_leaves_the_unknown_empty() -> None:
    lines = table_text([Gpu(index=0, uuid="GPU-a", name="H100", power_w=70.5, memory_free_bytes=5)]).split("\n")
    assert lines[0].split("\t")[:4] == ["index", "uuid", "name", "state"]
    assert lines[1].split("\t") == ["0", "GPU-a", "H100", "ok", "", "", "5", "", "70.5", ""]


async def test_at_rest_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    machine, drawn = load_machine("8xh200"), list[Any]()
    app = still_app("8xh200", serving=False)
    async with app.run_test(size=(120, 40)) as pilot:
        pane = app.screen.query_one(GpusPane)
        state = GpusState()
        for _ in range(300):  # until the histories are as wide as the screen
            state = state.after(machine)
        pane.state = state
        for _ in range(20):  # the console's other watchers have their first samples to draw too
            await pilot.pause(0.05)
        monkeypatch.setattr(app, "_display", lambda *args: drawn.append(args))
        pane.state = state.after(machine)
        await pilot.pause()
        assert drawn == []
        pane.state = state.after(replace(machine, gpus=(replace(machine.gpus[0], power_w=71.0), *machine.gpus[1:])))
        await pilot.pause()
        assert len(drawn) == 1
