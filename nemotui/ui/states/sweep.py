"""A sweep, or a search for goodput, from the Bench form: its fields, and the points as they come."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from nemotui.core.bench import BenchSpec
from nemotui.core.errors import Problem
from nemotui.core.goodput import Found, Objective, sentence
from nemotui.core.sweep import Loads, SweepPoint, SweepStep, sweep_sentence

Kind = Literal["sweep", "goodput"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """It was asked for. `earlier` are the points of the sweeps before."""

    kind: Kind
    spec: BenchSpec
    loads: Loads
    objectives: Sequence[Objective] = ()
    earlier: Sequence[SweepPoint] = ()


@dataclass(frozen=True, slots=True)
class Beside:
    """The published point on the same axes."""

    point: SweepPoint


@dataclass(frozen=True, slots=True)
class Over:
    """It has ended: all loads measured, stopped, or why it went no further."""

    problem: Problem | None = None
    stopped: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepState:
    """`begun` None: there was none yet. `found` is the end of a search."""

    begun: Begun | None = None
    steps: tuple[SweepStep, ...] = ()
    published: SweepPoint | None = None
    found: Found | None = None
    over: Over | None = None

    def after(self, event: Begun | SweepStep | Beside | Found | Over) -> SweepState:
        """The state after a load was measured, or the whole has begun or ended."""
        match event:
            case Begun():
                return SweepState(begun=event)
            case SweepStep():
                return replace(self, steps=(*self.steps, event))
            case Beside(point=point):
                return replace(self, published=point)
            case Found():
                return replace(self, found=event)
            case Over():
                return replace(self, over=event)

    @property
    def going(self) -> bool:
        """Loads are being measured."""
        return self.begun is not None and self.over is None

    @property
    def reported(self) -> bool:
        """There is a sweep to write a report of."""
        return self.begun is not None and self.begun.kind == "sweep" and not self.going and bool(self.steps)

    @property
    def points(self) -> tuple[SweepPoint, ...]:
        """What was measured."""
        return tuple(step.point for step in self.steps)

    @property
    def sentence(self) -> str:
        """The outcome; empty before there is one."""
        if self.found is not None and self.begun is not None:
            asked = ", ".join(map(str, self.begun.objectives))
            return f"With {asked}, this server {sentence(self.found, whole=self.begun.loads.whole)}."
        if self.over is None or self.begun is None or self.begun.kind == "goodput":
            return ""
        return f"{sweep_sentence(self.points, whole=self.begun.loads.whole)}."
