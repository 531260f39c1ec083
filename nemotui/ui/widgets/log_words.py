"""What stands above the log: whose it is, how much of it there is, and what the engine said of itself last."""

from __future__ import annotations

from textual.content import Content

from nemotui.core.logs import EngineFigures
from nemotui.keys.keymap import key_of
from nemotui.ui.states.log_view import LogView
from nemotui.ui.states.logs import LogsState

_STATES = {"running": "$success", "exited": "$warning", "dead": "$error"}


def head_words(state: LogsState, held: int | None) -> Content:
    """`held`: how many lines wait for whoever holds the view."""
    container = state.container
    if container is None:
        return Content("")
    code = "" if container.exit_code is None or container.state == "running" else f" with code {container.exit_code}"
    parts = [
        (f"{container.name}  ", "bold"),
        (f"{container.state}{code}", _STATES.get(container.state, "$muted")),
        (f"  {state.total:,} line{'' if state.total == 1 else 's'}", "$muted"),
    ]
    if held is not None:  # before all else, so that it is read where there is little room
        parts.insert(
            0,
            (
                f"paused, {held:,} new line{'' if held == 1 else 's'}, {key_of('logs-follow')} to follow  ",
                "bold $warning",
            ),
        )
    if state.dropped:
        parts.append((f", the oldest {state.dropped:,} dropped", "$muted"))
    if state.problem is not None:
        parts.append((f"  {state.problem}", "$error"))
    return Content.assemble(*parts)


def figures_words(state: LogsState, view: LogView, shown: int, said: str) -> Content:
    """What was just found, what keeps lines away, and the engine's periodic figures in place of their lines."""
    hidden = len(state.lines) - shown
    parts = [(said, "bold $accent"), (view.words, "$secondary")]
    if hidden > 0 and (view.filter.seeks or view.filter.since is not None):
        parts.append((f"{shown:,} of {len(state.lines):,} lines", "$muted"))
    if state.figures is not None and not view.filter.routine:
        parts.append((f"{'engine' if state.goes_on else 'engine last'}: {_figures(state.figures)}", "$muted"))
    return Content("  ").join(Content.styled(text, style) for text, style in parts if text)


def _figures(figures: EngineFigures) -> str:
    parts = [
        f"in {figures.prompt_throughput:,.0f}, out {figures.generation_throughput:,.0f} tok/s",
        f"{figures.running} running",
        f"{figures.waiting} waiting",
        f"KV {figures.kv_cache_usage:.0%}",
        None if figures.prefix_hit_rate is None else f"hits {figures.prefix_hit_rate:.0%}",
        None if figures.acceptance_length is None else f"accepted {figures.acceptance_length:.2f}",
    ]
    return " · ".join(part for part in parts if part)


def nothing_words(state: LogsState) -> Content:
    """Why there is no line to be seen."""
    if state.container is None and state.problem is not None:
        return Content.assemble(("Nobody knows what runs here.\n", "bold"), (str(state.problem), "$muted"))
    if state.container is None:
        return Content.assemble(
            ("Nothing has been started here yet.\n", "bold"),
            (
                f"Press {key_of('deploy')} and choose a plan: what its server writes is shown here as it comes.",
                "$muted",
            ),
        )
    if state.lines:
        return Content.styled(
            f"None of the {len(state.lines):,} lines kept is shown. {key_of('leave-field')} takes the filter away.",
            "$muted",
        )
    return Content.styled(f"{state.container.name} has written nothing yet.", "$muted")
