"""Picking hardware that is not here: words narrow the catalogue, the arrows choose, nothing is typed in full."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.chip import Chip
from nemotui.ui.states.what_if import COUNTS, WhatIf, what_if
from tests.core.machines import CATALOG, chip
from tests.ui.conftest import ConsoleFactory

NEW = what_if(CATALOG.chips, "", 2)
MINE = replace(chip("H200"), name="My board", names=("NVIDIA My",))


def names(state: WhatIf) -> list[str]:
    return [found.name for found in state.rows if isinstance(found, Chip)]


def test_the_whole_catalogue_is_offered_the_users_own_chips_too() -> None:
    state = what_if((*CATALOG.chips, MINE), "", 0)
    assert state.rows == (None, *CATALOG.chips, MINE)
    assert state.chosen == (None, "")


@pytest.mark.parametrize(
    ("typed", "left"),
    [
        ("h2", ["H200"]),
        ("H100", ["H100 80GB SXM", "H100 80GB PCIe", "H100 94GB NVL"]),
        ("a100 pcie", ["A100 80GB PCIe", "A100 40GB PCIe"]),
        ("h999", []),
    ],
)
def test_words_narrow_it(typed: str, left: list[str]) -> None:
    assert names(NEW.typed(typed)) == left


def test_every_chip_in_every_count_can_be_chosen() -> None:
    found = set()
    for row in range(1, len(NEW.rows)):
        state = NEW.moved(row)
        for _ in COUNTS:
            state = state.counted(-1)
        for _ in COUNTS:
            chosen = state.chosen
            assert chosen is not None
            assert chosen[0] is not None
            found.add((chosen[1], len(chosen[0].gpus)))
            state = state.counted(1)
    assert found == {(f"{count}×{chip.name}", count) for chip in CATALOG.chips for count in COUNTS}


def test_a_count_can_be_typed_with_it() -> None:
    chosen = NEW.typed("8xh20").chosen
    assert chosen is not None
    assert chosen[1] == "8×H200"


def test_the_ends_hold() -> None:
    assert NEW.moved(-3).row == 0
    assert NEW.moved(999).row == len(CATALOG.chips)
    assert NEW.counted(-1).counted(-1).count == 1
    assert NEW.typed("h999").moved(1).chosen is None


def test_it_begins_where_one_is() -> None:
    assert (NEW.row, NEW.count) == (0, 2)
    again = what_if(CATALOG.chips, "4×H200", 2)
    assert again.chosen is not None
    assert again.chosen[1] == "4×H200"


@pytest.mark.anyio
@pytest.mark.parametrize("size", [(80, 24), (120, 40)])
async def test_a_chip_and_a_count_are_picked_by_keys(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        await c.press("2")
        await c.until("VARIANT")
        await c.press("w")
        await c.until("RTX PRO" if size[1] > 24 else "L40S")
        await c.press(*"rtx", "right")
        await c.until("[4]")
        assert "H200" not in c.text
        await c.press("enter")
        await c.until("What if: 4×RTX PRO 6000 Blackwell")
        await c.press("w", "escape")
        assert "What if: 4×RTX PRO 6000 Blackwell" in c.text
        await c.press("w", "pageup", "pageup", "enter")
        await c.until("Plans for these GPUs")
