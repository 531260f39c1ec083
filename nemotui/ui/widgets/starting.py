"""A start that goes on, in words: what arrives, how far it is, and when it should be ready."""

from __future__ import annotations

import textwrap

from textual.content import Content

from nemotui.core.deploy import Pulling, Starting
from nemotui.core.failed import Failed
from nemotui.core.ports import Layer
from nemotui.core.pull import Fetching, Kept, Pulled
from nemotui.core.show import arriving, cut, duration, gib
from nemotui.core.silence import silence
from nemotui.keys.keymap import key_of
from nemotui.ui.states.launch import Ahead, Launch
from nemotui.ui.widgets.bar import bar

_BAR = 60  # cells, at most
_LAYERS = 6  # rows, at most
_LABEL = 12
_ROOMY = 100  # cells: a smaller screen has no line to spare


def going_on(launch: Launch, width: int) -> list[Content]:
    """The lines above the phases."""
    if launch.starting is not None:
        return _starting(launch.starting, launch.container.name if launch.container else "NAME", width)
    if launch.pulling and launch.pull is not None:
        stop = Content.styled(f"{key_of('deploy-stop')} stops it, and nothing is started.", "$muted")
        return [*_pulling(launch.pull, width), stop]
    step = "The container is created …" if launch.creating else "Asking the engine …"
    if launch.container is not None:
        step = "The container runs; it has written nothing yet."
    return [Content.styled("Starting", "bold"), Content.styled(launch.step or step, "$muted")]


def _starting(event: Starting, name: str, width: int) -> list[Content]:
    source = "as the last start here" if event.tracker.expected.measured else "typical, not measured here"
    eta = Content.styled("no estimate", "$muted")
    if event.eta_s is not None:
        eta = Content.assemble((f"ready in about {duration(event.eta_s)}", "bold"), (f"  ({source})", "$muted"))
    head = Content.assemble(("Starting  ", "bold"), duration(event.elapsed_s), "  ", eta)
    lines = [head, _bar("start", event.fraction, f"{event.fraction * 100:.0f} %", width)]
    sight = event.sight
    if sight.gpu_used_bytes is not None and sight.gpu_total_bytes:
        gpus = f" on {sight.gpus} GPUs" if sight.gpus > 1 else ""
        figures = f"{sight.gpu_used_bytes / 2**30:.1f} of {gib(sight.gpu_total_bytes)}{gpus}"
        lines.append(_bar("GPU memory", sight.gpu_used_bytes / sight.gpu_total_bytes, figures, width))
    fetch = sight.fetch
    if fetch is not None and not fetch.whole and (fetch.growing or event.phase == "download"):
        share = fetch.held_bytes / fetch.total_bytes if fetch.total_bytes else None
        figures = arriving(fetch.held_bytes, fetch.total_bytes, fetch.bytes_per_s, fetch.eta_s)
        lines.append(_bar("weights", share, figures, width))
    lines.append(Content.styled(cut(event.detail, width - 2), "$muted"))
    if trouble := silence(event, name):
        what, to_try = trouble
        lines += [
            Content.styled(line, "bold $warning") for line in textwrap.wrap(f"▲ {what}", width, subsequent_indent="  ")
        ]
        lines += [Content(line) for line in textwrap.wrap(f"→ {to_try}", width, subsequent_indent="  ")]
    return [*lines, Content("")] if width >= _ROOMY else lines


def ahead_words(ahead: Ahead, width: int) -> Content:
    """What is fetched before any start."""
    match ahead.event:
        case Pulling():
            lines = _pulling(ahead.event, width)
        case Fetching(fetch=fetch):
            share = fetch.held_bytes / fetch.total_bytes if fetch.total_bytes else None
            figures = arriving(fetch.held_bytes, fetch.total_bytes, fetch.bytes_per_s, fetch.eta_s)
            head = Content.assemble(("Fetching the weights  ", "bold"), (cut(fetch.repo, width - 24), "$muted"))
            lines = [head, _bar("weights", share, figures, width)]
        case Kept(why=why):
            lines = [Content.styled(f"{why}: the image that is here is kept.", "$warning")]
        case Pulled(fetch=got):
            what = f"the weights, {gib(got.held_bytes)}, are here" if got else "there are no weights to fetch"
            lines = [Content.assemble(("● ", "$success"), f"The image is here, and {what}.")]
        case Failed(cause=cause, remedy=remedy):
            lines = [Content.assemble(("✖ Nothing more was fetched: ", "bold $error"), (cause, "bold"))]
            lines += [Content.assemble(("→ ", "bold $accent"), remedy)]
        case None:
            lines = []
    if ahead.going_on:
        lines.append(Content.styled(f"{key_of('deploy-fetch')} breaks it off; what is here stays.", "$muted"))
    return Content("\n").join([*lines, Content("")])


def _pulling(event: Pulling, width: int) -> list[Content]:
    progress = event.progress
    share = progress.current_bytes / progress.total_bytes if progress.total_bytes else None
    figures = arriving(progress.current_bytes, progress.total_bytes, event.bytes_per_s, event.eta_s)
    done = sum(layer.step == "done" for layer in progress.layers)
    unpacked = f"{done} of {len(progress.layers)} layers unpacked" if progress.layers else progress.status
    shown = [layer for layer in progress.layers if layer.step in ("downloading", "extracting")]
    shown += [layer for layer in progress.layers if layer.step == "waiting"]
    rows = [_layer(layer, width) for layer in shown[:_LAYERS]]
    more = [Content.styled(f"and {len(shown) - _LAYERS} more", "$muted")] if len(shown) > _LAYERS else []
    head = Content.assemble(
        ("Fetching the image  ", "bold"), duration(event.elapsed_s), (f"  {cut(unpacked, width - 28)}", "$muted")
    )
    return [head, _bar("image", share, figures, width), *rows, *more]


def _layer(layer: Layer, width: int) -> Content:
    share = layer.current_bytes / layer.total_bytes if layer.total_bytes else None
    words = {
        "waiting": "waits",
        "downloading": arriving(layer.current_bytes, layer.total_bytes, None, None),
        "extracting": f"{arriving(layer.current_bytes, None, None, None)}, unpacking",
        "done": "done",
    }[layer.step]
    return _bar(layer.id[:_LABEL], share, words, width)


def _bar(label: str, share: float | None, figures: str, width: int) -> Content:
    room = min(_BAR, max(10, width - _LABEL - 1 - 49))
    text = cut(figures, max(10, width - _LABEL - 2 - room))
    return Content.assemble((f"{label:<{_LABEL}} ", "$muted"), bar(share, room, "$accent"), f" {text}")
