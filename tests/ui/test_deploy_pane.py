"""The Deploy pane by its keys, on a pretend machine."""

from __future__ import annotations

import os
import socket
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from nemotui.core.failed import Failed
from nemotui.core.hardware import GpuProcess
from nemotui.core.plan import Plan
from nemotui.core.ports import Container
from nemotui.core.show import gpu_list
from nemotui.core.stop import Stopped, Stopping
from nemotui.core.text import plain_line
from nemotui.core.watch import ServerSample
from nemotui.ui.panes.deploy import DeployPane
from nemotui.ui.preview import Preview
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.launch import Launch
from tests.core.machines import machine
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

HOSTILE = plain_line("\x1b]0;owned\x07\x1b[31m[/x] [INFO] a[0] [bold]b")


def state(c: Console) -> DeployState:
    found = c.pane("deploy").state
    assert isinstance(found, DeployState)
    return found


async def test_the_plans_stand_in_a_table_and_the_first_is_explained(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("1,015-1,228")
        rows = [line.split() for line in c.text.splitlines()[6:9]]
        assert rows[0][:9] == ["FP8", "2", "0,1", "●", "fits", "262,144", "256", "1,015-1,228", "4.1-5.0"]
        assert rows[0][9:13] == ["21.8-26.4", "published;", "52", "requests"]
        assert rows[1][:5] == ["NVFP4", "2", "0,1", "◇", "experimental"]
        assert rows[2][3:5] == ["✖", "no"]
        assert " ".join(rows[2][-3:]) == "with --tp 2"
        assert "GiB  █ weights 57.0  ▓ vLLM 6.0  ▒ requests 9.8  ─ spare 6.3" in c.text
        assert "618 blocks of 8,320 tokens" in c.text
        assert "1,015-1,228 tokens/s   TTFT 4.1-5.0 s   ITL 21.8-26.4 ms" in c.text
        assert "32 at once; published for this hardware, ×/÷ 1.1" in c.text
        assert "Memory holds          56.2    51.5     44.1      14.7" in c.text


async def test_below_its_arithmetic_stands_every_flag_and_what_the_guide_has_instead(console: ConsoleFactory) -> None:
    async with console(size=(120, 140)) as c:
        await c.press("2")
        await c.until("Different from the published guide")
        assert "--max-num-seqs 256\n" in c.text
        assert "vllm#49064]" in c.text
        assert "  -p 0.0.0.0:8000:8000 → -p 127.0.0.1:" in c.text


@pytest.mark.parametrize(
    ("width", "columns"),
    [
        (120, "VARIANT TP GPUS VERDICT CONTEXT SEQS TOK/S TTFT s ITL ms WHY"),
        (80, "VARIANT TP GPUS VERDICT SEQS TOK/S TTFT s ITL ms"),
        (60, "VARIANT TP VERDICT TOK/S ITL ms"),
        (40, "VARIANT TP VERDICT"),
        (24, "VARIANT TP"),
    ],
)
async def test_a_narrow_screen_drops_the_columns_that_the_words_below_say(
    console: ConsoleFactory, width: int, columns: str
) -> None:
    async with console(size=(width, 24)) as c:
        await c.press("2")
        await c.until("VARIANT")
        head = next(line for line in c.text.splitlines() if "VARIANT" in line)
        assert " ".join(head.split()) == columns
        assert "262,144 tokens" in c.text


async def test_at_80_by_24_the_sentence_the_expectation_and_the_memory_are_on_the_screen(
    console: ConsoleFactory,
) -> None:
    async with console(size=(80, 24)) as c:
        await c.press("2")
        await c.until("published; 52 requests of 9,216 tokens at once")
        assert "ITL 21.8-26.4 ms" in c.text
        assert "█ weights 57.0" in c.text


async def test_what_others_hold_is_a_part_of_the_bar(console: ConsoleFactory) -> None:
    async with console("2xh100-busy", size=(80, 24)) as c:
        await c.press("2")
        await c.until("Memory of GPU 1, 79.1 GiB: 618 blocks")
        assert "░ python3 pid 4242 holds 38.0 GiB" in c.text
        legend = next(line for line in c.text.splitlines() if "GiB  ░" in line)
        assert "░ others 38.0  █ weights 57.0" in legend
        assert "✖ 31.7 over" in legend


async def test_the_cursor_stays_on_its_plan_when_the_plans_change_places(console: ConsoleFactory) -> None:
    async with console("8xh200") as c:
        await c.press("2")
        await c.until(lambda: len(state(c).choices) == 20)
        await c.press("down", "down")
        assert "BF16, TP 8 on GPU 0-7" in c.text
        c.main.workers.cancel_all()
        choices = state(c).choices
        c.main.states["deploy"] = replace(state(c), plans=tuple(reversed(choices)))
        c.main._show("deploy")
        await c.pilot.pause()
        assert "BF16, TP 8 on GPU 0-7" in c.text


async def test_enter_shows_the_command_and_enter_again_starts_it_to_ready(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter")
        assert isinstance(c.app.screen, Preview)
        assert "Start FP8 on GPU 0,1?" in c.text
        assert "$ docker run -d --name nemotui" in c.text
        await c.press("enter")
        await c.until("● Ready after")
        assert f"at http://127.0.0.1:{c.port}" in c.text
        assert f"$ curl http://127.0.0.1:{c.port}/v1/chat/completions" in c.text
        assert "It said: " in c.text
        assert "✓ boot" in c.text
        await c.until(lambda: state(c).running)
        await c.press("enter")
        await c.until("Replace nemotui?")
        assert f"1. Both want port {c.port}: nemotui is stopped first" in c.text
        assert "The same command once more." in c.text


async def test_escape_in_the_preview_starts_nothing(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "escape")
        assert not isinstance(c.app.screen, Preview)
        assert state(c).launch is None


async def test_a_plan_that_would_not_start_says_why_instead(console: ConsoleFactory) -> None:
    async with console("1xh100") as c:
        await c.press("2")
        await c.until("✖ no")
        await c.press("enter")
        await c.until("This would not start")
        assert not isinstance(c.app.screen, Preview)
        assert "✖ 0.7 over" in c.text


async def test_a_failed_start_shows_its_cause_and_its_cure(console: ConsoleFactory) -> None:
    async with console() as c:
        with socket.create_server(("127.0.0.1", c.port)):
            await c.press("2")
            await c.until("published")
            spec = state(c).choices[0].spec  # the port was taken after the preflight
            assert spec is not None
            c.pane("deploy").post_message(DeployPane.Start(spec))
            await c.until("✖ The start failed")
        ended = state(c).launch
        assert ended is not None
        assert isinstance(ended.ended, Failed)
        assert ended.ended.kind == "port_taken"
        assert "--port" in c.text
        assert f"+ -p 127.0.0.1:{c.port + 1}:8000" in c.text


async def test_r_shows_what_changes_and_tries_again(console: ConsoleFactory) -> None:
    async with console() as c:
        with socket.create_server(("127.0.0.1", c.port)):
            await c.press("2")
            await c.until("published")
            spec = state(c).choices[0].spec
            assert spec is not None
            c.pane("deploy").post_message(DeployPane.Start(spec))  # the port was taken after the preflight
            await c.until("✖ The start failed")
        failed = state(c).failed
        assert failed is not None
        assert failed.cure is not None
        await c.press("r")
        assert isinstance(c.app.screen, Preview)
        await c.until("Preflight")
        assert f"- -p 127.0.0.1:{c.port}:8000" in c.text
        assert f"+ -p 127.0.0.1:{c.port + 1}:8000" in c.text
        await c.press("enter")
        await c.until("● Ready after")
        assert f"at http://127.0.0.1:{c.port + 1}" in c.text


async def test_what_holds_on_to_the_gpus_is_named_and_ended_if_it_is_the_containers_own(
    console: ConsoleFactory,
) -> None:
    async with console() as c:
        await c.press("2")
        container = Container(id="a" * 64, name="nemotui", image="vllm", state="exited", labels={})
        held = GpuProcess(pid=os.getpid(), name="vllm", memory_bytes=2**30)  # of no container, least of all of that one
        c.main._offer_to_end(Stopped(container=container, held=(held,)))
        await c.until("End them?")
        assert f"Process {held.pid} (vllm) still holds 1.0 GiB of GPU memory." in c.text
        await c.press("enter")
        await c.until("does not belong to the container")


async def test_the_grace_period_is_counted_down_and_a_stranger_is_only_looked_at(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        c.main.workers.cancel_group(c.main, "server")  # this test says what runs
        stranger = Container(id="b" * 64, name="by-hand", image="vllm", state="running", labels={})
        sample = ServerSample(at=0.0, base_url="http://127.0.0.1:9", container=stranger)
        c.main._next("deploy", sample)
        await c.until("by-hand runs, and was not started by nemotui")
        await c.press("x")
        await c.until("was started by hand")
        c.main._next("deploy", Stopping(container=stranger, left_s=12.3))
        await c.until("Stopping by-hand: it has 12 s to end by itself")
        c.main._next("deploy", Stopped(container=stranger))
        await c.until(lambda: "Stopping by-hand" not in c.text)


async def test_b_saves_what_is_known_of_a_failed_start(console: ConsoleFactory, tmp_path: Path) -> None:
    async with console("2xh100") as c:
        await c.press("2")
        await c.until("published")
        spec = state(c).choices[0].spec
        assert spec is not None
        c.pane("deploy").post_message(DeployPane.Start(replace(spec, args=(*spec.args, "--max-num-seqs", "1024"))))
        await c.until("✖ The start failed: max_num_seqs is 1024")
        await c.press("S")
        await c.until(lambda: list((tmp_path / "incidents").glob("*.tar.gz")))
        (bundle,) = (tmp_path / "incidents").glob("*-nemotui.tar.gz")
        with tarfile.open(bundle) as tar:
            names = {Path(name).name for name in tar.getnames()}
        assert names == {"plan.json", "log.txt", "inspect.json", "environment.json", "diagnosis.json"}


async def test_a_replacement_that_fails_brings_the_old_server_back_and_says_why(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.serve()
        old = state(c).running
        assert old is not None
        spec = await c.main.b.runtime.spec(old.id)
        worse = replace(spec, args=(*spec.args, "--max-num-seqs", "1024"))
        c.pane("deploy").post_message(DeployPane.Replace(old, worse))
        await c.until("Replace nemotui?")
        await c.press("enter")
        await c.until("✖ The start failed: max_num_seqs is 1024")
        await c.until("● nemotron-super")
        assert "nemotui is started again as it was." in " ".join(c.text.split())


async def test_s_stops_the_server_and_the_plans_are_free_again(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "enter")
        await c.until("● Ready after")
        await c.until(lambda: state(c).running)
        await c.press("x")
        await c.until("Stop nemotui?")
        await c.press("enter")
        await c.until(lambda: state(c).launch is None and state(c).running is None)
        await c.until("● fits")


async def test_y_copies_the_command(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("y")
        assert c.app.clipboard.startswith("docker run -d --name nemotui --gpus ")
        assert c.app.clipboard.endswith("--tool-call-parser qwen3_coder")


async def test_what_is_edited_is_planned_and_copied_at_once(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("e")
        await c.until("prefix cache")
        await c.press("down")  # the first context that is offered
        await c.until("32,768 tokens of context")
        await c.press("tab", *"64", "tab", "down", "down", "down")  # 64 sequences, three tokens of MTP
        await c.until("the expectation is without speculation")
        await c.press("escape", "y")
        assert "prefix cache" not in c.text
        assert "context 32768, max num seqs 64, mtp 3" in c.text
        assert "--max-model-len 32768 --max-num-seqs 64" in c.app.clipboard
        assert '"num_speculative_tokens":3' in c.app.clipboard


async def test_what_is_typed_replaces_what_was_offered(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await c.press("2")
        await c.until("published")
        await c.press("e")
        await c.until("prefix cache")
        await c.press("down", "down")
        await c.until("131,072 tokens of context")
        await c.press(*"65536")
        await c.until("65,536 tokens of context")
        await c.press("up", *"1000000")
        await c.until("A context above 262,144 tokens is not verified by us.")
        await c.press("escape")
        await c.until("not verified by us")


async def test_a_wrong_setting_is_said_and_leaves_the_plans_as_they_are(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("e", "x")
        await c.until("context: 'x' is not a number")
        assert "262,144 tokens of context" in c.text
        await c.press("backspace", *"99999999")
        await c.until("--context 99999999 is out of range")
        await c.press("escape", "e", *["backspace"] * 8)
        await c.until("Up and Down bring values")
        await c.press("enter")
        await c.until("Plans for these GPUs, best throughput first")


async def test_g_changes_the_order(console: ConsoleFactory) -> None:
    async with console("8xh200") as c:
        await c.press("2")
        await c.until("best throughput first")
        await c.press("o")
        await c.until("best latency first")
        await c.press("o")
        await c.until("best capacity first")
        counts = [choice.plan.live_requests[-1][1] for choice in state(c).choices if choice.plan and choice.spec]
        assert counts[0] == max(counts[:6])
        await c.press("o")
        await c.until("best throughput first")


async def test_other_hardware_is_planned_and_never_started(console: ConsoleFactory) -> None:
    async with console("none") as c:
        await c.press("2")
        await c.until("There is no plan without GPUs")
        await c.press("w")
        await c.until("What if other GPUs were here?")
        await c.press(*"2xb200", "enter")
        await c.until("What if: 2×B200")
        await c.pilot.pause(1.2)  # the driver says again that it is not there
        assert "NVIDIA B200" in c.text
        await c.press("enter")
        await c.until("This hardware is not here")
        assert not isinstance(c.app.screen, Preview)
        await c.press("w", "pageup", "enter")
        await c.until("There is no plan without GPUs")


async def test_i_shows_the_model_card_with_its_sources(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2", "i")
        await c.until("88: 40 Mamba-2")
        await c.press("pagedown", "pagedown", "pagedown")
        await c.until("NVIDIA Nemotron Open Model License")
        await c.press("escape")
        await c.until("VARIANT")


async def test_a_start_is_set_beside_its_plan(console: ConsoleFactory) -> None:
    async with console(size=(120, 60)) as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "enter")
        await c.until("● Ready after")
        await c.until(lambda: state(c).choices[0].plan and state(c).choices[0].plan.measured)  # type: ignore[union-attr]
        plan = next(choice.plan for choice in state(c).choices if choice.key == "FP8-tp2")
        assert plan is not None
        assert plan.planned is not None
        assert plan.measured is not None
        assert (plan.planned.blocks, plan.measured.blocks) == (618, 618)
        c.main.workers.cancel_all()
        first = next(choice for choice in state(c).choices if choice.key == "FP8-tp2")
        c.main.states["deploy"] = replace(state(c), plans=(first,), launch=None, container=None)
        c.main._show("deploy")
        await c.until("Last start here, vLLM 0.33.0")
        assert "blocks                                   618         618" in c.text
        assert "KV cache memory                      9.8 GiB     9.8 GiB" in c.text


async def test_without_gpus_the_pane_says_what_to_do(console: ConsoleFactory) -> None:
    async with console("none") as c:
        await c.press("2")
        await c.until("There is no plan without GPUs")
        assert "⏎ Deploy" not in c.text  # a key that would do nothing is not offered
        await c.press("enter", "y", "up", "down", "pagedown", "o", "x")
        assert not isinstance(c.app.screen, Preview)


async def test_foreign_words_are_shown_as_they_are(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        c.main.workers.cancel_all()
        now = machine("H100 80GB SXM", "H100 80GB SXM")
        now = replace(now, gpus=tuple(replace(gpu, name=HOSTILE, uuid=f"{gpu.index}{HOSTILE}") for gpu in now.gpus))
        planned = DeployState(catalog=state(c).catalog, request=state(c).request).after(now)
        failed = Failed(kind="x", cause=f"cause {HOSTILE}", remedy=f"cure {HOSTILE}", evidence=(f"line {HOSTILE}",))
        first = planned.choices[0]
        assert first.plan is not None
        hostile_plan = replace(first, plan=replace(first.plan, variant=HOSTILE, would_fit_if=HOSTILE))
        c.main.states["deploy"] = replace(planned, plans=(hostile_plan,), launch=Launch(ended=failed))
        c.main._show("deploy")
        await c.pilot.pause()
        for words in (f"cause {HOSTILE}", f"cure {HOSTILE}", f"line {HOSTILE}", f"2 × {HOSTILE}", f"→ {HOSTILE}"):
            assert words in c.text
        assert f" {HOSTILE}  " in c.text.splitlines()[6]
        assert "\x1b" not in c.text
        await c.press("enter")
        assert f"Start {HOSTILE} on GPU 0,1?" in c.text


def test_runs_of_gpus_are_joined() -> None:
    assert gpu_list((0, 1, 2, 3, 6)) == "0-3,6"
    assert gpu_list((0, 1)) == "0,1"
    assert gpu_list(()) == ""


async def test_a_server_that_ran_before_the_console_is_named(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        c.main.workers.cancel_all()
        labels = {"nemotui": "mine", "nemotui.variant": "FP8", "nemotui.tensor-parallel-size": "2"}
        running = Container(id="0a1b", name="mine", image="vllm", state="running", port=8000, labels=labels)
        c.main.states["deploy"] = replace(state(c), container=running)
        c.main._show("deploy")
        await c.until("● mine runs: FP8, TP 2, port 8000  x stops it, 3 shows its log")


async def test_the_container_for_a_cpu_is_the_one_row(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        c.main.workers.cancel_all()
        plan = Plan(
            name="nemotui",
            image="vllm-cpu:1",
            model="tiny/model",
            served_model_name="tiny",
            max_model_len=64,
            max_num_seqs=16,
        )
        c.main.states["deploy"] = replace(state(c), cpu=plan)
        c.main._show("deploy")
        await c.until("○ as asked")
        assert "$ docker run -d --name nemotui" in c.text
        await c.press("enter")
        assert "Start vllm-cpu:1?" in c.text


async def test_f_fetches_image_and_weights_ahead_and_breaks_that_off(console: ConsoleFactory) -> None:
    async with console(start_s=60.0, hf_cache="/cache") as c:
        await c.press("2")
        await c.until("1,015-1,228")
        await c.press("f")
        await c.until("Fetching the weights")
        await c.press("f")
        await c.until("Broken off. What was fetched stays.")
        assert state(c).ahead is None
        assert not state(c).starting
