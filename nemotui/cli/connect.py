"""`nemotui connect`: a recipe for this very server, tried before it is shown."""

from __future__ import annotations

import os
import shlex
from contextlib import aclosing
from typing import Any

import click

from nemotui.cli.backends import is_own, serving
from nemotui.cli.checked import check_text, checks_json
from nemotui.cli.output import Answer, wrapped
from nemotui.cli.verb import Invocation, server_flags, verb
from nemotui.core.connect import CLIENTS, RUN_AT_LENGTH, Client, Target
from nemotui.core.errors import Problem, UsageError
from nemotui.core.handing_over import Recipe, Tried, hand_over
from nemotui.core.handover import RunBegun, RunEnded, RunOutput
from nemotui.core.ports import Backends
from nemotui.core.text import plain_line
from nemotui.core.verify_checks import TrustCheck


@verb(
    example="nemotui connect claude-code",
    empty={"ok": False, "recipe": None, "run": None, "checks": []},
    flags=(
        click.argument("client", type=click.Choice(CLIENTS)),
        click.option("--run", "at_length", is_flag=True, help="tau-bench: run it here, follow it, keep its score."),
        server_flags,
    ),
)
async def connect(inv: Invocation, client: Client, at_length: bool, **_: object) -> Answer:
    """How CLIENT is pointed at this server: URL, model and key.

    The key goes by file, never in a command. curl and python are run before they are shown; for claude-code and
    tau-bench the server's side is tested. With --run tau-bench runs here, in an environment of its own, for as long as
    it takes; Ctrl+C ends it.
    """
    if at_length and client not in RUN_AT_LENGTH:
        raise UsageError("usage", f"--run is for {', '.join(RUN_AT_LENGTH)}", "curl and python are always run.")
    found: list[TrustCheck] = []
    text: str | None = None
    ended: Tried | RunEnded | None = None
    async with serving(inv) as (b, server, model):
        assert b.handover is not None
        target = Target(base_url=server.base_url, model=model, key=key_expression(inv, b))
        steps = hand_over(client, server, target, os.environ, b.handover, b.clock, at_length=at_length)
        async with aclosing(steps) as events:
            async for event in events:
                match event:
                    case TrustCheck():
                        found.append(event)
                        inv.out.say(check_text(event))
                    case Recipe(text=text):
                        inv.out.say(f"\n{text}\n")
                    case RunBegun(directory=directory):
                        inv.out.note(f"Output and score go to {directory}")
                        inv.out.afterwards = f"It was ended; what it printed lies in {directory}"
                    case RunOutput(lines=lines):
                        inv.out.say("\n".join(lines))
                    case Tried() | RunEnded():
                        ended = event
    ran = None if ended is None else _ran(ended)
    document = {"client": client, "ok": text is not None, "checks": checks_json(found), "recipe": text, "run": ran}
    if text is None:
        bad = next(check for check in found if check.status == "fail")
        error = Problem(bad.name.replace("-", "_"), f"{client} cannot work here: {bad.found}", bad.fix)
        return Answer(document, exit_code=1, error=error)
    match ended:
        case None:
            return Answer(document, f"Not run by us: {client} itself. What it needs of this server was tested.")
        case RunEnded(ok=True):
            return Answer(document, f"{ended.words} Kept in {ended.directory}")
        case RunEnded():
            error = Problem("client_failed", ended.words, f"See {ended.directory}/output.log.")
        case Tried(ok=True, output=output):
            return Answer(document, f"Run just now; it printed:\n{wrapped(_line(output), '   ')}")
        case Tried(output=output):
            why = f"{ended.trouble}: {_line(output)}" if ended.trouble else _line(output)
            error = Problem("recipe", f"the recipe was run and failed: {why}", "See `nemotui verify`.")
    return Answer({**document, "ok": False}, exit_code=1, error=error)


def _line(output: str) -> str:
    return plain_line(" ".join(output.split()), limit=300)


def _ran(ended: Tried | RunEnded) -> dict[str, Any]:
    if isinstance(ended, Tried):
        return {"exit_code": ended.exit_code, "output": ended.output}
    return {
        "exit_code": ended.exit_code,
        "seconds": ended.seconds,
        "score": ended.score,
        "directory": ended.directory,
    }


def key_expression(inv: Invocation, b: Backends) -> str | None:
    """What gives a shell the key that we use, in our order; the key itself is nowhere in it."""
    if inv.settings.api_key_file is not None:
        return f"$(cat {shlex.quote(str(inv.settings.api_key_file.absolute()))})"
    own = is_own(inv.settings.base_url)
    for name in ("NEMOTUI_API_KEY", *(("VLLM_API_KEY",) if own else ())):
        if os.environ.get(name, "").strip():
            return f"${name}"
    if own and b.keys.key():
        return f"$(sed -n s/^VLLM_API_KEY=//p {shlex.quote(b.keys.path)})"
    return None
