"""How a deployment fails: the cause, the lines that show it, what to change, and the settings that cure it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from nemotui.core.cure import Cure, cured, idle_gpus
from nemotui.core.errors import NemotuiError
from nemotui.core.failures import Diagnosis, KnownFailure
from nemotui.core.plan import ContainerSpec
from nemotui.core.ports import Container, ContainerRuntime, MachineProbe


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """There is no server; `container`, where there is one, is left for its log. `kind` is a word for scripts.

    `spec` is what failed, where it is known; `cure` None: no setting cures it.
    """

    kind: str
    cause: str
    remedy: str
    evidence: tuple[str, ...] = ()
    spec: ContainerSpec | None = None
    cure: Cure | None = None
    container: Container | None = None

    @property
    def unknown(self) -> bool:
        """Nobody has explained it yet: what there is of it is worth keeping."""
        return self.kind in ("unknown_error", "exited")


def failed(found: Diagnosis, spec: ContainerSpec | None = None, container: Container | None = None) -> Failed:
    """The failure that was diagnosed, with its cure for this container."""
    cure = cured(spec, found.changes(spec)) if spec else None
    return Failed(
        kind=found.kind,
        cause=found.cause,
        remedy=found.remedy,
        evidence=found.evidence,
        spec=spec,
        cure=cure,
        container=container,
    )


def refused(error: NemotuiError, spec: ContainerSpec) -> Failed:
    """The engine did not start this container."""
    if isinstance(error, KnownFailure):
        return failed(error.diagnosis, spec)
    problem = error.problem
    return Failed(kind=problem.kind, cause=problem.message, remedy=problem.fix, spec=spec)


def in_the_way(spec: ContainerSpec, holder: Container) -> Failed:
    """A container of ours that has not ended holds the name."""
    if holder.state == "created":
        cause = f"A container of ours named {spec.name} is being started, by somebody else or another nemotui"
    elif holder.state == "running":
        cause = f"A container of ours named {spec.name} runs already"
    else:
        cause = f"A container of ours named {spec.name} is {holder.state}"
    return Failed(
        kind="runs_already",
        cause=cause,
        remedy="See it with `nemotui status`, end it with `nemotui stop`, take its place with --replace, or choose "
        "another name with --name.",
        spec=spec,
        cure=Cure(before=spec, after=spec, replaces=holder.id),
        container=holder,
    )


async def failed_log(runtime: ContainerRuntime, found: Diagnosis, container: Container) -> Failed:
    """The server of this container has ended; its settings are read from the container itself."""
    try:
        spec: ContainerSpec | None = await runtime.spec(container.id)
    except NemotuiError:  # it is gone
        spec = None
    return failed(found, spec, container)


def crashing(event: Failed, times: int) -> Failed:
    """Its restart policy starts it again and again."""
    return replace(
        event,
        kind="crash_loop",
        cause=f"The server has crashed {times} times, and Docker starts it again each time: {event.cause}",
        remedy=f"{event.remedy} `nemotui stop` ends the loop.",
    )


async def with_idle_gpus(event: Failed, probe: MachineProbe) -> Failed:
    """A busy GPU is better cured by others that are idle, where the machine has them."""
    if event.kind != "gpu_busy" or event.spec is None:
        return event
    try:
        machine = await probe.sample()
    except NemotuiError:
        return event
    return replace(event, cure=cured(event.spec, idle_gpus(event.spec, machine)) or event.cure)
