"""What the trust checks of a server have found, as it is kept: on the screen, in a file, in a sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from nemotui.core.verify_checks import TrustCheck


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """The checks of one run, `at` its beginning in unix seconds; those that were not made are missing."""

    at: float
    base_url: str
    model: str
    checks: tuple[TrustCheck, ...]


def counted(checks: Sequence[TrustCheck]) -> str:
    """`15 ok, 1 warning, 2 failed, 1 skipped`; what there is none of is not said."""
    found = [
        (sum(check.status == status for check in checks), words)
        for status, words in (("ok", "ok"), ("warn", "warning"), ("fail", "failed"), ("skipped", "skipped"))
    ]
    said = [f"{count} {words}{'s' if words == 'warning' and count > 1 else ''}" for count, words in found if count]
    return ", ".join(said) or "none was made"


def check_lines(check: TrustCheck) -> list[tuple[str, str]]:
    """What was sent, what came, what it means and how to mend it; what is empty is left out."""
    said = (("sent", check.sent), ("came", check.found), ("means", check.means), ("fix", check.fix))
    return [(name, text) for name, text in said if text]


def as_text(verified: Verified) -> str:
    """All of it, to be pasted somewhere."""
    lines = [f"{verified.model} at {verified.base_url}: {counted(verified.checks)}"]
    for check in verified.checks:
        lines.append(f"{check.status:<8}{check.name}")
        lines += [f"        {name}: {text}" for name, text in check_lines(check)]
    return "\n".join(lines)
