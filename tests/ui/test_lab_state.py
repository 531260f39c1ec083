"""What the lab's screen shows of a lab: pages, columns, blocks; without a screen."""

from __future__ import annotations

import pytest

from nemotui.core.errors import FailedError
from nemotui.core.lab import Answer, LabState
from nemotui.ui.states.lab import ColumnBlocks, LabView, column_title
from tests.core.test_lab import ANSWERS, ONE, TWO, Modes, ended, said

pytestmark = pytest.mark.anyio

ALIKE = {**ANSWERS, "low": said("it is 381", 4)}


async def test_the_newest_row_is_shown_until_another_is_looked_at_and_after_the_last_come_all() -> None:
    lab = await ended(Modes(3, ANSWERS), ONE, TWO)
    assert LabView().row(lab) == lab.rows[1]
    assert LabView(page=0).row(lab) == lab.rows[0]
    assert LabView(page=2).row(lab) is None
    assert LabView(page=9).page_of(lab) == 2
    assert LabView().row(LabState()) is None
    alone = await ended(Modes(3, ANSWERS), ONE)
    assert LabView(page=9).row(alone) == alone.rows[0]


async def test_a_wide_screen_has_every_column_and_a_narrow_one_the_chosen() -> None:
    lab = await ended(Modes(3, ANSWERS), ONE)
    assert list(LabView().columns(lab, 160)) == [0, 1, 2]
    assert list(LabView().columns(lab, 120)) == [0, 1, 2]
    assert list(LabView(column=2).columns(lab, 100)) == [1, 2]
    assert [list(LabView(column=n).columns(lab, 80)) for n in range(3)] == [[0], [1], [2]]
    assert list(LabView().columns(LabState(), 80)) == []


async def test_differences_are_shown_as_soon_as_they_tell_something() -> None:
    same = await ended(Modes(3, {**ANSWERS, "off": ANSWERS["low"]}), ONE)
    alike = await ended(Modes(3, ALIKE), ONE)
    assert not LabView().marked(same)
    assert LabView(differences=True).marked(same)
    assert LabView().marked(alike)
    assert not LabView(differences=False).marked(alike)


async def test_a_column_says_what_it_does_and_its_blocks_have_all_that_came() -> None:
    lab = await ended(Modes(3, {**ANSWERS, "low": [FailedError("http_400", "too long")]}), ONE)
    full, low, off = lab.rows[0].answers
    assert [column_title(a) for a in (Answer(), full, low, off)] == ["waits", "✓ stop", "✗ http_400", "✓ stop"]
    assert column_title(Answer(over=True)) == "■ stopped"
    blocks = ColumnBlocks()
    assert [b.kind for b in blocks.of(full, thoughts=False)] == ["note", "markdown"]
    assert blocks.of(full, thoughts=False)[0].text.startswith("▸ thought for 1.0 s, 10 tokens")
    assert [b.kind for b in blocks.of(full, thoughts=True)] == ["note", "thinking", "markdown"]
    assert [b.kind for b in blocks.of(low, thoughts=False)] == ["problem"]
    assert [b.text for b in blocks.of(Answer(over=True), thoughts=False)] == ["no answer"]
    assert [b.text for b in blocks.of(off, thoughts=False)] == ["it is 381 "]
