"""The plans in the Deploy pane, by its keys, on a pretend machine."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.failed import Failed
from nemotui.core.plan import Plan
from nemotui.core.show import gpu_list
from nemotui.core.text import plain_line
from nemotui.ui.preview import Preview
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.launch import Launch
from tests.core.machines import machine
from tests.ui.conftest import ConsoleFactory

pytestmark = pytest.mark.anyio

HOSTILE = plain_line("\x1b]0;owned\x07\x1b[31m[/x] [INFO] a[0] [bold]b")


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
        await c.until(lambda: len(c.deploy.choices) == 20)
        await c.press("down", "down")
        assert "BF16, TP 8 on GPU 0-7" in c.text
        await c.hold()
        choices = c.deploy.choices
        c.main.states["deploy"] = replace(c.deploy, plans=tuple(reversed(choices)))
        c.main._show("deploy")
        await c.pilot.pause()
        assert "BF16, TP 8 on GPU 0-7" in c.text


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


async def test_o_changes_the_order(console: ConsoleFactory) -> None:
    async with console("8xh200") as c:
        await c.press("2")
        await c.until("best throughput first")
        await c.press("o")
        await c.until("best latency first")
        await c.press("o")
        await c.until("best capacity first")
        counts = [choice.plan.live_requests[-1][1] for choice in c.deploy.choices if choice.plan and choice.spec]
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
        await c.hold()
        now = machine("H100 80GB SXM", "H100 80GB SXM")
        now = replace(now, gpus=tuple(replace(gpu, name=HOSTILE, uuid=f"{gpu.index}{HOSTILE}") for gpu in now.gpus))
        planned = DeployState(catalog=c.deploy.catalog, request=c.deploy.request).after(now)
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


async def test_the_container_for_a_cpu_is_the_one_row(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.hold()
        plan = Plan(
            name="nemotui",
            image="vllm-cpu:1",
            model="tiny/model",
            served_model_name="tiny",
            max_model_len=64,
            max_num_seqs=16,
        )
        c.main.states["deploy"] = replace(c.deploy, cpu=plan)
        c.main._show("deploy")
        await c.until("○ as asked")
        assert "$ docker run -d --name nemotui" in c.text
        await c.press("enter")
        assert "Start vllm-cpu:1?" in c.text
