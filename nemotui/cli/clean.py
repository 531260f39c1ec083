"""`nemotui clean`: what we left on this machine, with sizes; and its end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click

from nemotui.cli.agree import agreed, somebody_there
from nemotui.cli.backends import backends
from nemotui.cli.output import Answer, table
from nemotui.cli.verb import Invocation, verb
from nemotui.core.errors import FailedError, NemotuiError, Problem, UsageError
from nemotui.core.leavings import KINDS, Leaving, LeavingKind
from nemotui.core.ports import Backends
from nemotui.core.show import size
from nemotui.core.text import plain_line

_WHAT: dict[LeavingKind, str] = {
    "containers": "Containers of ours that have ended.",
    "images": "Images that nemotui fetched.",
    "weights": "Checkpoints of the model in the Hugging Face cache.",
    "caches": "Compiled graphs of vLLM.",
    "runs": "Stored benchmarks.",
    "conversations": "Conversations of the chat, JSON and Markdown.",
    "labs": "Labs that were kept.",
    "handovers": "Runs of tau-bench, with what they printed.",
    "logs": "Logs that were saved.",
    "incidents": "Bundles of failed starts.",
    "starts": "What starts have taught.",
    "keys": "The key of an open server.",
}


def _kinds() -> tuple[Callable[[Any], Any], ...]:
    # Named apart from the settings: a flag of a setting's name would be taken for it, and `keys` is one.
    return tuple(click.option(f"--{kind}", f"of_{kind}", is_flag=True, help=_WHAT[kind]) for kind in KINDS)


@verb(
    example="nemotui clean --containers --caches --yes",
    flags=(
        click.argument("names", nargs=-1),
        *_kinds(),
        click.option("--yes", is_flag=True, help="Remove without asking."),
    ),
)
async def clean(inv: Invocation, names: tuple[str, ...], yes: bool, **kinds: bool) -> Answer:
    """List what nemotui left here, with sizes, or remove it.

    With kinds, or NAMES as listed, these are removed. A server that runs and what it uses are never removed, and
    nothing that is not ours.
    """
    wanted = [kind for kind in KINDS if kinds[f"of_{kind}"]]
    async with backends(inv) as b:
        found, trouble = list(await b.leavings.found()), await _engine_trouble(b)
        if trouble and {"containers", "images"} & {*wanted}:
            raise trouble
        if unknown := [name for name in names if name not in {each.name for each in found}]:
            message = f"nothing of ours is called {plain_line(unknown[0])!r}"
            raise UsageError("usage", message, "See `nemotui clean` for what is.")
        chosen = [each for each in found if each.kind in wanted or each.name in names]
        if not (wanted or names):
            if trouble:
                inv.out.note(f"Containers and images are not listed. {trouble}")
            return Answer({"left": [asdict(each) for each in found], "removed": []}, listed(found))
        removable = [each for each in chosen if not each.kept]
        if removable and not yes:
            if not somebody_there(inv):
                raise UsageError("usage", "nobody is there to be asked", "Add --yes to remove without asking.")
            inv.out.say(listed(chosen))
            if not await agreed(inv, f"Remove {len(removable)} of these?"):
                return Answer({"left": [asdict(each) for each in found], "removed": []}, "Nothing was removed.")
        removed, problems = [], []
        for each in removable:
            try:
                await b.leavings.remove(each)
                removed.append(each)
            except FailedError as error:
                problems.append(error.problem)
        left = [each for each in found if each not in removed]
    for each in chosen:
        if each.kept:
            inv.out.note(f"{each.name} stays: {each.kept}.")
    freed = sum(each.size_bytes or 0 for each in removed)
    return Answer(
        {
            "left": [asdict(each) for each in left],
            "removed": [asdict(each) for each in removed],
            "freed_bytes": freed,
        },
        f"Removed {len(removed)}, {size(freed)}.",
        exit_code=1 if problems else 0,
        error=_all(problems),
    )


async def _engine_trouble(b: Backends) -> NemotuiError | None:
    """Why nobody knows what is left in the engine."""
    try:
        await b.runtime.containers()
    except NemotuiError as error:
        return error
    return None


def listed(found: Sequence[Leaving]) -> str:
    """The list as text."""
    if not found:
        return "nemotui has left nothing here."
    rows = [(each.kind, size(each.size_bytes), each.name, each.kept or each.note) for each in found]
    total = sum(each.size_bytes or 0 for each in found)
    return f"{table([('KIND', 'SIZE', 'NAME', ''), *rows], right=(1,))}\n{size(total)} in all."


def _all(problems: Sequence[Problem]) -> Problem | None:
    if not problems:
        return None
    first, *others = problems
    more = f", and {len(others)} more" if others else ""
    return Problem(first.kind, f"{first.message}{more}", first.fix)
