"""A start in words: how far, each phase with its time, and how it ended."""

from __future__ import annotations

import textwrap

from textual.content import Content

from nemotui.core.deploy import Ready
from nemotui.core.failed import Failed
from nemotui.core.phases import Phase
from nemotui.core.plan import LABEL
from nemotui.core.ports import Container
from nemotui.core.show import duration, gib
from nemotui.ui.states.launch import Launch, PhaseLine
from nemotui.ui.widgets.bar import bar

_NAMES: dict[Phase, str] = {
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
_CELL = 26  # a phase: sign, name, time
_BAR = 60  # cells, at most


def launch_words(launch: Launch, width: int) -> Content:
    """The whole of it, wrapped to `width` cells."""
    match launch.ended:
        case Ready():
            parts = _ready(launch.ended, width)
        case Failed():
            parts = _failed(launch.ended, width, log=launch.container is not None or launch.starting is not None)
        case None:
            parts = _going_on(launch, width)
    return Content("\n").join([*parts, *_phases(launch.phases, width)])


def running_words(container: Container) -> Content:
    """A server of ours whose start was not seen from here."""
    variant, tp = (container.labels.get(f"{LABEL}.{name}") for name in ("variant", "tensor-parallel-size"))
    facts = [variant, tp and f"TP {tp}", container.port and f"port {container.port}"]
    return Content.assemble(
        ("● ", "$success"),
        (container.name, "bold"),
        f" runs: {', '.join(fact for fact in facts if fact)}  ",
        ("s stops it, 3 shows its log", "$muted"),
    )


def _going_on(launch: Launch, width: int) -> list[Content]:
    starting, pull = launch.starting, launch.pull
    room = min(_BAR, max(10, width - 40))
    if starting is not None:
        eta = "no estimate" if starting.eta_s is None else f"ready in about {duration(starting.eta_s)}"
        return [
            Content.assemble(("Starting  ", "bold"), duration(starting.elapsed_s)),
            Content.assemble(bar(starting.fraction, room, "$accent"), f" {starting.fraction * 100:3.0f} %  {eta}"),
            Content.styled(_cut(starting.detail, width), "$muted"),
            Content(""),
        ]
    if launch.container is None and pull is not None:
        total = pull.total_bytes
        share = pull.current_bytes / total if total else None
        figures = f" {share * 100:3.0f} %  {gib(pull.current_bytes)} of {gib(total)}" if share is not None else ""
        return [
            Content.styled("Fetching the image", "bold"),
            Content.assemble(bar(share, room, "$accent"), figures),
            Content.styled(_cut(pull.status, width), "$muted"),
        ]
    step = "Asking the engine …" if launch.container is None else "The container runs; it has written nothing yet."
    return [Content.styled("Starting", "bold"), Content.styled(step, "$muted")]


def _ready(ready: Ready, width: int) -> list[Content]:
    said = ready.reply.content or ready.reply.reasoning or "(nothing)"
    return [
        Content.assemble(
            ("● Ready", "bold $success"), f" after {duration(ready.elapsed_s)} at ", (ready.base_url, "bold")
        ),
        Content.assemble(("It said: ", "$muted"), textwrap.shorten(said, max(20, 3 * width), placeholder=" …")),
        Content.assemble(("$ ", "$muted"), ready.curl),
        Content(""),
    ]


def _failed(failed: Failed, width: int, *, log: bool) -> list[Content]:
    return [
        Content.assemble(("✖ The start failed: ", "bold $error"), (failed.cause, "bold")),
        *(Content.styled("  " + _cut(line, width - 2), "$muted") for line in failed.evidence),
        *([Content.assemble(("→ ", "bold $accent"), failed.remedy)] if failed.remedy else []),
        *([Content.styled("3 shows the whole log.", "$muted")] if log else []),
        Content(""),
    ]


def _phases(lines: tuple[PhaseLine, ...], width: int) -> list[Content]:
    """In columns, as many as there is room for, read line by line."""
    cells = [_phase(line) for line in lines]
    columns = max(1, width // _CELL)
    return [Content.assemble(*cells[start : start + columns]) for start in range(0, len(cells), columns)]


def _phase(line: PhaseLine) -> Content:
    sign, style = _SIGNS[line.when]
    time = "" if line.seconds is None else duration(line.seconds)
    name_style = "$muted" if line.when == "next" else "bold" if line.when == "now" else ""
    return Content.assemble((f"{sign} ", style), (f"{_NAMES[line.phase]:<15}", name_style), f"{time:>6}   ")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: max(1, width - 1)] + "…"
