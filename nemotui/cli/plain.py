"""`nemotui --plain [PANE]`: what a pane of the console shows, as text: for logs, scripts and screen readers.

Each pane is the verbs that say the same from the same core; nothing is drawn, and Textual is not imported.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping, Sequence

import click

from nemotui.core.errors import UsageError
from nemotui.core.text import plain_line

PANES: Mapping[str, tuple[str, tuple[tuple[str, ...], ...]]] = {
    "gpus": ("GPUs", (("gpus",),)),
    "deploy": ("Deploy", (("status",), ("recommend",))),
    "logs": ("Logs", (("logs", "--tail", "50"),)),
    "bench": ("Bench", (("runs",),)),
    "chat": ("Chat", (("chat", "--list"),)),
}
_FLAG = "--plain"


def asks_for_plain(argv: Sequence[str]) -> bool:
    """Whether the console is asked for as text."""
    own = argv[: argv.index("--")] if "--" in argv else argv
    return _FLAG in own and (own[0].startswith("-") or own[0] == "console")


def plain(argv: Sequence[str], run: Callable[[Sequence[str]], int]) -> int:
    """Print one pane, or all of them under their names; `run` runs a verb. The exit code is that of the last verb of a
    pane that was named; of all panes together 0, for a pane may well be empty.

    Raises `UsageError` for a pane that there is not, and for --json, which the verbs have.
    """
    rest = [word for word in argv if word != "console"]
    at = rest.index(_FLAG)
    name = rest[at + 1] if at + 1 < len(rest) and not rest[at + 1].startswith("-") else None
    rest[at : at + 1 + (name is not None)] = []
    if name is not None and name not in PANES:
        near = difflib.get_close_matches(name, PANES, 1)
        fix = f"Did you mean {near[0]}?" if near else f"There are {', '.join(PANES)}."
        raise UsageError("usage", f"there is no pane {plain_line(name, limit=80)!r}", fix)
    if "--json" in rest:
        raise UsageError("usage", f"{_FLAG} is text", "For JSON ask a verb, such as `nemotui gpus --json`.")
    code = 0
    for pane in [name] if name else PANES:
        title, verbs = PANES[pane]
        if name is None:
            click.echo(f"{title}\n{'-' * len(title)}")
        for verb in verbs:
            code = run([*verb, *rest])
            if code == 130:
                return code
        if name is None:
            click.echo()
    return code if name else 0
