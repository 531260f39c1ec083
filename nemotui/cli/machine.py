"""The machine that a verb acts on: this one, one from a file, or a pretend one.

Its GPUs are to be seen at once; its engine and what is around them are made when somebody asks for them.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from nemotui.adapters.docker import DockerEngine
    from nemotui.cli.verb import Invocation
    from nemotui.core.ports import Clock, ContainerRuntime, MachineProbe, Surroundings
    from nemotui.core.stores import ModelCache


class _Shown(TypedDict):
    """What decides which GPUs CUDA shows, on a pretend machine too."""

    visible_devices: str | None
    device_order: str | None


def _shown() -> _Shown:
    variable = os.environ.get
    return _Shown(visible_devices=variable("CUDA_VISIBLE_DEVICES"), device_order=variable("CUDA_DEVICE_ORDER"))


class Box:
    """`probe` is there from the start; whoever makes a box closes it."""

    probe: MachineProbe

    def __init__(self, inv: Invocation, clock: Clock, stack: AsyncExitStack) -> None:
        self._inv = inv
        self._clock = clock
        self._stack = stack
        self.probe = self._pretend() if inv.demo is not None else self._from_file() or self._this()
        stack.push_async_callback(self.probe.close)

    def engine(self, start_s: float) -> tuple[ContainerRuntime, ModelCache, Surroundings]:
        """The engine, the model cache, and what a preflight asks. `start_s`: how long a pretend start takes."""
        if self._inv.demo is not None:
            from nemotui.sim.engine import PretendEngine
            from nemotui.sim.probe import PretendProbe
            from nemotui.sim.surroundings import PretendSurroundings

            engine = PretendEngine(self._inv.demo, self._clock, speed=self._inv.speed, start_seconds=start_s)
            self._stack.push_async_callback(engine.close)
            assert isinstance(self.probe, PretendProbe)
            self.probe.engine = engine
            return engine, engine.hub, PretendSurroundings(self._inv.demo, engine)
        from nemotui.adapters.model_cache import HubCache
        from nemotui.adapters.surroundings import LocalSurroundings

        hf_cache = self._inv.settings.hf_cache
        return self._docker, HubCache(hf_cache), LocalSurroundings(hf_cache)

    @cached_property
    def _docker(self) -> DockerEngine:
        from nemotui.cli.left import docker_engine

        return docker_engine(self._inv.settings)

    def _pretend(self) -> MachineProbe:
        from nemotui.sim.probe import PretendProbe

        assert self._inv.demo is not None
        return PretendProbe(self._inv.demo, self._clock, **_shown())

    def _from_file(self) -> MachineProbe | None:
        if self._inv.machine is None:
            return None
        from nemotui.adapters.machine_file import FileProbe, read_machine

        return FileProbe(read_machine(self._inv.machine))

    def _this(self) -> MachineProbe:
        from nemotui.adapters.host import HostProbe, disk
        from nemotui.adapters.nvml import NvmlProbe
        from nemotui.adapters.processes import Processes

        hf_cache = self._inv.settings.hf_cache
        processes = Processes(lambda container_id: self._docker.container_name(container_id))
        return NvmlProbe(HostProbe(), processes, self._clock, disk=lambda: disk(hf_cache), **_shown())
