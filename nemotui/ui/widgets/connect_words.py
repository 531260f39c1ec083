"""A client in words: what was tested of the server, the recipe, what its run printed."""

from __future__ import annotations

from textual.content import Content

from nemotui.core.connect import RUN_AT_LENGTH, RUN_HERE, Client
from nemotui.keys.keymap import key_of
from nemotui.ui.states.connect import ConnectState, Handed
from nemotui.ui.widgets.canvas import hanging, under_cursor

_SIGNS = {"ok": ("✓ ", "$success"), "warn": ("! ", "$warning"), "fail": ("✖ ", "$error"), "skipped": ("- ", "$muted")}
ABOUT: dict[Client, str] = {
    "curl": "one question by curl",
    "python": "one question by Python alone",
    "claude-code": "Claude Code on this server",
    "tau-bench": "a benchmark of agents with tools",
}


def row_words(state: ConnectState, client: Client, here: bool, width: int) -> Content:
    """A client in the list."""
    words, style = _state_of(state, client)
    line = Content.assemble(
        ("›" if here else " ", "bold"), f" {client:<12} ", (f"{ABOUT[client]:<33}", "$muted"), (words, style)
    )
    return under_cursor(line, width) if here else line


def _state_of(state: ConnectState, client: Client) -> tuple[str, str]:
    handed = state.of(client)
    if state.going == client:
        return "▶ goes on", "$accent"
    if handed is None:
        return "", "$muted"
    if handed.bad or handed.problem:
        return "✖ not here", "$error"
    if (handed.tried and not handed.tried.ok) or (handed.ended and not handed.ended.ok):
        return "✖ failed", "$error"
    return "✓ works" if handed.tried or handed.ended else "✓ tested", "$success"


def client_words(state: ConnectState, client: Client, width: int) -> Content:
    """All that is known of one."""
    handed = state.of(client)
    if handed is None:
        run = " and runs it" if client in RUN_HERE else ""
        more = f"; {key_of('connect-run')} runs the benchmark itself" if client in RUN_AT_LENGTH else ""
        return Content.styled(
            f"{key_of('connect-test')} tests what it needs of the server, shows the recipe{run}{more}.", "$muted"
        )
    parts = [_check(check.status, check.name, check.found, width) for check in handed.checks]
    if (bad := handed.bad) is not None:
        parts.append(Content.assemble(("It cannot work here. ", "bold $error"), bad.means, (f" {bad.fix}", "bold")))
    if handed.problem is not None:
        parts.append(Content.styled(str(handed.problem), "$error"))
    if handed.recipe is not None:
        parts += [Content(""), Content(handed.recipe), Content("")]
        parts += _ran(handed, client, going=state.going == client)
    return Content("\n").join(parts)


def _check(status: str, name: str, found: str, width: int) -> Content:
    sign, style = _SIGNS[status]
    return hanging(Content.assemble((sign, style), f"{name:<14} "), found, width, "$muted")


def _ran(handed: Handed, client: Client, *, going: bool) -> list[Content]:
    if handed.tried is not None:
        tried = handed.tried
        failed = f"It was run and failed{tried.trouble and f', {tried.trouble}'}:"
        said = Content.styled("Run just now; it printed:" if tried.ok else failed, "bold")
        return [said, Content(tried.output)]
    if not handed.directory:
        more = f" {key_of('connect-run')} runs it, for as long as it takes." if client in RUN_AT_LENGTH else ""
        return [
            Content.styled(f"Not run by us: {client} itself. What it needs of this server was tested.{more}", "$muted")
        ]
    parts = [Content.styled(f"Output and score go to {handed.directory}", "$muted")]
    if handed.ended is not None:
        parts.append(Content.styled(handed.ended.words, "bold $success" if handed.ended.ok else "bold $error"))
    elif not going:
        parts.append(Content.styled("It was stopped; what it printed is kept.", "bold"))
    return [*parts, Content("\n".join(handed.lines))]
