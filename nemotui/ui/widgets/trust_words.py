"""The trust checks in words: a line each, and one of them whole."""

from __future__ import annotations

import time

from textual.content import Content

from nemotui.core.verified import check_lines
from nemotui.core.verify import CHECKS
from nemotui.keys.keymap import key_of
from nemotui.ui.states.trust import TrustState
from nemotui.ui.widgets.canvas import hanging, under_cursor

_SIGNS = {
    "ok": ("✓ ok  ", "$success"),
    "warn": ("! warn", "$warning"),
    "fail": ("✖ FAIL", "$error"),
    "skipped": ("- skip", "$muted"),
}


def head_words(state: TrustState, now: float) -> Content:
    """Which server, and how far it is."""
    title = Content.assemble(("Trust checks  ", "bold $primary"), state.model, (f" at {state.base_url}", "$muted"))
    return Content("\n").join([title, _progress(state, now)])


def _progress(state: TrustState, now: float) -> Content:
    made = len(state.found or {})
    if state.going:
        return Content.assemble(
            (f"{made} of {len(CHECKS)} · {state.counts}", "$accent"), (f" · {key_of('trust-stop')} stops", "$muted")
        )
    if state.problem is not None:
        return Content.styled(f"broken off: {state.problem}", "$error")
    if state.at is None:
        return Content.styled(
            f"{key_of('trust-begin')} makes {len(CHECKS)} checks; best while the server is idle.", "$muted"
        )
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(state.at)) if now - state.at > 60 else "just now"
    some = f"{made} of {len(CHECKS)}: " if made < len(CHECKS) else ""
    return Content.assemble(f"{some}{state.counts}", (f" · {when}", "$muted"))


def check_rows(state: TrustState, cursor: int, width: int) -> list[Content]:
    """A line of each check."""
    rows = []
    for row, name in enumerate(CHECKS):
        check = (state.found or {}).get(name)
        if check is not None:
            sign, style = _SIGNS[check.status]
            words = check.found
        elif name == state.now:
            sign, style, words = "▶ now ", "$accent", "asking …"
        elif name in state.skip:
            sign, style, words = "- skip", "$muted", "is left out"
        else:
            sign, style, words = "·     ", "$muted", ""
        here = row == cursor
        line = Content.assemble(("›" if here else " ", "bold"), (f"{sign} ", style), f"{name:<20}", (words, "$muted"))
        rows.append(under_cursor(line, width) if here else line)
    return rows


def check_words(state: TrustState, cursor: int, width: int) -> Content:
    """One check whole: what was sent, what came, what it means, how to mend it."""
    name = CHECKS[cursor]
    check = (state.found or {}).get(name)
    if check is None:
        if name == state.now:
            return Content.assemble((f"{name}\n", "bold"), ("It is being asked.", "$muted"))
        key = key_of("trust-leave-out")
        out = (
            f"It is left out; {key} takes it in again."
            if name in state.skip
            else f"It was not made yet; {key} leaves it out."
        )
        return Content.assemble((f"{name}\n", "bold"), (out, "$muted"))
    lines = [hanging(Content.styled(f"{what:<6} ", "$muted"), text, width) for what, text in check_lines(check)]
    return Content("\n").join([Content.styled(name, "bold"), *lines])
