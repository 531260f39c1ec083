"""The preflight in words: what is not well first, with what is needed and the fix; the rest a line each."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence

from textual.content import Content

from nemotui.core.guide import FAULTS
from nemotui.core.preflight_checks import Check, Status

_SIGNS: Mapping[Status, tuple[str, str]] = {
    "ok": ("✓", "$success"),
    "warn": ("!", "$warning"),
    "fail": ("✖", "$error"),
    "skipped": ("·", "$muted"),
}
_ORDER: Sequence[Status] = ("fail", "warn", "ok", "skipped")
_CALM: Sequence[Status] = ("ok", "skipped")
_BRIEF: Sequence[tuple[Status, str]] = (("ok", "well"), ("skipped", "not to be looked at here"))
_NAME = 16  # cells of the sign and the name


def checks_words(found: Sequence[Check], width: int, *, over: bool, brief: bool) -> Content:
    """All of them, in `width` cells; `brief` names those that are well in one paragraph."""
    parts = [Content.styled("Preflight", "bold")]
    for check in sorted(found, key=lambda check: _ORDER.index(check.status)):
        if brief and check.status in _CALM:
            continue
        parts.append(_line(check, width))
        if check.status in ("fail", "warn"):
            parts += [_paragraph(f"needed: {check.needed}", width, "$muted")] if check.needed else []
            parts += [_paragraph(check.fix, width, "$accent")] if check.fix else []
    if brief:
        parts += [
            _names(found, status, words, width) for status, words in _BRIEF if any(c.status == status for c in found)
        ]
    if not over:
        parts.append(Content("… looking"))
    return Content("\n").join(parts)


def published_check() -> Check:
    """What is wrong with the published command: it is started only by who insists."""
    fix = "Leave out --as-published."
    return Check(name="as-published", status="fail", found="; ".join(FAULTS), fix=fix, estimate=True)


def _line(check: Check, width: int) -> Content:
    sign, style = _SIGNS[check.status]
    calm = check.status in _CALM
    words = textwrap.wrap(check.found, max(20, width - _NAME)) or [""]
    if calm and len(words) > 1:  # the screen is for what is not well
        words = [f"{words[0][: max(20, width - _NAME - 1)]}…"]
    said = ("\n" + " " * _NAME).join(words)
    return Content.assemble((f"{sign} ", style), f"{check.name:<{_NAME - 2}}", (said, "$muted" if calm else ""))


def _names(found: Sequence[Check], status: Status, words: str, width: int) -> Content:
    names = ", ".join(check.name for check in found if check.status == status)
    sign, style = _SIGNS[status]
    lines = textwrap.wrap(f"{words}: {names}", max(20, width - 2), break_on_hyphens=False)
    return Content.assemble((f"{sign} ", style), ("\n  ".join(lines), "$muted"))


def _paragraph(text: str, width: int, style: str) -> Content:
    lines = textwrap.wrap(text, max(20, width - _NAME), break_long_words=False, break_on_hyphens=False)
    return Content.styled("\n".join(f"{' ' * _NAME}{line}" for line in lines), style)
