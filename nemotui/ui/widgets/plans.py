"""The plans as a table: a row each, changed in place, with as many columns as there is room for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from rich.text import Text
from textual.widgets import DataTable

from nemotui.core.recommend import Verdict
from nemotui.core.show import band, gpu_list, number
from nemotui.ui.states.deploy import Choice

SIGNS: Mapping[Verdict, tuple[str, str]] = {
    "fits": ("●", "success"),
    "tight": ("◐", "warning"),
    "experimental": ("◇", "secondary"),
    "no": ("✖", "muted"),
}
_HEAD = ("VARIANT", "TP", "GPUS", "VERDICT", "CONTEXT", "SEQS", "TOK/S", "TTFT s", "ITL ms", "WHY")
_RIGHT = ("TP", "CONTEXT", "SEQS", "TOK/S", "TTFT s", "ITL ms")
_FIRST_TO_GO = ("CONTEXT", "SEQS", "GPUS", "TTFT s", "ITL ms", "TOK/S", "VERDICT", "TP")
_LEAST_WHY = 24  # cells: a shorter sentence says nothing


class PlanTable(DataTable[Text]):
    """The pane has the focus and moves the cursor; the row under it stays the same plan while others change places."""

    can_focus = False

    def __init__(self) -> None:
        super().__init__(cursor_type="row", cursor_foreground_priority="renderable", id="plans")
        self._shown: list[str] = []
        self._widths: Mapping[str, int] = {}

    @property
    def selected(self) -> str | None:
        """The key of the plan under the cursor."""
        return self._shown[self.cursor_row] if self.is_valid_row_index(self.cursor_row) else None

    def show(self, choices: Sequence[Choice], width: int) -> None:
        """These plans, in `width` cells."""
        colours = self.app.theme_variables
        rows = {
            choice.key: [_text(name, *cell, colours) for name, cell in zip(_HEAD, _cells(choice), strict=True)]
            for choice in choices
        }
        widths = _widths(list(rows.values()), width)
        if widths != self._widths or list(rows) != self._shown:
            self._fill(widths, rows)
            return
        for key, cells in rows.items():
            for name, cell in zip(_HEAD, cells, strict=True):
                if name in widths and not _same(self.get_cell(key, name), cell):
                    self.update_cell(key, name, cell)

    def _fill(self, widths: Mapping[str, int], rows: Mapping[str, list[Text]]) -> None:
        selected = self.selected
        self.clear(columns=True)
        for name, width in widths.items():
            self.add_column(_text(name, name), key=name, width=width)
        for key, cells in rows.items():
            self.add_row(*(cell for name, cell in zip(_HEAD, cells, strict=True) if name in widths), key=key)
        self._widths, self._shown = widths, list(rows)
        if selected is not None and selected in rows:
            self.move_cursor(row=self._shown.index(selected))


def verdict_words(choice: Choice) -> tuple[str, str]:
    """A plan's verdict as sign and word, and the name of its colour."""
    if choice.plan is None:
        return "○ as asked", "foreground"
    sign, colour = SIGNS[choice.plan.verdict]
    return f"{sign} {choice.plan.verdict}", colour


def _cells(choice: Choice) -> list[tuple[str, str]]:
    """Text and colour for each column, in the order of `_HEAD`."""
    plan = choice.plan
    if plan is None:
        return [("CPU", ""), *[("n/a", "muted")] * 2, verdict_words(choice), *[("n/a", "muted")] * 5, ("", "")]
    copies = f"×{plan.data_parallel_size}" if plan.data_parallel_size > 1 else ""
    found = plan.predicted
    expected = [("n/a", "muted")] * 3
    if found:
        ttft = (found.mean_ttft_ms[0] / 1e3, found.mean_ttft_ms[1] / 1e3)
        expected = [(band(found.output_throughput), ""), (band(ttft), ""), (band(found.mean_itl_ms), "")]
    return [
        (plan.variant, ""),
        (f"{plan.tensor_parallel_size}{copies}", ""),
        (gpu_list(choice.gpus) or "n/a", "" if choice.gpus else "muted"),
        verdict_words(choice),
        (number(plan.max_model_len), ""),
        (number(plan.max_num_seqs), "" if plan.max_num_seqs else "muted"),
        *expected,
        (plan.summary, "muted"),
    ]


def _same(one: Text, other: Text) -> bool:
    """Rich compares the words alone; another theme has other colours."""
    return one == other and one.style == other.style


def _text(column: str, words: str, colour: str = "", colours: Mapping[str, str] = MappingProxyType({})) -> Text:
    style = colours[colour] if colour else ""
    return Text(words, style=style, no_wrap=True, overflow="ellipsis", justify="right" if column in _RIGHT else "left")


def _widths(rows: Sequence[Sequence[Text]], width: int) -> dict[str, int]:
    """The columns that there is room for, with their widths; each has a cell of padding at both sides.

    The first to go are those that the words below the table say as well.
    """
    widths = {name: max([len(name), *(row[place].cell_len for row in rows)]) for place, name in enumerate(_HEAD[:-1])}
    for name in _FIRST_TO_GO:
        if sum(widths.values()) + 2 * len(widths) <= width:
            break
        del widths[name]
    left = width - sum(widths.values()) - 2 * (len(widths) + 1)
    if len(widths) == len(_HEAD) - 1 and left >= _LEAST_WHY:
        widths["WHY"] = min(left, max([3, *(row[-1].cell_len for row in rows)]))
    return widths
