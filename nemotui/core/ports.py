"""The seams: what the use cases ask of the outside world. Adapters and the pretend machine both answer them.

That of the model server is in `core.model_server`, those of what is kept on disk are in `core.stores`.

Every string that crosses a port towards us is plain already (`core.text`); every method may raise `NemotuiError`.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

from nemotui.core.phases import TYPICAL, Expectation

if TYPE_CHECKING:  # whoever needs a port need not import all that passes through the others
    from nemotui.core.bench import BenchSpec, TimelinePoint
    from nemotui.core.hardware import Machine
    from nemotui.core.leavings import Leavings
    from nemotui.core.logs import LogLine
    from nemotui.core.model_server import ModelServer
    from nemotui.core.models import Catalog
    from nemotui.core.observe import Observation
    from nemotui.core.plan import ContainerSpec, Plan
    from nemotui.core.stores import (
        ConversationStore,
        HandoverStore,
        IncidentStore,
        KeyStore,
        LabStore,
        LogFiles,
        ModelCache,
        RunStore,
        StartStore,
        VerifiedStore,
    )
    from nemotui.core.surroundings import EngineFacts, Holder, HostFacts, Hub, ImageFacts, Tag, Trial


class Clock(Protocol):
    """Time, passed in so that tests can own it."""

    def now(self) -> float:
        """Unix time in seconds."""

    def monotonic(self) -> float:
        """Seconds that never go back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class MachineProbe(Protocol):
    """The GPUs and the host."""

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        """The machine now, with the `detail` of the GPU of that UUID, which costs slow calls.

        `anew`: look again for GPUs that are gone, though that lets the others wait. Raises `NoGpusError` when there is
        no driver at all.
        """

    async def close(self) -> None:
        """Let go of the driver; never blocks for long, even when a call hangs."""


ContainerState = Literal["created", "running", "restarting", "paused", "removing", "exited", "dead"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Container:
    """A container as the engine tells it. Times are unix seconds; `restarts` counts what its restart policy did.

    `adopted`: somebody else's, which our user has made ours. `gpus` are UUIDs, or `core.plan.ALL_GPUS`.
    """

    id: str
    name: str
    image: str
    state: ContainerState
    created_at: float | None = None
    restarts: int = 0
    adopted: bool = False
    exit_code: int | None = None
    oom_killed: bool = False
    started_at: float | None = None
    finished_at: float | None = None
    bind: str | None = None
    port: int | None = None
    labels: Mapping[str, str]
    args: tuple[str, ...] = ()
    gpus: tuple[str, ...] = ()

    @property
    def ours(self) -> bool:
        """We may stop, replace and remove it; another is only looked at."""
        from nemotui.core.plan import LABEL

        return LABEL in self.labels or self.adopted

    @property
    def going_on(self) -> bool:
        """It runs, is started again, or is paused: it holds its name, its port and its GPUs."""
        return self.state in ("running", "restarting", "paused")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineInfo:
    """The container engine: its version, API version, and whether an NVIDIA runtime is registered."""

    version: str
    api_version: str
    nvidia_runtime: bool


LayerStep = Literal["waiting", "downloading", "extracting", "done"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One layer of an image that is being fetched, compressed bytes; `total_bytes` None until its turn comes."""

    id: str
    step: LayerStep
    current_bytes: int = 0
    total_bytes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """Bytes fetched so far over all layers known so far; `total_bytes` None until the size of each of them is known.

    Layers that the engine has already are none of them.
    """

    current_bytes: int
    total_bytes: int | None
    status: str
    layers: tuple[Layer, ...] = ()


class ContainerRuntime(Protocol):
    """A container engine; only what a deployment needs."""

    async def info(self) -> EngineInfo:
        """Raises `NothingThereError` when there is no engine or no permission."""

    async def has_image(self, image: str) -> bool: ...

    def pull(self, image: str) -> AsyncGenerator[PullProgress, None]: ...

    async def start(self, spec: ContainerSpec) -> Container:
        """Create and start; what a failed start leaves behind is removed."""

    async def containers(self) -> Sequence[Container]:
        """Ours, newest first, stopped ones included; then those of others that run a vLLM server."""

    async def inspect(self, container_id: str) -> Container: ...

    async def spec(self, container_id: str) -> ContainerSpec:
        """What makes the same container again, read from the container itself; of its secrets only the names."""

    async def document(self, container_id: str) -> Mapping[str, Any]:
        """All that the engine tells of it, secrets and all: for an incident bundle, which takes them out."""

    async def processes(self, container_id: str) -> Sequence[int]:
        """The PIDs of what runs in it, as this host counts them; none where it does not run."""

    async def adopt(self, container_id: str) -> None:
        """From now on it counts as ours."""

    async def rename(self, container_id: str, name: str) -> None: ...

    async def start_again(self, container_id: str) -> Container:
        """Start one that has stopped."""

    def logs(
        self, container_id: str, *, follow: bool, tail: int | None = None, since: float | None = None
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """Batches of lines, oldest first; with `follow` until the container ends."""

    def execute(
        self, container_id: str, argv: Sequence[str], environment: Mapping[str, str]
    ) -> AsyncGenerator[tuple[LogLine, ...], None]:
        """Run a command in a container: its lines as they come, until it ends. Leaving early ends it.

        Raises `FailedError` where the container has no such program. How it ended is for its output to say.
        """

    def raw_log(self, container_id: str) -> AsyncGenerator[bytes, None]:
        """The whole log that the engine keeps, byte for byte, both streams in the order of their times."""

    async def stop(self, container_id: str, *, grace_s: int) -> None: ...

    async def remove(self, container_id: str) -> None: ...


class LoadRunner(Protocol):
    """Benchmark runs: each a process of its own that outlives us, and a directory on disk, by which it is named."""

    async def start(self, spec: BenchSpec, environment: Mapping[str, Any]) -> str:
        """Start a run and return its directory. `environment` is kept there: GPUs, image, versions; nothing secret."""

    def follow(self, run: str) -> AsyncGenerator[TimelinePoint | Observation, None]:
        """The run's timeline from its beginning until its end, and what stands beside it.

        `FailedError` when it died before any request ended.
        """

    async def result(self, run: str) -> Mapping[str, Any]:
        """Its result.json beside what is known of it elsewhere, and the `verdict` in a sentence.

        Raises what kept the run from measuring (`NothingThereError`: no server).
        """

    async def keep_vllm_bench(self, run: str, figures: Mapping[str, Any]) -> None:
        """Keep what vLLM's own tool measured beside the run: its result has them as `vllm_bench`."""

    @property
    def risk(self) -> str | None:
        """What could end a run before its time on this host, and what to do; None: nothing that is known."""

    async def stop(self, run: str) -> None:
        """Ask the run to end; it keeps what it has measured and writes its result."""


class Surroundings(Protocol):
    """What a preflight asks beside the machine's GPUs; it changes nothing."""

    async def engine(self) -> EngineFacts:
        """Raises `NothingThereError` when there is no engine or no permission."""

    async def image(self, image: str) -> ImageFacts | None:
        """The image, if the engine has it."""

    async def holder(self, name: str) -> Holder | None:
        """The container that has this name, whosever it is."""

    async def try_arguments(self, spec: ContainerSpec) -> Trial:
        """Let the image, which is there, parse the arguments of its `vllm serve`: seconds, and bounded."""

    async def host(self, plan: Plan | None, data_root: str | None) -> HostFacts: ...

    async def tag(self, image: str) -> Tag:
        """Ask the image's registry; bounded, and an answer in every case."""

    async def hub(self, repo: str) -> Hub:
        """Ask the model hub; bounded, and an answer in every case."""


class Editor(Protocol):
    """The user's own editor, which takes the terminal while it runs."""

    async def edit(self, text: str) -> str:
        """The text as it was left there, made plain. Raises `FailedError` where there is no editor, or it failed."""


Announcer = Callable[[Mapping[str, str]], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backends:
    """The outside world as the console and the verbs get it; `server` connects to a base URL.

    `starts` None: what a start teaches is not kept. `log_files` None: no log is saved, `lab` and
    `conversations` None: none of these is. `end_process` ends a process
    (PID) that a container (id) left. `pretend`: what is measured says nothing of a real machine. `announcer` gets the
    variables that tell how a start has ended. `typical`: how long one takes that nobody has seen here.
    """

    clock: Clock
    probe: MachineProbe
    runtime: ContainerRuntime
    load: LoadRunner
    runs: RunStore
    catalog: Catalog
    cache: ModelCache
    server: Callable[[str], ModelServer]
    incidents: IncidentStore
    leavings: Leavings
    end_process: Callable[[int, str], Awaitable[None]]
    keys: KeyStore
    surroundings: Surroundings
    starts: StartStore | None = None
    announcer: Announcer | None = None
    typical: Expectation = TYPICAL
    pretend: bool = False
    log_files: LogFiles | None = None
    verified: VerifiedStore | None = None
    handover: HandoverStore | None = None
    lab: LabStore | None = None
    conversations: ConversationStore | None = None
    editor: Editor | None = None
