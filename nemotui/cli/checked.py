"""A check as a verb says it, one of the preflight or a trust check: a line, and what is not well below it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from nemotui.cli.output import wrapped
from nemotui.core.preflight_checks import Check
from nemotui.core.verify_checks import TrustCheck

_STATUS = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "skipped": "-"}
_STATUS_WIDTH = 6
_NAME_WIDTH = {Check: 16, TrustCheck: 20}
_MORE = ("sent", "needed", "means", "fix")  # of what is not well, as far as there is any of it


def check_text(check: Check | TrustCheck) -> str:
    """Status, name and what was found; for what is not well also what was asked, what that means, what mends it."""
    parts = [check.found]
    if check.status in ("warn", "fail"):
        parts += [f"{name}: {text}" for name in _MORE if (text := getattr(check, name, ""))]
    head = f"{_STATUS[check.status]:<{_STATUS_WIDTH}}{check.name:<{_NAME_WIDTH[type(check)]}}"
    return head + "\n".join(wrapped(part, " " * len(head)) for part in parts)[len(head) :]


def checks_json(found: Sequence[Check | TrustCheck]) -> list[dict[str, Any]]:
    """The `checks` of a document."""
    return [asdict(check) for check in found]


def others_named(others: Sequence[Check | TrustCheck]) -> str:
    """Those that are not well, too, by their names, to stand behind what is said of one; empty where there is none."""
    return f" (and {len(others)} more: {', '.join(check.name for check in others)})" if others else ""
