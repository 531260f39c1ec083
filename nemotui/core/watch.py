"""Watching: the machine and the server, sample by sample, whatever state they are in."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field

from nemotui.core.errors import NemotuiError, Problem
from nemotui.core.hardware import Machine, NoGpusError
from nemotui.core.model_server import ModelServer, ServedModel, ServerMetrics
from nemotui.core.ports import Clock, Container, ContainerRuntime, MachineProbe
from nemotui.core.reach import local_host
from nemotui.core.vitals import HUNG_AFTER_S, Vitals

MACHINE_INTERVAL_S = 2.0  # NVML averages over up to a second, and watching shall cost next to nothing
SERVER_INTERVAL_S = 2.0
_NOTHING_INTERVAL_S = 5.0  # while there is no server, and no container of ours that may become one
_FULL_CHECK_EVERY = 15  # samples, half a minute
_RETRY_S = 30.0  # how often a driver that is not there is asked again


async def watch_machine(
    probe: MachineProbe,
    clock: Clock,
    *,
    interval_s: float = MACHINE_INTERVAL_S,
    detail: Callable[[], str | None] = lambda: None,
    anew: bool = False,
) -> AsyncGenerator[Machine, None]:
    """The machine every two seconds; while there is no driver the host alone, every half minute.

    `detail` is asked before each sample for the UUID of the GPU that somebody looks at closely; `anew`: the first
    sample looks again for GPUs that are gone.
    """
    while True:
        wait = interval_s
        try:
            yield await probe.sample(detail(), anew=anew)
        except NoGpusError as error:
            wait = max(interval_s, _RETRY_S)
            yield error.machine
        anew = False
        await clock.sleep(wait)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSample:
    """The server as it is now.

    `container` is our newest one, running or not; None where there is none or no engine to ask. `base_url` is what
    was asked. `serving`: /health is 200 and a model is listed. `hung`: so it is, and there is work of which for
    `HUNG_AFTER_S` nothing has been done. `problem`: why there is nothing to see, when there is nothing;
    `engine_problem`: why nobody knows what containers there are.
    """

    at: float
    base_url: str
    container: Container | None = None
    serving: bool = False
    models: Sequence[ServedModel] = ()
    metrics: ServerMetrics = field(default_factory=ServerMetrics)
    vitals: Vitals = field(default_factory=Vitals)
    hung: bool = False
    problem: Problem | None = None
    engine_problem: Problem | None = None


def container_url(container: Container) -> str:
    """Where a container of ours answers on this machine."""
    return local_url(container.bind, container.port)


def local_url(bind: str | None, port: int | None) -> str:
    """The URL that reaches, from this machine, what is bound to this address and port."""
    return f"http://{local_host(bind)}:{port}"


async def find_server(runtime: ContainerRuntime, default_url: str) -> tuple[str, Container | None, Problem | None]:
    """Where to look for a server: that of our running container, else `default_url`; our newest container; and why
    the engine could not be asked, if so (a server may run without an engine).
    """
    try:
        containers = await runtime.containers()
    except NemotuiError as error:
        return default_url, None, error.problem
    running = next((c for c in containers if c.state == "running" and c.port), None)
    newest = running or (containers[0] if containers else None)
    return (container_url(running) if running else default_url), newest, None


async def take_pulse(server: ModelServer, clock: Clock) -> tuple[Vitals, bool]:
    """A server's vitals, and whether it hangs. One look where there is nothing to do; else until something is done."""
    vitals = Vitals().after(clock.monotonic(), await server.metrics())
    if not vitals.busy:
        return vitals, False
    while vitals.stalled_s < HUNG_AFTER_S:
        await clock.sleep(1.0)
        vitals = vitals.after(clock.monotonic(), await server.metrics())
        if not vitals.stalled_s:
            return vitals, False
    return vitals, await server.healthy()


async def watch_server(
    runtime: ContainerRuntime, connect: Callable[[str], ModelServer], default_url: str, clock: Clock
) -> AsyncGenerator[ServerSample, None]:
    """The server that our container runs, else the one at `default_url`, every two seconds while there is one.

    A server that serves is asked for its metrics alone, and only now and then whether it is healthy and what it
    serves: vLLM writes a line into its log for every request.
    """
    server: ModelServer | None = None
    models: Sequence[ServedModel] = ()
    vitals = Vitals()
    asked = 0
    try:
        while True:
            url, container, engine_problem = await find_server(runtime, default_url)
            problem = engine_problem
            if server is None or server.base_url != url:
                if server is not None:
                    await server.close()
                server, models, vitals = connect(url), (), Vitals()
            metrics, hung = ServerMetrics(), False
            try:
                if not models or asked % _FULL_CHECK_EVERY == 0:
                    models = await server.models() if await server.healthy() else ()
                if models:
                    metrics, problem = await server.metrics(), None
                    vitals = vitals.after(clock.monotonic(), metrics)
                    if vitals.stalled_s >= HUNG_AFTER_S:
                        hung = await server.healthy()
                        models = models if hung else ()
            except NemotuiError as error:
                models, problem = (), error.problem
            asked += 1
            yield ServerSample(
                at=clock.now(),
                base_url=url,
                container=container,
                serving=bool(models),
                models=models,
                metrics=metrics,
                vitals=vitals,
                hung=hung,
                problem=problem,
                engine_problem=engine_problem,
            )
            there = models or (container and container.state == "running")
            await clock.sleep(SERVER_INTERVAL_S if there else _NOTHING_INTERVAL_S)
    finally:
        if server is not None:
            await server.close()
