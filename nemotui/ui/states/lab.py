"""The lab as its screen shows it: which prompt, which columns, answers or their differences."""

from __future__ import annotations

from dataclasses import dataclass

from nemotui.core.conversation import Conversation, Turn
from nemotui.core.lab import Answer, LabState, Row
from nemotui.core.lab_report import difference
from nemotui.ui.states.transcript import Block, Blocks

_BESIDE = 38  # cells of a column that can be read
_NARROW = 100  # below it one column alone, and a line of their names


@dataclass(frozen=True, slots=True, kw_only=True)
class LabView:
    """`page`: the row that is looked at, counted from 0; one more than there are: all of them; None: the newest.

    `column` is the one that a narrow screen shows. `differences` None: as soon as they tell something. `thoughts`: the
    thinking is open.
    """

    page: int | None = None
    column: int = 0
    differences: bool | None = None
    thoughts: bool = False

    def page_of(self, lab: LabState) -> int:
        """The page that is shown."""
        newest = max(0, len(lab.rows) - 1)
        return newest if self.page is None else min(self.page, newest + (len(lab.rows) > 1))

    def row(self, lab: LabState) -> Row | None:
        """The row that is shown; None where all are, or there is none."""
        page = self.page_of(lab)
        return lab.rows[page] if page < len(lab.rows) else None

    def marked(self, lab: LabState) -> bool:
        """Whether differences are shown in the place of answers."""
        row = self.row(lab)
        if row is None or not row.over or self.differences is False:
            return False
        found = [difference(row.answers[0], answer) for answer in row.answers[1:]]
        return any(diff is not None and (self.differences or diff.telling) for diff in found)

    def columns(self, lab: LabState, width: int) -> range:
        """The columns that have room."""
        count = len(lab.settings)
        shown = min(count, 1 if width < _NARROW else width // _BESIDE)
        first = max(0, min(self.column - shown + 1, count - shown)) if self.column >= shown else 0
        return range(first, first + shown)


def column_title(answer: Answer) -> str:
    """What a column is doing."""
    said = answer.reply
    if answer.problem is not None:
        return f"✗ {answer.problem.kind}"
    if answer.over:
        return f"✓ {said.finish_reason}" if said and said.finish_reason else "■ stopped"
    if said is None or said.first_token_at is None:
        return "waits"
    return "thinks …" if said.first_answer_at is None else "answers …"


class ColumnBlocks:
    """One answer as the transcript draws it in the chat, without question and figures, which stand above."""

    def __init__(self) -> None:
        self._blocks = Blocks()
        self._answer = Answer()
        self._turn = Turn(question="")

    def of(self, answer: Answer, *, thoughts: bool) -> list[Block]:
        """All of it so far; an answer that does not go on from the last begins anew."""
        if answer is not self._answer:
            self._answer = answer
            self._turn = Turn(question="", reply=answer.reply, over=answer.over, problem=answer.problem)
        blocks = self._blocks.of(Conversation(turns=(self._turn,)), thoughts=thoughts)[1:]
        blocks = blocks[:-1] if answer.over else blocks
        blocks += [Block("problem", note) for note in answer.notes if answer.problem is None]
        return blocks or [Block("note", "no answer")]
