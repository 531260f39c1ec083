"""GPUs: a card for each, or a line each where there are many or the window is small; Enter looks at one closely."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive

from nemotui.core.errors import Problem
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.host_line import host_facts
from nemotui.keys.keymap import key_of
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.gpus import GpusState, Trace
from nemotui.ui.states.gpus_view import GpusView
from nemotui.ui.widgets.canvas import Canvas
from nemotui.ui.widgets.gpu_card import MOST_LINES, card, card_lines
from nemotui.ui.widgets.gpu_detail import detail
from nemotui.ui.widgets.gpu_links import group_lines, link_lines
from nemotui.ui.widgets.gpu_rows import gpu_rows, holder_lines, slowed_lines

_BLANK = Content("")
_NO_GPU = Problem("no_gpu", "the driver works, and there is no GPU", "See what `lspci -d 10de:` and `dmesg` say.")
_CARD_WIDTH = 64  # cells that a card needs
_GUTTER = 3  # between two cards side by side
_BESIDE = 150  # columns from which cards stand side by side
_ROOMY = 14  # lines from which the host may have more than one
_COPIED = (
    "index",
    "uuid",
    "name",
    "state",
    "memory_total_bytes",
    "memory_used_bytes",
    "memory_free_bytes",
    "utilization_percent",
    "power_w",
    "temperature_c",
)


class GpusPane(Pane[GpusState]):
    """The machine now."""

    class Again(Message):
        """Somebody wants the driver, or GPUs that are gone, to be looked for now."""

    LABEL: ClassVar[str] = "GPUs"
    BINDINGS: ClassVar[list[BindingType]] = bindings("gpus")
    view: reactive[GpusView] = reactive(GpusView(), init=False, repaint=False)
    _offers = (False, False)  # whether there are GPUs, and something to look for
    _cursor = 0  # the line of the GPU under the cursor

    def compose(self) -> ComposeResult:
        yield Canvas(id="host")
        with VerticalScroll(id="gpu-scroll", can_focus=False):
            yield Canvas(id="machine")

    @property
    def detail_of(self) -> str | None:
        """UUID of the GPU that is looked at closely; None while nobody looks."""
        chosen = self._chosen if self.view.closer and self.display else None
        return chosen.uuid if chosen else None

    def watch_view(self) -> None:
        """Another GPU, another order, closer or not."""
        self.draw()
        self.query_one("#gpu-scroll").scroll_to_region(Region(0, self._cursor, 1, 5), animate=False)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        if action == "again":
            return self._offers[1]
        return self._offers[0] or action not in ("closer", "sort", "copy", "copy_all")

    def _draw(self, state: GpusState) -> None:
        if (offers := _offers(state.machine)) != self._offers:
            self._offers = offers
            self.refresh_bindings()
        machine, width = state.machine, self.content_size.width - 1  # a cell for the scroll bar
        head = _host(machine, state, width, self.content_size.height)
        self.query_one("#host", Canvas).show(head)
        self._cursor = 0
        chosen = self._chosen
        if machine is None or chosen is None:
            lines = _empty(state, width)
        elif self.view.closer:
            high = self.content_size.height - len(head)
            lines = detail(chosen, state.traces.get(chosen.uuid, Trace()), machine, width, high)
        else:
            lines = self._overview(machine, state, width, self.content_size.height - len(head))
        self.query_one("#machine", Canvas).show(lines)

    def _overview(self, machine: Machine, state: GpusState, width: int, height: int) -> list[Content]:
        below = _sections(link_lines(machine, width), group_lines(machine, width))
        gpus = self.view.rows(machine.gpus)
        beside = 2 if width >= _BESIDE and len(gpus) > 1 else 1
        room = (width - _GUTTER * (beside - 1)) // beside
        high = max(card_lines(gpu, room) for gpu in gpus) + 1
        ranks = -(-len(gpus) // beside)
        if ranks * high > height + 1 or width < _CARD_WIDTH:
            selected = self._chosen.uuid if self._chosen else None
            lines, self._cursor = gpu_rows(gpus, state.traces, order=self.view.order, selected=selected, width=width)
            return [*lines, _BLANK, *_sections(slowed_lines(gpus), holder_lines(gpus), below)]
        spare = (height - ranks * high - len(below)) // ranks
        return [*self._cards(gpus, state, room, beside, min(max(1, 1 + spare), MOST_LINES)), *below]

    def _cards(self, gpus: list[Gpu], state: GpusState, room: int, beside: int, high: int) -> list[Content]:
        lines: list[Content] = []
        for first in range(0, len(gpus), beside):
            rank = []
            for gpu in gpus[first : first + beside]:
                selected = gpu is self._chosen and len(gpus) > 1
                if gpu is self._chosen:
                    self._cursor = len(lines)
                trace = state.traces.get(gpu.uuid, Trace())
                rank.append(card(gpu, trace, selected=selected, width=room, lines=high))
            for y in range(max(map(len, rank))):
                cells = [
                    (one[y] if y < len(one) else _BLANK).truncate(room, ellipsis=True, pad=beside > 1) for one in rank
                ]
                lines.append(Content(" " * _GUTTER).join(cells))
            lines.append(_BLANK)
        return lines

    @property
    def _chosen(self) -> Gpu | None:
        machine = self.state.machine if self.state else None
        return self.view.chosen(machine.gpus) if machine else None

    def leave_field(self) -> None:
        """Escape: back to all of them."""
        self.view = replace(self.view, closer=False)
        super().leave_field()

    def action_closer(self) -> None:
        """The GPU under the cursor with all its figures, or back to all GPUs."""
        if self._chosen is not None:
            self.view = replace(self.view, closer=not self.view.closer)

    def action_again(self) -> None:
        """Now, and though GPUs that answer wait meanwhile."""
        self.app.notify("Looking for the driver and its GPUs anew …")
        self.post_message(self.Again())

    def action_move(self, steps: int) -> None:
        """To another GPU, here or while one is looked at closely."""
        if self.state and self.state.machine:
            self.view = self.view.moved(steps, self.state.machine.gpus)

    def action_sort(self) -> None:
        """In the next order."""
        self.view = self.view.sorted()
        self.app.notify(f"GPUs by {self.view.order}.")

    def action_page(self, pages: int) -> None:
        """To what is below, and back."""
        scroll = self.query_one("#gpu-scroll")
        scroll.scroll_relative(y=pages * max(1, scroll.size.height - 1), animate=False)

    def action_copy(self) -> None:
        """Through the terminal's clipboard (OSC 52), which reaches through SSH."""
        if self._chosen is not None:
            copy(self, self._chosen.uuid, f"The UUID of GPU {self._chosen.index}")

    def action_copy_all(self) -> None:
        """As tab-separated lines, which a spreadsheet takes."""
        if self.state and self.state.machine and self.state.machine.gpus:
            copy(self, table_text(self.view.rows(self.state.machine.gpus)), "The table")


def _offers(machine: Machine | None) -> tuple[bool, bool]:
    if machine is None:
        return False, False
    return bool(machine.gpus), machine.error is not None or not machine.gpus or any(gpu.gone for gpu in machine.gpus)


def table_text(gpus: list[Gpu]) -> str:
    """The GPUs as tab-separated values, bytes and all; what is unknown is empty."""
    rows = [[getattr(gpu, name) for name in _COPIED] for gpu in gpus]
    return "\n".join("\t".join("" if cell is None else str(cell) for cell in row) for row in [_COPIED, *rows])


def _sections(*sections: Sequence[Content]) -> list[Content]:
    """One after another, a blank line between those that have lines."""
    lines: list[Content] = []
    for section in filter(None, sections):
        lines += [*([_BLANK] if lines else []), *section]
    return lines


def _host(machine: Machine | None, state: GpusState, width: int, height: int) -> list[Content]:
    if machine is None:
        return []
    host = replace(machine.host, engine_version=state.engine or machine.host.engine_version)
    lines = [""]
    for fact in host_facts(replace(machine, host=host)):
        if lines[-1] and len(lines[-1]) + 3 + len(fact) > width:
            lines.append("")
        lines[-1] += f" · {fact}" if lines[-1] else fact
    shown = [Content.styled(line, "$muted") for line in (lines if height >= _ROOMY else lines[:1]) if line]
    if machine.gpus and (problem := machine.error):
        shown += [Content.styled(f"▲ {problem.message}", "$warning"), Content.styled(f"  {problem.fix}", "$warning")]
    return [*shown, _BLANK] if shown else []


def _empty(state: GpusState, width: int) -> list[Content]:
    if state.machine is None:
        return [Content.styled("Asking the driver …", "$muted")]
    problem = state.machine.error or _NO_GPU
    paragraphs = (
        (f"○ {problem.message[:1].upper()}{problem.message[1:]}.", "bold $warning"),
        (f"  {problem.fix}", ""),
        ("", ""),
        (f"  {key_of('gpus-again')} looks again now; by itself the console does so every half minute.", "$muted"),
        (
            f"  {key_of('deploy')} plans for GPUs that are elsewhere, {key_of('bench')} measures and {key_of('chat')}"
            " asks a server wherever it runs.",
            "$muted",
        ),
    )
    return [
        Content.styled(line, style)
        for words, style in paragraphs
        for line in textwrap.wrap(words, max(20, width), subsequent_indent="  ") or [""]
    ]
