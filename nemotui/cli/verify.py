"""`nemotui verify`: the trust checks of a running server, which `up` also makes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import aclosing

from nemotui.cli.backends import serving
from nemotui.cli.checked import check_text, checks_json, others_named
from nemotui.cli.output import Answer
from nemotui.cli.verb import Invocation, server_flags, skip_checks, verb
from nemotui.core.errors import FailedError, Problem
from nemotui.core.model_server import ModelServer
from nemotui.core.ports import Backends
from nemotui.core.verified import Verified
from nemotui.core.verify import CHECKS, left_out
from nemotui.core.verify import verify as verifying
from nemotui.core.verify_checks import TrustCheck


@verb(
    example="nemotui verify --base-url http://127.0.0.1:8000 --json",
    empty={"ok": False, "checks": []},
    flags=(skip_checks(f"One of {', '.join(CHECKS)}."), server_flags),
)
async def verify(inv: Invocation, **_: object) -> Answer:
    """Whether a server can be trusted: modes, tools, known answers.

    It should be idle. Exit 0 when all is well (warnings included), 1 when a check fails, 3 when no server answers.
    """
    skip = left_out(inv.settings.verify_skip)
    async with serving(inv) as (b, server, model):
        inv.out.say(f"{model} at {server.base_url}")
        return verdict(await trusted(inv, b, server, model, skip))


async def trusted(
    inv: Invocation, b: Backends, server: ModelServer, model: str, skip: Collection[str]
) -> list[TrustCheck]:
    """The checks, each said as it comes; what they found is kept."""
    found: list[TrustCheck] = []
    at = b.clock.now()
    async with aclosing(verifying(server, model, skip)) as checks:
        async for check in checks:
            found.append(check)
            inv.out.say(check_text(check))
    if b.verified is not None:
        try:
            await b.verified.keep(Verified(at=at, base_url=server.base_url, model=model, checks=tuple(found)))
        except FailedError as error:  # what was found of the server holds all the same
            inv.out.note(str(error))
    return found


def verdict(found: Sequence[TrustCheck]) -> Answer:
    """The document, and the sentence that sums it up."""
    bad = [check for check in found if check.status == "fail"]
    document = {"ok": not bad, "checks": checks_json(found)}
    if bad:
        error = Problem(
            bad[0].name.replace("-", "_"), f"{bad[0].name}: {bad[0].found}{others_named(bad[1:])}", bad[0].fix
        )
        return Answer(document, exit_code=1, error=error)
    warned = sum(check.status == "warn" for check in found)
    but = f", with {warned} warning{'s' if warned > 1 else ''}" if warned else ""
    return Answer(document, f"The server does what it should{but}.")
