"""A server gives its place to another: beside it or in its place, and back again where the new one fails."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from nemotui.core.deploy import Ready
from nemotui.core.errors import NothingThereError
from nemotui.core.failed import Failed
from nemotui.core.logs import LogLine
from nemotui.core.plan import LABEL, ContainerSpec
from nemotui.core.ports import Container, EngineInfo, PullProgress
from nemotui.core.swap import Swap, Swapping, bring_back, left_behind, plan_swap, swap
from tests.core.scripted import Clock, Server
from tests.unasked import Unasked

pytestmark = pytest.mark.anyio

OLD = ContainerSpec(
    name="nemotui",
    image="i",
    args=("m", "--served-model-name", "nemotron-super"),
    gpus=("GPU-0",),
    labels=((LABEL, "n"),),
)
FATAL = LogLine("ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (524).", 2000.0)


@dataclass
class Engine(Unasked):
    """An engine in memory; a container whose arguments have `--fails` ends at once."""

    present: dict[str, Container] = field(default_factory=dict)
    specs: dict[str, ContainerSpec] = field(default_factory=dict)
    calls: list[str] = field(default_factory=list)
    number: int = 0

    async def info(self) -> EngineInfo:
        raise NotImplementedError

    async def has_image(self, image: str) -> bool:
        return True

    def pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        raise NotImplementedError

    async def start(self, spec: ContainerSpec) -> Container:
        self.number += 1
        made = Container(
            id=f"c{self.number}",
            name=spec.name,
            image=spec.image,
            state="exited" if "--fails" in spec.args else "running",
            exit_code=1 if "--fails" in spec.args else None,
            started_at=1000.0,
            labels=dict(spec.labels),
            args=spec.args,
        )
        self.present[made.id], self.specs[made.id] = made, spec
        self.calls.append(f"start {spec.name}")
        return made

    async def containers(self) -> Sequence[Container]:
        return list(self.present.values())

    async def inspect(self, container_id: str) -> Container:
        if container_id not in self.present:
            raise NothingThereError("no_container", "none")
        return self.present[container_id]

    async def spec(self, container_id: str) -> ContainerSpec:
        return self.specs[container_id]

    async def rename(self, container_id: str, name: str) -> None:
        assert name not in self.names
        self.present[container_id] = replace(self.present[container_id], name=name)
        self.calls.append(f"rename {container_id} {name}")

    async def start_again(self, container_id: str) -> Container:
        self.present[container_id] = replace(self.present[container_id], state="running")
        self.calls.append(f"start again {container_id}")
        return self.present[container_id]

    async def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        if self.present[container_id].state == "exited":
            yield (FATAL,)

    async def stop(self, container_id: str, *, grace_s: int) -> None:
        self.present[container_id] = replace(self.present[container_id], state="exited")
        self.calls.append(f"stop {container_id}")

    async def remove(self, container_id: str) -> None:
        del self.present[container_id]
        self.calls.append(f"remove {container_id}")

    @property
    def names(self) -> dict[str, str]:
        return {container.name: container.state for container in self.present.values()}


async def swapped(engine: Engine, spec: ContainerSpec) -> tuple[Swap, list[object]]:
    old = await engine.start(OLD)
    plan = await plan_swap(engine, old, spec)
    engine.calls.clear()
    server = Server(up_after=None if "--fails" in spec.args else 1)
    return plan, [event async for event in swap(engine, server, plan, Clock())]


async def test_on_the_same_gpus_and_port_the_old_one_goes_first_and_is_kept_until_the_new_one_answers() -> None:
    engine = Engine()
    plan, events = await swapped(engine, replace(OLD, args=(*OLD.args, "--max-num-seqs", "64")))

    assert not plan.beside
    assert plan.steps[0].startswith("Both want port 8000: nemotui is stopped first")
    assert engine.calls == ["stop c1", "rename c1 nemotui-previous", "start nemotui", "remove c1"]
    assert isinstance(events[0], Swapping)
    assert isinstance(events[-1], Ready)
    assert engine.names == {"nemotui": "running"}


async def test_where_the_new_one_fails_the_old_one_comes_back() -> None:
    engine = Engine()
    _, events = await swapped(engine, replace(OLD, args=(*OLD.args, "--fails", "--max-num-seqs", "1024")))

    failed = events[-1]
    assert isinstance(failed, Failed)
    assert failed.kind == "too_many_seqs"
    assert failed.remedy.endswith("nemotui is started again as it was.")
    assert engine.names == {"nemotui": "running", "nemotui-failed": "exited"}
    assert engine.calls[-1] == "start again c1"


async def test_on_other_gpus_and_another_port_the_old_one_serves_until_the_new_one_does() -> None:
    engine = Engine()
    plan, events = await swapped(engine, replace(OLD, gpus=("GPU-1",), port=8001))

    assert plan.beside
    assert engine.calls == ["start nemotui-next", "stop c1", "remove c1", "rename c2 nemotui"]
    assert isinstance(events[-1], Ready)
    assert events[-1].container.name == "nemotui"


async def test_beside_each_other_a_failure_costs_nothing() -> None:
    engine = Engine()
    _, events = await swapped(engine, replace(OLD, gpus=("GPU-1",), port=8001, args=(*OLD.args, "--fails")))

    assert isinstance(events[-1], Failed)
    assert events[-1].remedy.endswith("nemotui goes on serving.")
    assert engine.names == {"nemotui": "running", "nemotui-next": "exited"}


@pytest.mark.parametrize(
    ("shares", "beside"), [(("0.5", "0.4"), True), (("0.92", "0.92"), False), (("0.5", "x"), False)]
)
async def test_memory_of_the_same_gpus_forbids_it_unless_both_fit(shares: tuple[str, str], beside: bool) -> None:
    engine = Engine()
    one, two = (
        replace(OLD, port=port, args=("m", "--gpu-memory-utilization", share))
        for port, share in zip((8000, 8001), shares, strict=True)
    )
    plan = await plan_swap(engine, await engine.start(one), two)

    assert plan.beside is beside
    assert ("memory of the GPUs" in plan.why_not_beside) is not beside


async def test_an_old_server_whose_replacement_was_broken_off_is_found_and_brought_back() -> None:
    engine = Engine()
    old = await engine.start(OLD)
    assert left_behind(await engine.containers()) is None
    await engine.stop(old.id, grace_s=0)  # and here the console was killed
    await engine.rename(old.id, "nemotui-previous")
    successor = await engine.start(OLD)
    assert left_behind(await engine.containers()) is None  # it may still answer
    await engine.stop(successor.id, grace_s=0)

    previous = left_behind(await engine.containers())
    assert previous is not None
    await bring_back(engine, previous)

    assert engine.names == {"nemotui": "running", "nemotui-failed": "exited"}
    assert left_behind(await engine.containers()) is None
