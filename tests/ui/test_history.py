"""Fixed scales: 100 % looks like 100 %, a constant 0 like nothing, unknown like unknown."""

from __future__ import annotations

import pytest

from nemotui.ui.widgets.history import column, nice_top


@pytest.mark.parametrize(
    ("value", "height", "drawn"),
    [
        (100, 1, "█"),
        (50, 1, "▄"),
        (0, 1, "▁"),
        (None, 1, " "),
        (100, 3, "███"),
        (50, 2, " █"),
        (75, 2, "▄█"),
        (0, 2, " ▁"),
        (250, 1, "█"),
        (-3, 1, "▁"),
    ],
)
def test_a_column(value: float | None, height: int, drawn: str) -> None:
    assert "".join(column(value, 100, height)) == drawn


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0, 1), (0.3, 0.3), (1, 1), (24, 30), (31, 50), (99, 100), (101, 150), (4557, 5000), (1e6, 1e6)],
)
def test_the_scale_is_a_round_figure(highest: float, top: float) -> None:
    assert nice_top(highest) == pytest.approx(top)
