"""The trust checks as the console shows them: of which server, how far they are, what they found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from nemotui.core.errors import Problem
from nemotui.core.verified import Verified, counted
from nemotui.core.verify import CHECKS
from nemotui.core.verify_checks import TrustCheck


@dataclass(frozen=True, slots=True)
class Aimed:
    """This server is the one to be verified; what was found of it earlier, where anything was."""

    base_url: str
    model: str
    earlier: Verified | None = None


@dataclass(frozen=True, slots=True)
class Begun:
    """The checks begin, at this unix time."""

    at: float


@dataclass(frozen=True, slots=True)
class Over:
    """No more checks come: all are made, or they were broken off, or nobody answers any longer."""

    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A check is left out from now on, or is not any longer."""

    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustState:
    """`found` has what each check found, by name; `at` is when that run began, None where there was none."""

    base_url: str = ""
    model: str = ""
    skip: frozenset[str] = frozenset()
    found: Mapping[str, TrustCheck] | None = None
    at: float | None = None
    going: bool = False
    problem: Problem | None = None

    def after(self, event: Aimed | Begun | TrustCheck | Over | LeftOut) -> TrustState:
        """The state after one event."""
        match event:
            case Aimed():
                if self.going or (event.base_url, event.model) == (self.base_url, self.model):
                    return self
                earlier = event.earlier
                found = {check.name: check for check in earlier.checks} if earlier else None
                at = earlier.at if earlier else None
                return TrustState(base_url=event.base_url, model=event.model, skip=self.skip, found=found, at=at)
            case Begun():
                return replace(self, found={}, at=event.at, going=True, problem=None)
            case TrustCheck():
                return replace(self, found={**(self.found or {}), event.name: event})
            case Over():
                return replace(self, going=False, problem=event.problem)
            case LeftOut():
                return replace(self, skip=self.skip ^ {event.name})

    @property
    def now(self) -> str | None:
        """The check that is being made."""
        return next((name for name in CHECKS if name not in (self.found or {})), None) if self.going else None

    @property
    def worst(self) -> str | None:
        """The first check that failed, else the first that warns."""
        found = self.found or {}
        ways = ("fail", "warn")
        return next((name for way in ways for name in CHECKS if name in found and found[name].status == way), None)

    @property
    def verified(self) -> Verified | None:
        """What was found, to be kept; None where nothing was."""
        if not self.found or self.at is None:
            return None
        checks = tuple(self.found[name] for name in CHECKS if name in self.found)
        return Verified(at=self.at, base_url=self.base_url, model=self.model, checks=checks)

    @property
    def counts(self) -> str:
        """How many of each ending."""
        return counted(tuple((self.found or {}).values()))
