"""`nemotui verify`: the trust checks of a running server, which `up` also makes."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from nemotui.cli.backends import serving
from nemotui.cli.output import Answer, Output, wrapped
from nemotui.cli.verb import Invocation, server_flags, verb
from nemotui.core.errors import Problem
from nemotui.core.ports import ModelServer
from nemotui.core.verify import verify as verifying
from nemotui.core.verify_checks import TrustCheck

_SAID = {"ok": "ok", "warn": "WARN", "fail": "FAIL", "skipped": "-"}
_INDENT = 26


@verb(
    example="nemotui verify --base-url http://127.0.0.1:8000 --json",
    empty={"ok": False, "checks": []},
    flags=(server_flags,),
)
async def verify(inv: Invocation, **_: object) -> Answer:
    """Whether a server can be trusted: modes, parsers, tools, known answers, context, usage. It should be idle.

    Exit 0 when all is well (warnings included), 1 when a check fails, 3 when no server answers.
    """
    async with serving(inv) as (_box, server, model):
        inv.out.say(f"{model} at {server.base_url}")
        return verdict(await trusted(inv.out, server, model))


async def trusted(out: Output, server: ModelServer, model: str) -> list[TrustCheck]:
    """The checks, each said as it comes."""
    found = []
    async with aclosing(verifying(server, model)) as checks:
        async for check in checks:
            found.append(check)
            out.say(check_text(check))
    return found


def verdict(found: Sequence[TrustCheck]) -> Answer:
    """The document, and the sentence that sums it up."""
    bad = [check for check in found if check.status == "fail"]
    document = {"ok": not bad, "checks": checks_json(found)}
    if bad:
        others = f" (and {len(bad) - 1} more: {', '.join(check.name for check in bad[1:])})" if len(bad) > 1 else ""
        error = Problem(bad[0].name.replace("-", "_"), f"{bad[0].name}: {bad[0].found}{others}", bad[0].fix)
        return Answer(document, exit_code=1, error=error)
    warned = sum(check.status == "warn" for check in found)
    but = f", with {warned} warning{'s' if warned > 1 else ''}" if warned else ""
    return Answer(document, f"The server does what it should{but}.")


def checks_json(found: Sequence[TrustCheck]) -> list[dict[str, Any]]:
    """As COMMANDS has them."""
    return [asdict(check) for check in found]


def check_text(check: TrustCheck) -> str:
    """A line, and for what is not well what was sent, what it means, and the fix."""
    parts = [check.found]
    if check.status in ("warn", "fail"):
        parts += [
            f"{word}: {text}"
            for word, text in (("sent", check.sent), ("means", check.means), ("fix", check.fix))
            if text
        ]
    head = f"{_SAID[check.status]:<6}{check.name:<{_INDENT - 6}}"
    return head + "\n".join(wrapped(part, " " * _INDENT) for part in parts)[_INDENT:]
