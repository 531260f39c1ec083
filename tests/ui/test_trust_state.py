"""The trust checks' state: whose they are, how far, what was found, what is left out."""

from __future__ import annotations

from functools import reduce
from typing import Any

from nemotui.core.errors import Problem
from nemotui.core.verified import Verified, as_text, counted
from nemotui.core.verify import CHECKS
from nemotui.core.verify_checks import TrustCheck
from nemotui.ui.states.trust import Aimed, Begun, LeftOut, Over, TrustState

NAME = TrustCheck(name="served-name", status="ok", sent="a name", found="it answers")
BAD = TrustCheck(name="usage", status="fail", sent="x", found="no usage", means="Costs.", fix="Update vLLM.")
ODD = TrustCheck(name="streaming", status="warn", sent="x", found="other words")
GONE = Problem("no_server", "no server answers", "Start one")


def after(*events: Any) -> TrustState:
    return reduce(TrustState.after, events, TrustState(skip=frozenset({"long-input"})))


def test_from_a_target_to_what_was_found() -> None:
    state = after(Aimed("http://a", "m"))
    assert (state.found, state.now, state.verified) == (None, None, None)
    state = state.after(Begun(100.0))
    assert (state.going, state.now) == (True, "served-name")
    state = state.after(NAME).after(ODD)
    assert state.now == "usage"
    state = state.after(BAD).after(Over())
    assert (state.going, state.now, state.worst) == (False, None, "usage")
    assert state.counts == "1 ok, 1 warning, 1 failed"
    assert state.verified == Verified(at=100.0, base_url="http://a", model="m", checks=(NAME, ODD, BAD))


def test_another_server_begins_anew_and_shows_what_was_found_of_it_earlier() -> None:
    state = after(Aimed("http://a", "m"), Begun(1.0), NAME, Over())
    assert state.after(Aimed("http://a", "m")) == state
    earlier = Verified(at=7.0, base_url="http://b", model="m", checks=(BAD,))
    other = state.after(Aimed("http://b", "m", earlier))
    assert (other.found, other.at, other.skip) == ({"usage": BAD}, 7.0, state.skip)
    going = state.after(Begun(2.0))
    assert going.after(Aimed("http://b", "m")) == going  # what goes on is not taken away


def test_a_check_is_left_out_and_taken_in_again() -> None:
    state = after(LeftOut("usage"))
    assert state.skip == {"long-input", "usage"}
    assert state.after(LeftOut("usage")).skip == {"long-input"}


def test_what_broke_off_keeps_what_was_found() -> None:
    state = after(Aimed("http://a", "m"), Begun(1.0), NAME, Over(GONE))
    assert (state.problem, state.going, state.counts) == (GONE, False, "1 ok")
    assert state.after(Begun(2.0)).problem is None


def test_the_words_to_be_pasted() -> None:
    assert counted(()) == "none was made"
    text = as_text(Verified(at=1.0, base_url="http://a", model="m", checks=(NAME, BAD)))
    assert text.splitlines()[0] == "m at http://a: 1 ok, 1 failed"
    assert "fail    usage\n        sent: x\n        came: no usage\n        means: Costs.\n        fix: Update" in text


def test_every_check_has_a_place() -> None:
    assert len(set(CHECKS)) == len(CHECKS)
