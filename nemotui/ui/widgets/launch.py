"""A start in words: how far, each phase with its time, and how it ended."""

from __future__ import annotations

import textwrap
from typing import Literal

from textual.content import Content

from nemotui.core.deploy import Ready
from nemotui.core.failed import Failed
from nemotui.core.phases import Phase
from nemotui.core.plan import LABEL
from nemotui.core.ports import Container
from nemotui.core.show import cut, duration
from nemotui.core.stop import Stopping
from nemotui.core.verify import CHECKS
from nemotui.keys.keymap import key_of
from nemotui.ui.states.launch import Launch, PhaseLine
from nemotui.ui.widgets.starting import going_on

_NAMES: dict[Phase | Literal["pull"], str] = {
    "pull": "fetch image",
    "boot": "boot",
    "config": "configuration",
    "engine": "engine",
    "download": "download",
    "weights": "load weights",
    "compile": "compile",
    "kernels": "warm up kernels",
    "kv_cache": "KV cache",
    "graphs": "CUDA graphs",
    "serve": "open the port",
}
_SIGNS = {"past": ("✓", "$success"), "now": ("▶", "$accent"), "next": ("·", "$muted"), "failed": ("✖", "$error")}
_DIFF = {"-": "$error", "+": "$success"}
_CELL = 26  # a phase: sign, name, time


def launch_words(launch: Launch, width: int) -> Content:
    """The whole of it, wrapped to `width` cells."""
    match launch.ended:
        case Ready():
            parts = _ready(launch.ended, width)
        case Failed():
            parts = _failed(launch.ended, width, log=launch.container is not None or launch.starting is not None)
        case None:
            parts = going_on(launch, width)
    return Content("\n").join([*parts, *_phases(launch.phases, width)])


def running_words(container: Container) -> Content:
    """A server of ours whose start was not seen from here."""
    if not container.ours:
        return Content.assemble(
            ("● ", "$warning"),
            (container.name, "bold"),
            " runs, and was not started by nemotui: it is only looked at.  ",
            (f"{key_of('deploy-adopt')} makes it ours, {key_of('logs')} shows its log", "$muted"),
        )
    variant, tp = (container.labels.get(f"{LABEL}.{name}") for name in ("variant", "tensor-parallel-size"))
    facts = [variant, tp and f"TP {tp}", container.port and f"port {container.port}"]
    return Content.assemble(
        ("● ", "$success"),
        (container.name, "bold"),
        f" runs: {', '.join(fact for fact in facts if fact)}  ",
        (f"{key_of('deploy-stop')} stops it, {key_of('verify')} verifies it, {key_of('logs')} shows its log", "$muted"),
    )


def stopping_words(stopping: Stopping) -> Content:
    """The grace period, counted down."""
    return Content.assemble(
        ("◐ Stopping ", "bold $warning"),
        (stopping.container.name, "bold"),
        f": it has {stopping.left_s:.0f} s to end by itself, then it is killed.",
    )


def _ready(ready: Ready, width: int) -> list[Content]:
    said = ready.reply.content or ready.reply.reasoning or "(nothing)"
    return [
        Content.assemble(
            ("● Ready", "bold $success"), f" after {duration(ready.elapsed_s)} at ", (ready.base_url, "bold")
        ),
        Content.assemble(("It said: ", "$muted"), textwrap.shorten(said, max(20, 3 * width), placeholder=" …")),
        Content.assemble(("$ ", "$muted"), ready.curl),
        Content.assemble(
            (key_of("verify"), "bold $primary"),
            f" verifies it: {len(CHECKS)} trust checks.  ",
            (key_of("connect"), "bold $primary"),
            " connects a client.",
        ),
        Content(""),
    ]


def _failed(failed: Failed, width: int, *, log: bool) -> list[Content]:
    """The cause, the lines that show it, what to change; and the keys that do it."""
    log, cure = log or failed.container is not None, failed.cure
    keys = [("deploy-cure", "shows the changed command and tries again")] if cure else []
    keys += [("logs", "shows the whole log")] if log else []
    keys += [("deploy-save", "saves a bundle to send to somebody, without secrets")] if failed.container else []
    offers = [Content.assemble((key_of(action), "bold $primary"), f" {what}") for action, what in keys]
    changes = cure.diff if cure else ()
    return [
        Content.assemble(("✖ The start failed: ", "bold $error"), (failed.cause, "bold")),
        *(Content.styled("  " + cut(line, width - 2), "$muted") for line in failed.evidence),
        *([Content.assemble(("→ ", "bold $accent"), failed.remedy)] if failed.remedy else []),
        *(Content.styled(f"  {cut(line, width - 2)}", _DIFF[line[0]]) for line in changes),
        *([Content.styled("   ", "$muted").join(offers)] if offers else []),
        Content(""),
    ]


def _phases(lines: tuple[PhaseLine, ...], width: int) -> list[Content]:
    """In columns, as many as there is room for, read line by line."""
    cells = [_phase(line) for line in lines]
    columns = max(1, width // _CELL)
    return [Content.assemble(*cells[start : start + columns]) for start in range(0, len(cells), columns)]


def _phase(line: PhaseLine) -> Content:
    sign, style = _SIGNS[line.when]
    time = "" if line.seconds is None else ("~" if line.when == "next" else "") + duration(line.seconds)
    name_style = "$muted" if line.when == "next" else "bold" if line.when == "now" else ""
    return Content.assemble((f"{sign} ", style), (f"{_NAMES[line.phase]:<15}", name_style), f"{time:>6}   ")
