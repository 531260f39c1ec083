"""GPUs: a card for each, or a line each where there are many or the window is small."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.reactive import reactive
from textual.widgets import Static

from nemotui.core.errors import Problem
from nemotui.core.hardware import Gpu, Machine
from nemotui.core.show import gib, number
from nemotui.ui.panes.base import Pane
from nemotui.ui.states.gpus import GpusState, Trace, share
from nemotui.ui.widgets.bar import bar, columns
from nemotui.ui.widgets.history import History

_CARD_LINES = (5, 10)  # title, memory, load, power and a blank line; what is more makes the load's history taller
_OTHER_LINES = 8  # host, links and holders around the cards
_LABEL = 31  # cells for a row's name and figures; the pictures stand in one column beside them
_TONES = {"ok": "$success", "lost": "$error", "reset-required": "$error", "error": "$error"}
_SIGNS = {"ok": "●", "lost": "✖", "reset-required": "✖", "error": "✖"}


class GpuCard(Vertical):
    """One GPU: who it is, its memory, its load and power now and over the last minutes."""

    shown: reactive[tuple[Gpu, Trace] | None] = reactive(None, init=False)

    def compose(self) -> ComposeResult:
        yield Static(classes="title")
        for row, history in (("memory", None), ("load", History(top=100)), ("power", History(top=100))):
            with Horizontal(classes=row):
                yield Static(classes="figures")
                yield history or Static(classes="picture")

    def watch_shown(self) -> None:
        """A new sample; before the mount there is nothing to draw on."""
        if self.is_mounted:
            self.on_mount()

    def on_mount(self) -> None:
        """Draw this GPU as it is now."""
        if self.shown is None:
            return
        gpu, trace = self.shown
        state = gpu.state if gpu.state == "ok" else f"{gpu.state}: {gpu.state_reason or 'no reason given'}"
        title = Content.assemble(
            (f"{gpu.index}  {gpu.name}", "bold"),
            (f"   {gpu.uuid[:12]}   ", "$muted"),
            (f"{_SIGNS[gpu.state]} {state}", _TONES[gpu.state]),
        )
        self.query_one(".title", Static).update(title)
        used, total = share(gpu.memory_used_bytes, gpu.memory_total_bytes), gib(gpu.memory_total_bytes)
        words = "n/a" if gpu.memory_used_bytes is None else f"{gpu.memory_used_bytes / 2**30:.1f} of {total}"
        self._row("memory", words)
        power = "n/a" if gpu.power_w is None else f"{gpu.power_w:.0f} of {number(gpu.power_limit_w, 'W')}"
        self._row("power", f"{power}  {number(gpu.temperature_c, '°C')}")
        self._row("load", number(gpu.utilization_percent, "%"))
        picture = self.query_one(".picture", Static)
        picture.update(bar(None if used is None else used / 100, self.size.width - _LABEL, "$primary"))
        self.query_one(".load History", History).show(trace.utilization)
        self.query_one(".power History", History).show(trace.power)

    def _row(self, name: str, words: str) -> None:
        figures = Content.assemble((f"   {name:<9}", "$muted"), words)
        self.query_one(f".{name} .figures", Static).update(figures)


class GpusPane(Pane[GpusState]):
    """The machine now."""

    LABEL: ClassVar[str] = "GPUs"

    def compose(self) -> ComposeResult:
        yield Static(id="host")
        with VerticalScroll(id="cards", can_focus=False):
            yield Static(id="lines")
        yield Static(id="machine-notes")

    def on_resize(self) -> None:
        """Cards or lines: it depends on the room."""
        if self.is_mounted and self.display:
            self.draw()

    def draw(self) -> None:
        state = self.state
        if state is None:
            return
        machine = state.machine
        self.query_one("#host", Static).update(_host(machine, state.problem))
        gpus = machine.gpus if machine else ()
        room = (self.size.height - _OTHER_LINES) // max(1, len(gpus))
        cards = room >= _CARD_LINES[0] and self.size.width >= 60
        self._cards(gpus if cards else (), state, min(room, _CARD_LINES[1]))
        lines = self.query_one("#lines", Static)
        lines.display = not cards or not gpus
        if lines.display:
            lines.update(_empty(state) if not gpus else _lines(gpus, state, self.size.width))
        self.query_one("#machine-notes", Static).update(_notes(machine) if machine else "")

    def _cards(self, gpus: tuple[Gpu, ...], state: GpusState, lines: int) -> None:
        """One card a GPU, kept as long as the number stays: they are filled, not made anew."""
        box = self.query_one("#cards", VerticalScroll)
        shown = list(box.query(GpuCard))
        for card in shown[len(gpus) :]:
            card.remove()
        if len(shown) < len(gpus):
            new = [GpuCard() for _ in gpus[len(shown) :]]
            box.mount_all(new)
            shown += new
        for card, gpu in zip(shown, gpus, strict=False):
            card.styles.height = lines
            card.shown = (gpu, state.traces.get(gpu.uuid, Trace()))


def _host(machine: Machine | None, problem: Problem | None) -> Content:
    if problem is not None and machine is not None:
        return Content.styled(f"{problem}  What is shown is old.", "$warning")
    if machine is None:
        return Content("")
    host = machine.host
    facts = [
        host.hostname,
        host.cpu_count and f"{host.cpu_count} CPUs",
        host.memory_available_bytes and f"RAM {gib(host.memory_available_bytes)} free",
        host.disk_free_bytes and f"disk {gib(host.disk_free_bytes)} free",
        machine.driver_version and f"driver {machine.driver_version}",
        machine.cuda_version and f"CUDA {machine.cuda_version}",
    ]
    return Content.styled(" · ".join(str(fact) for fact in facts if fact), "$muted")


def _empty(state: GpusState) -> Content:
    if state.problem is not None:
        return Content.assemble(
            (f"{state.problem.message}\n", "bold $warning"),
            (f"{state.problem.fix}\n\n", ""),
            ("The other panes work all the same: 4 measures and 5 asks a server wherever it runs.", "$muted"),
        )
    if state.machine is None:
        return Content.styled("Asking the driver …", "$muted")
    return Content("The driver works, and there is no GPU.")


def _lines(gpus: tuple[Gpu, ...], state: GpusState, width: int) -> Content:
    """A line each. From 100 columns on there is room for the history."""
    rows = [Content.styled(_line("#", "NAME", "USED", "TOTAL", "LOAD", "POWER", "TEMP"), "$muted")]
    room = width - len(_line(*[""] * 7)) - 16
    for gpu in gpus:
        used = share(gpu.memory_used_bytes, gpu.memory_total_bytes)
        text = _line(
            str(gpu.index),
            gpu.name.removeprefix("NVIDIA "),
            number(gpu.memory_used_bytes and gpu.memory_used_bytes / 2**30, digits=1),
            number(gpu.memory_total_bytes and gpu.memory_total_bytes / 2**30, digits=1),
            number(gpu.utilization_percent, "%"),
            number(gpu.power_w, "W"),
            number(gpu.temperature_c, "°C"),
        )
        state_words = "" if gpu.state == "ok" else f"  {gpu.state}: {gpu.state_reason or ''}"
        picture = bar(None if used is None else used / 100, min(room, 40), "$primary") if room > 8 else Content("")
        rows.append(Content.assemble(text, "  ", picture, (state_words, _TONES[gpu.state])))
    return Content("\n").join(rows)


def _line(*cells: str) -> str:
    return columns(list(zip(cells, (2, 18, -6, -6, -5, -6, -5), strict=True)))


def _notes(machine: Machine) -> Content:
    """How the GPUs reach each other, and who holds their memory."""
    parts = []
    kinds = sorted({link.kind or "unknown" for link in machine.links})
    if kinds:
        pairs = "every pair" if len(kinds) == 1 else "the pairs"
        parts.append(Content.assemble(("links   ", "$muted"), f"{', '.join(kinds)} between {pairs}"))
    for gpu in machine.gpus:
        for process in gpu.processes:
            who = f"{process.name or 'a process of another namespace'} (pid {process.pid}, {process.user or 'n/a'})"
            parts.append(
                Content.assemble(("holds   ", "$muted"), f"GPU {gpu.index}: {who} {gib(process.memory_bytes)}")
            )
    return Content("\n").join(parts[:6])
