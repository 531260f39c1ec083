"""The lab's comparison as lines, and a column: its answer as it streams, or how it differs from the first."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from nemotui.core.lab import LabState, Row
from nemotui.core.lab_report import caption, difference
from nemotui.core.lab_table import Figures, means, row_figures, sentences, table
from nemotui.core.word_diff import Kind, WordDiff
from nemotui.keys.keymap import key_of
from nemotui.ui.states.lab import ColumnBlocks, LabView, column_title
from nemotui.ui.widgets.transcript import Transcript

_SETTINGS = (
    "A setting is full, low or off, then by commas temperature=, top_p=, max_tokens=, seed=, budget= (of thinking"
    " tokens): full low off,temperature=0.2"
)
_STYLES: dict[Kind, str] = {"same": "", "gone": "$error", "new": "bold $success"}


class LabColumn(Vertical):
    """One setting: its name and what it does now, and below the answer."""

    def __init__(self) -> None:
        super().__init__()
        self._blocks = ColumnBlocks()

    def compose(self) -> ComposeResult:
        yield Static(classes="lab-title")
        yield Transcript()
        with VerticalScroll(classes="lab-diff", can_focus=False):
            yield Static()

    def show(self, row: Row, number: int, name: str, view: LabView, marked: bool) -> None:
        """The column's answer; `marked`: how it differs from the first one's, where that is known."""
        answer = row.answers[number]
        self.query_one(".lab-title", Static).update(
            Content.assemble((name, "bold $primary"), "  ", (column_title(answer), "$error" if answer.problem else ""))
        )
        diff = difference(row.answers[0], answer) if marked and number else None
        self.query_one(Transcript).display = diff is None
        self.query_one(".lab-diff").display = diff is not None
        if diff is None:
            self.query_one(Transcript).show(self._blocks.of(answer, thoughts=view.thoughts))
        else:
            said = answer.reply.content if answer.reply else ""
            self.query_one(".lab-diff", VerticalScroll).query_one(Static).update(_marked(diff, said))

    def move(self, lines: int) -> None:
        """Through what has no room."""
        for scroll in (self.query_one(Transcript), self.query_one(".lab-diff")):
            if scroll.display:
                scroll.scroll_relative(y=lines, animate=False)


def _marked(diff: WordDiff, said: str) -> Content:
    """The signs say what the colours say."""
    head = Content.styled(f"{diff.sentence}\n\n", "$muted")
    if not diff.telling:
        return head + Content(said)
    pieces = (Content.styled(piece.marked, _STYLES[piece.kind]) for piece in diff.pieces)
    return head + Content("").join(pieces)


def comparison(lab: LabState, view: LabView, price: float | None, width: int) -> list[Content]:
    """The table of the row that is looked at, or the means of all."""
    names = [setting.name for setting in lab.settings]
    row = view.row(lab)
    if not lab.rows:
        return []
    figures = means(lab.rows, names, price) if row is None else row_figures(row, names, price)
    return _grid(figures, width)


def told(lab: LabState, view: LabView, price: float | None, time_scale: float, width: int) -> list[Content]:
    """What the table says, and how it has to be read."""
    row = view.row(lab)
    names = [setting.name for setting in lab.settings]
    if lab.begun is None:
        texts = [
            f"{key_of('lab-begin')} asks the prompt under every setting at once; their tokens, times and answers are"
            " compared.",
            _SETTINGS,
            f"{key_of('lab-pick')} has prompts that ship, each with what it shows; {key_of('lab-file')} reads a file of"
            " your own as a batch.",
        ]
    elif not lab.rows or (row is not None and not row.over):
        return []
    else:
        figures = means(lab.rows, names, price) if row is None else row_figures(row, names, price)
        texts = [*sentences(figures), caption(lab, time_scale=time_scale, price_per_hour=price)]
    return [Content.styled(line, "$muted") for text in texts for line in textwrap.wrap(text, max(20, width))]


def every_row(lab: LabState, price: float | None, width: int) -> list[Content]:
    """All rows, a table each."""
    names = [setting.name for setting in lab.settings]
    lines: list[Content] = []
    for row in lab.rows:
        shows = f"  {row.prompt.shows}" if row.prompt.shows else ""
        lines += [Content(""), Content.assemble((row.prompt.name, "bold"), (shows, "$muted"))]
        lines += _grid(row_figures(row, names, price), width)
    return lines[1:]


def _grid(figures: Sequence[Figures], width: int) -> list[Content]:
    rows = table(figures, width=width)
    wide = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = []
    for place, row in enumerate(rows):
        aligned = [
            cell.ljust(size) if name in ("SETTING", "END") else cell.rjust(size)
            for name, cell, size in zip(rows[0], row, wide, strict=True)
        ]
        lines.append(Content.styled("  ".join(aligned).rstrip(), "" if place else "$muted"))
    return lines
