"""The Deploy pane's state: what could be started on these GPUs, and the start that is going on or has ended."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace

from nemotui.core.deploy import Created, Creating, DeployEvent, LogBatch, Pulling, Ready, Starting
from nemotui.core.errors import NemotuiError, Problem
from nemotui.core.failed import Failed
from nemotui.core.hardware import Gpu, Machine, given_back
from nemotui.core.measured import MeasuredStart
from nemotui.core.memory import GIB
from nemotui.core.models import Catalog
from nemotui.core.plan import ContainerSpec, Plan, container_spec
from nemotui.core.ports import Container
from nemotui.core.recommend import PlanRequest, Recommendation, recommend
from nemotui.core.stop import Stopped, Stopping
from nemotui.core.swap import Swapping
from nemotui.core.watch import ServerSample
from nemotui.ui.states.launch import Ahead, Begun, BrokenOff, Launch
from nemotui.ui.states.plan_form import Asked


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Something to start. `key` names it across recalculations; `gpus` are indices.

    `plan` None: `asked` is what --no-gpu asks for, which nobody has judged. `spec` None: it cannot be started.
    """

    key: str
    plan: Recommendation | None = None
    asked: Plan | None = None
    spec: ContainerSpec | None = None
    gpus: tuple[int, ...] = ()

    @property
    def start(self) -> Plan | None:
        """What would be started."""
        return self.plan.plan if self.plan else self.asked

    @property
    def refusal(self) -> str:
        """Why it is not to be started, in sentences; empty where it may be."""
        if self.plan is None or self.plan.verdict != "no":
            return ""
        said = (*self.plan.reasons, *filter(None, [self.plan.would_fit_if]))
        return ". ".join(text[:1].upper() + text[1:] for text in said)


DeployStateEvent = (
    Machine
    | ServerSample
    | Begun
    | BrokenOff
    | DeployEvent
    | Swapping
    | Stopping
    | Stopped
    | MeasuredStart
    | Asked
    | Ahead
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployState:
    """`problem`: why nothing is planned. `container`: our newest one, running or not. `seen`: what was planned on.

    `machine` is the last that was seen, `driver` says why there is none; `imagined`, by the words in `hardware`, is
    planned on in its place. `stopping`: a server that was told to end. `ahead`: what is fetched before any start.
    """

    catalog: Catalog
    request: PlanRequest
    cpu: Plan | None = None
    plans: tuple[Choice, ...] = ()
    problem: Problem | None = None
    launch: Launch | None = None
    container: Container | None = None
    stopping: Stopping | None = None
    ahead: Ahead | None = None
    seen: Hashable = None
    machine: Machine | None = None
    driver: Problem | None = None
    imagined: Machine | None = None
    hardware: str = ""

    def after(self, event: DeployStateEvent) -> DeployState:
        """The state after a sample of the machine or the server, an event of a deployment, what a start taught, or
        another wish.
        """
        match event:
            case Machine(error=Problem() as problem, gpus=()):
                return replace(self, machine=None, driver=problem, seen=None)._planned() if self._plans_now else self
            case Machine():
                seen = tuple(_matters(gpu) for gpu in event.gpus)
                return replace(self, machine=event, driver=None, seen=seen)._planned() if self._news(seen) else self
            case Asked():
                wished = replace(self, request=event.request, imagined=event.machine, hardware=event.hardware)
                return wished._planned()
            case ServerSample():
                return self._with(event.container)
            case LogBatch():
                return self
            case Ahead():
                return replace(self, ahead=event if event.event else None)
            case Stopping():
                return replace(self, stopping=event)
            case Stopped():
                return replace(self, stopping=None)
            case MeasuredStart():
                return replace(self, catalog=replace(self.catalog, starts=(event, *self.catalog.starts)))._planned()
            case BrokenOff():
                return replace(self, launch=None)
            case Begun() if self.ahead is not None and not self.ahead.going_on:
                return replace(self, ahead=None).after(event)
            case Begun() | Swapping() | Pulling() | Creating() | Created() | Starting() | Ready() | Failed():
                return replace(self, launch=(self.launch or Launch()).after(event))

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The rows of the table, best first."""
        return (Choice(key="cpu", asked=self.cpu, spec=container_spec(self.cpu)),) if self.cpu else self.plans

    @property
    def starting(self) -> bool:
        """A start is going on."""
        return self.launch is not None and self.launch.ended is None

    @property
    def pulling(self) -> bool:
        """A start is no further than its image, which is being fetched."""
        return self.launch is not None and self.launch.pulling

    @property
    def running(self) -> Container | None:
        """The container that runs now, starting or serving; somebody else's only where none of ours does."""
        going_on = self.container is not None and self.container.state in ("running", "restarting")
        return self.container if going_on else None

    @property
    def failed(self) -> Failed | None:
        """How the last start ended, where it failed."""
        ended = self.launch.ended if self.launch else None
        return ended if isinstance(ended, Failed) else None

    @property
    def _ours(self) -> Container | None:
        """The server of ours that fills GPUs: the one that runs, or has just become ready and was not listed yet."""
        ended = self.launch.ended if self.launch else None
        container = self.running or (ended.container if isinstance(ended, Ready) else None)
        return container if container is not None and container.ours else None

    @property
    def _plans_now(self) -> bool:
        """While a server of ours fills the GPUs, their free memory is no news: the plans stay what they were."""
        return self.cpu is None and not self.starting and (self.machine is None or self.running is None)

    def _news(self, seen: Hashable) -> bool:
        return self._plans_now and seen != self.seen

    def _planned(self) -> DeployState:
        machine = self.imagined or self.machine
        if machine is None or self.cpu is not None:
            return replace(self, plans=(), problem=self.driver)
        if self.imagined is None and (ours := self._ours) is not None:
            machine = given_back(machine, (ours.name, ours.id))  # another plan takes its place
        try:
            plans = recommend(machine, self.catalog, self.request)
        except NemotuiError as error:
            return replace(self, plans=(), problem=error.problem)
        return replace(self, plans=tuple(map(_choice, plans)), problem=None)

    def _with(self, container: Container | None) -> DeployState:
        """A server that was ready and has ended since is no news any more; a failed start stays to be read."""
        launch = self.launch
        if container and container.state != "running" and launch and launch.served_by(container):
            launch = None
        if (container, launch) == (self.container, self.launch):
            return self
        changed = replace(self, container=container, launch=launch)
        # A server that is found after the GPUs were seen: plans that would take its place have its GPUs.
        return changed._planned() if changed._ours and not self._ours else changed


def _matters(gpu: Gpu) -> Hashable:
    """What plans depend on, coarse enough not to change every second."""
    free = None if gpu.memory_free_bytes is None else round(gpu.memory_free_bytes / GIB)
    holders = tuple(process.pid for process in gpu.processes)
    return gpu.uuid, gpu.state, gpu.mig_enabled, gpu.memory_total_bytes, free, holders


def _choice(plan: Recommendation) -> Choice:
    copies = f"-dp{plan.data_parallel_size}" if plan.data_parallel_size > 1 else ""
    return Choice(
        key=f"{plan.variant}-tp{plan.tensor_parallel_size}{copies}",
        plan=plan,
        spec=container_spec(plan.plan) if plan.plan else None,
        gpus=plan.gpu_indices,
    )
