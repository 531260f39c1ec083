"""The pretend model cache fills in time, and keeps what it has when it is broken off."""

from __future__ import annotations

import pytest

from nemotui.sim.hub import PretendHub
from tests.core.scripted import Clock

pytestmark = pytest.mark.anyio

REPO = "nvidia/X"


async def test_bytes_arrive_evenly_and_stay_where_they_are_broken_off() -> None:
    clock, ended = Clock(), [None]
    clock.time = 0.0
    hub = PretendHub(clock)
    assert (await hub.held_bytes(REPO), hub.missing(REPO, 1000)) == (0, 1.0)

    hub.fetch(REPO, 1000, begins=10, ends=20, ended_at=lambda: ended[0])
    held = []
    for clock.time in (5.0, 10.0, 13.0):
        held.append(hub.held(REPO))
    assert held == [0, 0, 300]

    ended[0] = 15.0  # type: ignore[call-overload]
    clock.time = 40.0
    assert (hub.held(REPO), hub.missing(REPO, 1000)) == (500, 0.5)

    hub.fetch(REPO, 1000, begins=50, ends=60, ended_at=lambda: None)
    clock.time = 55.0
    assert hub.held(REPO) == 750
    clock.time = 99.0
    assert (hub.held(REPO), hub.missing(REPO, 1000)) == (1000, 0.0)
