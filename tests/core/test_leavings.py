"""What nemotui left, summed up."""

from __future__ import annotations

from nemotui.core.leavings import Leaving, by_kind
from nemotui.core.show import size


def test_a_kind_is_a_line_with_how_many_and_their_size() -> None:
    found = [
        Leaving(kind="runs", name="/runs/a", size_bytes=3 * 2**20),
        Leaving(kind="containers", name="nemotui", size_bytes=4096),
        Leaving(kind="runs", name="/runs/b", size_bytes=None),
    ]
    assert [line.split() for line in by_kind(found)] == [
        ["containers", "1", "4", "KiB"],
        ["runs", "2", "3.0", "MiB"],
    ]


def test_a_size_has_the_unit_that_suits_it() -> None:
    sizes = (None, 0, 20_000, 5 * 2**20, 120 * 2**30)
    assert [size(each) for each in sizes] == ["n/a", "0 KiB", "20 KiB", "5.0 MiB", "120.0 GiB"]
