"""A world that stands still: the console's backends with fixed answers, so that a screen is the same every time.

Every watcher gets one sample and then waits; what takes time in life (a log, a benchmark, an answer) is there at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

from nemotui.adapters.keyfile import KeyFile
from nemotui.adapters.runs import RunsFolder
from nemotui.catalog import load_catalog
from nemotui.core.bench import BenchSpec, TimelinePoint
from nemotui.core.beside import beside
from nemotui.core.hardware import Machine
from nemotui.core.logs import LogLine
from nemotui.core.model_server import ChatChunk, ServedModel, ServerMetrics, Usage
from nemotui.core.observe import Observation
from nemotui.core.plan import ContainerSpec
from nemotui.core.ports import Backends, Container, EngineInfo, PullProgress
from nemotui.core.reach import Login
from nemotui.core.recommend import PlanRequest
from nemotui.core.stores import StoredRun
from nemotui.rundir import RunDirectory
from nemotui.sim.engine import PretendEngine
from nemotui.sim.machines import load_machine
from nemotui.sim.surroundings import PretendSurroundings
from nemotui.ui.app import NemotuiApp
from nemotui.ui.look import Look
from nemotui.ui.options import Options
from nemotui.ui.screen import MainScreen
from nemotui.ui.states.gpus import GpusState
from tests.recorded import RECORDED
from tests.unasked import Tidy, Unasked

FIXTURES = Path(__file__).parent.parent / "fixtures"
RUN = RECORDED
STARTED_AT = 1_795_000_000.0

CONTAINER = Container(
    id="c0ffee",
    name="nemotui",
    image="vllm/vllm-openai:latest",
    state="running",
    started_at=STARTED_AT,
    bind="127.0.0.1",
    port=8000,
    labels={"nemotui": "nemotui", "nemotui.variant": "FP8", "nemotui.tensor-parallel-size": "2"},
)
THINKING = "The user asks what a Mamba layer is good for. I should answer in a sentence or two and give one example."
ANSWER = (
    "A Mamba layer keeps **one state of fixed size** for a whole sequence, so its cost for a token does not grow\n"
    "with the context.\n\n- attention: memory grows with every token\n- Mamba: constant memory\n"
)
HASTY = (
    "A Mamba layer keeps one state that grows slowly for a whole sequence, so its cost for a token does not grow\n"
    "with the context.\n\n- attention: memory grows with every token\n- Mamba: much less memory\n"
)


class Still(Unasked):
    """Clock, probe, engine, server and load runner in one: each answers from what it was given."""

    base_url = "http://127.0.0.1:8000"

    def __init__(self, machine: Machine, *, serving: bool) -> None:
        self._machine = machine
        self._serving = serving

    # Clock: time stands, and whoever waits waits for ever
    def now(self) -> float:
        return STARTED_AT + 159

    def monotonic(self) -> float:
        return 100.0

    async def sleep(self, seconds: float) -> None:
        await asyncio.Event().wait()

    # MachineProbe
    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        return self._machine

    async def close(self) -> None: ...

    # ContainerRuntime
    async def info(self) -> EngineInfo:
        return EngineInfo(version="28.5.1", api_version="1.51", nvidia_runtime=True)

    async def has_image(self, image: str) -> bool:
        return True

    async def pull(self, image: str) -> AsyncGenerator[PullProgress, None]:
        yield PullProgress(current_bytes=0, total_bytes=None, status="nothing is pulled here")

    async def start(self, spec: ContainerSpec) -> Container:
        return CONTAINER

    async def containers(self) -> Sequence[Container]:
        return [CONTAINER] if self._serving else []

    async def inspect(self, container_id: str) -> Container:
        return CONTAINER

    async def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        text = (FIXTURES / "logs" / "h200-vllm-0.24-fp8-startup.log").read_text("utf-8", "replace")
        lines = [line.rstrip("\r") for line in text.split("\n") if line.strip()]
        yield tuple(LogLine(line[:2000], STARTED_AT + n) for n, line in enumerate(lines))
        await asyncio.Event().wait()

    async def execute(
        self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        yield (LogLine("nothing is run here"),)

    async def raw_log(self, container_id: str) -> AsyncGenerator[bytes, None]:
        yield b""

    async def stop(self, container_id: str, *, grace_s: int) -> None: ...

    async def remove(self, container_id: str) -> None: ...

    # ModelCache
    async def held_bytes(self, repo: str) -> int:
        return 0

    # ModelServer
    async def healthy(self) -> bool:
        return self._serving

    async def models(self) -> Sequence[ServedModel]:
        return [ServedModel(id="nemotron-super", root="nvidia/x", max_model_len=262144)]

    async def version(self) -> str | None:
        return "0.33.0"

    async def metrics(self) -> ServerMetrics:
        return ServerMetrics(running=8, waiting=0, kv_cache_usage=0.14, generation_tokens=4096)

    def events(self, path: str, body: Mapping[str, Any]) -> AsyncGenerator[Mapping[str, Any], None]:
        raise NotImplementedError

    async def post(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        raise NotImplementedError

    async def chat(self, body: Mapping[str, Any]) -> AsyncGenerator[ChatChunk, None]:
        at = 100.0
        yield ChatChunk(at=at)
        thinks = body["chat_template_kwargs"]["enable_thinking"]
        for word in THINKING.split(" ") if thinks else ():
            at += 0.0125
            yield ChatChunk(at=at, reasoning=word + " ")
        for word in (ANSWER if thinks else HASTY).split(" "):
            at += 0.0125
            yield ChatChunk(at=at, content=word + " ")
        usage = Usage(prompt_tokens=21, completion_tokens=57, reasoning_tokens=22)
        if not thinks:
            usage = Usage(prompt_tokens=21, completion_tokens=34, reasoning_tokens=0)
        yield ChatChunk(at=at, finish_reason="stop", usage=usage)

    # LoadRunner: the recorded run
    risk = None

    async def follow(self, run: str) -> AsyncGenerator[TimelinePoint | Observation, None]:
        points, _ = RunDirectory(Path(run)).timeline()
        observations, _ = RunDirectory(Path(run)).observations()
        for point in points:
            yield point
        for observation in observations:
            yield observation

    async def result(self, run: str) -> Mapping[str, Any]:
        observations, _ = RunDirectory(Path(run)).observations()
        return beside({**RunDirectory(Path(run)).result(), "published": None}, observations, 9.98)

    async def keep_vllm_bench(self, run: str, figures: Mapping[str, Any]) -> None: ...


class StillRuns(Still):
    """The part of a `LoadRunner` whose names the container engine has too."""

    async def start(self, spec: BenchSpec, environment: Mapping[str, Any]) -> str:  # type: ignore[override]
        return str(RUN)

    async def stop(self, run: str) -> None: ...  # type: ignore[override]


class StillFolder(RunsFolder):
    """Runs that lie nowhere, so that no path of this machine is in a picture."""

    def __init__(self, runs: Sequence[StoredRun]) -> None:
        super().__init__(FIXTURES / "no-runs-here")
        self._runs = runs

    async def listed(self, limit: int, containing: str = "") -> tuple[list[StoredRun], int]:
        found = [run for run in self._runs if containing in run.name]
        return found[:limit], max(len(found) - limit, 0)


def still_app(
    profile: str = "2xh100", *, serving: bool = True, runs: Sequence[StoredRun] = (), look: Look | None = None
) -> NemotuiApp:
    """A console over the world that stands still."""
    app = NemotuiApp(lambda: still_main(profile=profile, serving=serving, runs=runs), look=look)
    app.animation_level = "none"
    return app


def still_main(
    known: GpusState | None = None, *, profile: str = "2xh100", serving: bool = True, runs: Sequence[StoredRun] = ()
) -> MainScreen:
    """Its main screen, and what of the machine it knows already."""
    machine = load_machine(profile)
    world, tidy = Still(machine, serving=serving), Tidy()
    backends = Backends(
        clock=world,
        probe=world,
        runtime=world,
        load=StillRuns(machine, serving=serving),
        runs=StillFolder(runs),
        catalog=load_catalog(),
        cache=world,
        server=lambda url: world,
        incidents=tidy,
        leavings=tidy,
        end_process=tidy.end_process,
        surroundings=PretendSurroundings(profile, PretendEngine(profile, world)),
        keys=KeyFile(FIXTURES / "no-key-here"),
    )
    options = Options(
        way_in=Login(user="ubuntu", host="gpu-box"), request=PlanRequest(), default_url=world.base_url, pretend=profile
    )
    return MainScreen(backends, options, known)
