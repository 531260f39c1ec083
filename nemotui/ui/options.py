"""What the command line decided for the console."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from nemotui.core.plan import Plan
from nemotui.core.reach import Login
from nemotui.core.recommend import PlanRequest
from nemotui.ui.widgets.pane_bar import aside


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """`request` shapes the plans; `cpu` is the one plan where --no-gpu asks for a CPU image.

    `way_in` is how a laptop reaches this machine.

    `pretend` names a pretend machine, whose server ends with the console; `time_scale` is how fast its time runs.
    `environ`: the variables here, which may lead a client elsewhere.
    `verify_skip`: trust checks that are left out.
    `key_in_shell` tells what gives a shell the server's key, None: there is none; the key itself is not in it.
    `slow`: the line to the terminal is; None: it is measured.
    `tour`: it is the first time.
    `price_per_hour` of the machine in dollars; a server idle for `idle_after_s` gets a word, 0: never.
    """

    request: PlanRequest
    default_url: str
    way_in: Login
    cpu: Plan | None = None
    pretend: str | None = None
    time_scale: float = 1.0
    price_per_hour: float | None = None
    idle_after_s: float = 0.0
    slow: bool | None = None
    verify_skip: frozenset[str] = frozenset()
    tour: bool = False
    environ: Mapping[str, str] = field(default_factory=dict)
    key_in_shell: Callable[[], str | None] = lambda: None

    @property
    def aside(self) -> str:
        return aside(self.pretend, self.time_scale)
