"""Handing the server over, as the console shows it: to which client, what was tested, the recipe, its run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nemotui.core.connect import CLIENTS, Client
from nemotui.core.errors import Problem
from nemotui.core.handing_over import HandingOver, Recipe, Tried
from nemotui.core.handover import SHOWN_LINES, RunBegun, RunEnded, RunOutput
from nemotui.core.verify_checks import TrustCheck


@dataclass(frozen=True, slots=True)
class Begun:
    """The server's side of this client is tested now; `at_length`: its benchmark is run then."""

    client: Client
    at_length: bool = False


@dataclass(frozen=True, slots=True)
class Over:
    """Nothing more comes; `problem` is what kept it from coming."""

    problem: Problem | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Handed:
    """What came of one client."""

    checks: tuple[TrustCheck, ...] = ()
    recipe: str | None = None
    tried: Tried | None = None
    directory: str = ""
    lines: tuple[str, ...] = ()
    ended: RunEnded | None = None
    problem: Problem | None = None

    @property
    def bad(self) -> TrustCheck | None:
        """Why it cannot work here."""
        return next((check for check in self.checks if check.status == "fail"), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectState:
    """`going` is the client that is dealt with now; `at_length`: by a run that takes long."""

    handed: tuple[tuple[Client, Handed], ...] = ()
    going: Client | None = None
    at_length: bool = False

    def of(self, client: Client) -> Handed | None:
        """What came of it, None where nothing was tried."""
        return dict(self.handed).get(client)

    def after(self, event: Begun | HandingOver | Over) -> ConnectState:
        """The state after one event."""
        match event:
            case Begun():
                return replace(self, going=event.client, at_length=event.at_length)._with(event.client, Handed())
            case _ if self.going is None:
                return self
        now = self.of(self.going) or Handed()
        match event:
            case TrustCheck():
                now = replace(now, checks=(*now.checks, event))
            case Recipe():
                now = replace(now, recipe=event.text)
            case Tried():
                now = replace(now, tried=event)
            case RunBegun():
                now = replace(now, directory=event.directory)
            case RunOutput():
                now = replace(now, lines=(*now.lines, *event.lines)[-SHOWN_LINES:])
            case RunEnded():
                now = replace(now, ended=event)
            case Over():
                done = self._with(self.going, replace(now, problem=event.problem))
                return replace(done, going=None, at_length=False)
        return self._with(self.going, now)

    def _with(self, client: Client, handed: Handed) -> ConnectState:
        known = {**dict(self.handed), client: handed}
        return replace(self, handed=tuple((each, known[each]) for each in CLIENTS if each in known))
