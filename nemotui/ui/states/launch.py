"""One start of a server as the console shows it: how far it is, what each phase took, how it ended."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from nemotui.core.deploy import Created, Creating, Pulling, Ready, Starting
from nemotui.core.failed import Failed
from nemotui.core.phases import PHASES, Phase
from nemotui.core.ports import Container
from nemotui.core.pull import Pulled, PullEvent
from nemotui.core.startup import StartupTracker
from nemotui.core.swap import Swapping

_NOT_WHEN_EAGER = ("compile", "graphs")


@dataclass(frozen=True, slots=True)
class Begun:
    """The start was ordered; nothing has come of it yet."""


@dataclass(frozen=True, slots=True)
class BrokenOff:
    """It was ended while its image was fetched: nothing is left of it."""


@dataclass(frozen=True, slots=True)
class Ahead:
    """Image and weights are fetched ahead of a start; None: no more."""

    event: PullEvent | None

    @property
    def going_on(self) -> bool:
        return not isinstance(self.event, Pulled | Failed | None)


@dataclass(frozen=True, slots=True)
class PhaseLine:
    """One phase: over, going on, to come, or the one that the start failed in; `seconds` None where unknown.

    Of one to come they are what is expected.
    """

    phase: Phase | Literal["pull"]
    when: Literal["past", "now", "next", "failed"]
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Launch:
    """`pull` is the image's, while and after it is fetched; `ended` None while the start goes on.

    `step`: what happens to the server whose place it takes. `creating`: the engine was told to start the container.
    """

    pull: Pulling | None = None
    container: Container | None = None
    starting: Starting | None = None
    step: str = ""
    creating: bool = False
    ended: Ready | Failed | None = None

    def after(self, event: Begun | Swapping | Pulling | Creating | Created | Starting | Ready | Failed) -> Launch:
        """The launch after one event. An order, and what follows an end, begins a new one."""
        begun = self if self.ended is None else Launch()
        match event:
            case Begun():
                return Launch()
            case Swapping():
                return replace(begun, step=event.step)
            case Pulling():
                return replace(begun, pull=event)
            case Creating():
                return replace(begun, creating=True)
            case Created():
                return replace(begun, container=event.container)
            case Starting():
                return replace(begun, starting=event)
            case Ready():
                return replace(begun, container=event.container, ended=event)
            case Failed():
                return replace(begun, ended=event)

    @property
    def pulling(self) -> bool:
        """Its image is being fetched, and nothing else has happened: it can be broken off, and is as if never begun."""
        others = (self.step, self.creating, self.container, self.starting, self.ended)
        return self.pull is not None and not any(others)

    @property
    def elapsed_s(self) -> float | None:
        """Since the container's start; None before that."""
        if isinstance(self.ended, Ready):
            return self.ended.elapsed_s
        return self.starting.elapsed_s if self.starting else None

    @property
    def phases(self) -> tuple[PhaseLine, ...]:
        """The phases that were gone through, the one that goes on, and while there is one, those to come."""
        event = self.ended if isinstance(self.ended, Ready) else self.starting
        if event is None:
            return ()
        tracker = event.tracker
        now = PHASES.index(tracker.phase)
        durations = tracker.durations()
        lines = [PhaseLine("pull", "past", self.pull.elapsed_s)] if self.pull else []
        lines += [PhaseLine(phase, "past", durations[phase]) for phase in PHASES[:now] if phase in durations]
        if tracker.phase != "ready":
            lines.append(PhaseLine(tracker.phase, self._now, self._in_phase(tracker)))
        if self.ended is None:
            skipped = _NOT_WHEN_EAGER if tracker.eager else ()
            to_come = [phase for phase in PHASES[now + 1 : -1] if phase not in skipped and self._may_come(phase, event)]
            lines += [PhaseLine(phase, "next", tracker.expected.seconds[phase] or None) for phase in to_come]
        return tuple(lines)

    @staticmethod
    def _may_come(phase: Phase, event: Starting | Ready) -> bool:
        """A download does not, where the weights are here."""
        if phase != "download" or not isinstance(event, Starting):
            return True
        fetch = event.sight.fetch
        return not event.sight.local and (fetch is None or not fetch.whole)

    def served_by(self, container: Container) -> bool:
        """This container is the one that became ready here."""
        return isinstance(self.ended, Ready) and self.ended.container.id == container.id

    @property
    def _now(self) -> Literal["past", "now", "failed"]:
        match self.ended:
            case Failed():
                return "failed"
            case Ready():
                return "past"
        return "now"

    def _in_phase(self, tracker: StartupTracker) -> float | None:
        """Times of the log are unix times; what has elapsed counts from the container's start."""
        if tracker.started_at is None or self.elapsed_s is None:
            return None
        began = tracker.starts.get(tracker.phase, tracker.started_at)
        return max(0.0, tracker.started_at + self.elapsed_s - began)
