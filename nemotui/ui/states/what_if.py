"""Picking hardware that is not here: which of the catalogue's chips the typed words leave, and how many."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from nemotui.core.chip import Chip
from nemotui.core.hardware import Machine
from nemotui.core.whatif import imagine

COUNTS = (1, 2, 4, 8)
_COUNTED = re.compile(r"\s*([1248])\s*[x×*](.*)")  # `8xH200` says both at once


@dataclass(frozen=True, slots=True, kw_only=True)
class WhatIf:
    """`text` is what is typed, `row` the one chosen of `rows`."""

    chips: tuple[Chip, ...]
    text: str = ""
    row: int = 0
    count: int = 1

    @property
    def rows(self) -> tuple[Chip | None, ...]:
        """What the typed words leave, the catalogue's order kept; None, while nothing is typed: the GPUs here."""
        wanted = [_plain(word) for word in self.text.split()]
        found = tuple(chip for chip in self.chips if all(word in _plain(chip.name) for word in wanted))
        return found if wanted else (None, *found)

    @property
    def chosen(self) -> tuple[Machine | None, str] | None:
        """The machine and its name in words; (None, "") for the GPUs here, None where no chip is left."""
        if not self.rows:
            return None
        chip = self.rows[self.row]
        return (None, "") if chip is None else (imagine(chip, self.count), f"{self.count}×{chip.name}")

    def typed(self, text: str) -> WhatIf:
        """With other words: the first that they leave is chosen."""
        if counted := _COUNTED.fullmatch(text):
            return replace(self, text=counted[2], count=int(counted[1]), row=0)
        return replace(self, text=text, row=0)

    def moved(self, rows: int) -> WhatIf:
        """So many rows on, to the last or the first at most."""
        return replace(self, row=min(max(0, self.row + rows), max(0, len(self.rows) - 1)))

    def counted(self, step: int) -> WhatIf:
        """The next count, or the one before."""
        place = COUNTS.index(self.count) + step
        return replace(self, count=COUNTS[min(max(0, place), len(COUNTS) - 1)])


def what_if(chips: tuple[Chip, ...], now: str, here: int) -> WhatIf:
    """Where to begin: at what is imagined `now`, else at the GPUs here, of which there are so many."""
    for row, chip in enumerate(chips, start=1):
        for count in COUNTS:
            if now == f"{count}×{chip.name}":
                return WhatIf(chips=chips, row=row, count=count)
    return WhatIf(chips=chips, count=max(count for count in COUNTS if count <= max(1, here)))


def _plain(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.lower())
