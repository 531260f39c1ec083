"""`nemotui connect`: a recipe for this very server, tried before it is shown."""

from __future__ import annotations

import os
import shlex
from contextlib import aclosing
from typing import Any

import click

from nemotui.cli.backends import is_own, serving
from nemotui.cli.output import Answer, wrapped
from nemotui.cli.verb import Invocation, server_flags, verb
from nemotui.cli.verify import check_text, checks_json
from nemotui.core.connect import CLIENTS, RUN_HERE, Client, Target, fits, recipe
from nemotui.core.errors import Problem
from nemotui.core.ports import Backends
from nemotui.core.text import plain_line

_PROGRAMS = {"curl": "curl", "python": "python3"}


@verb(
    example="nemotui connect claude-code",
    empty={"ok": False, "recipe": None, "run": None, "checks": []},
    flags=(click.argument("client", type=click.Choice(CLIENTS)), server_flags),
)
async def connect(inv: Invocation, client: Client, **_: object) -> Answer:
    """How CLIENT is pointed at this server: URL, model and key, the key by file and never in a command.

    curl and python are run before they are shown; for claude-code and tau-bench the server's side is tested.
    """
    async with serving(inv) as (b, server, model):
        target = Target(base_url=server.base_url, model=model, key=key_expression(inv, b))
        found = []
        async with aclosing(fits(client, server, model, os.environ)) as checks:
            async for check in checks:
                found.append(check)
                inv.out.say(check_text(check))
        bad = [check for check in found if check.status == "fail"]
        text = recipe(client, target)
        ran = None if bad or client not in RUN_HERE else await _run(client, text)
    document: dict[str, Any] = {"client": client, "ok": not bad, "checks": checks_json(found)}
    document |= {"recipe": None if bad else text, "run": ran}
    if bad:
        error = Problem(bad[0].name.replace("-", "_"), f"{client} cannot work here: {bad[0].found}", bad[0].fix)
        return Answer(document, exit_code=1, error=error)
    if ran is not None and ran["exit_code"] != 0:
        document["ok"] = False
        what = f"the recipe was run and failed: {plain_line(' '.join(ran['output'].split()), limit=300)}"
        return Answer(document, text, exit_code=1, error=Problem("recipe", what, "See `nemotui verify`."))
    if ran is not None:
        said = f"Run just now; it printed:\n{wrapped(plain_line(' '.join(ran['output'].split()), limit=300), '   ')}"
    else:
        said = f"Not run by us: {client} itself. What it needs of this server was tested."
    return Answer(document, f"\n{text}\n\n{said}")


async def _run(client: Client, text: str) -> dict[str, Any]:
    from nemotui.adapters.recipes import run_recipe

    code, output = await run_recipe(text, _PROGRAMS[client])
    return {"exit_code": code, "output": output}


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
