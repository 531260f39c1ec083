"""What a verb acts on: the real machine, one from a file, or a pretend one; the same ports in each case."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

from nemotui.catalog import load_catalog
from nemotui.cli.left import incident_store, left_here
from nemotui.cli.machine import Box
from nemotui.cli.verb import Invocation
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.model_server import ModelServer
from nemotui.core.models import Catalog
from nemotui.core.phases import TYPICAL
from nemotui.core.plan import Plan, container_spec
from nemotui.core.ports import Backends, Container, ContainerRuntime, MachineProbe
from nemotui.core.recommend import PlanRequest, Recommendation, recommend
from nemotui.core.text import plain_line
from nemotui.settings import Settings

_KEY_LIMIT = 4096
_DEMO_START_S = 6.0  # a pretend start, every phase of it


@asynccontextmanager
async def backends(
    inv: Invocation, *, start_s: float | None = None, runs_dir: Path | None = None, box: Box | None = None
) -> AsyncGenerator[Backends, None]:
    """The backends of this invocation, closed at the end.

    `start_s`: how long a pretend start takes, None: so long that it can be watched. `runs_dir`: where runs are stored,
    if not in the state directory. `box`: the machine, where it is looked at already; whoever made it closes it.
    """
    from nemotui.adapters.clock import SystemClock
    from nemotui.adapters.conversations import ConversationsFolder
    from nemotui.adapters.editor import ExternalEditor
    from nemotui.adapters.ending import end_process
    from nemotui.adapters.handover import HandoverRuns
    from nemotui.adapters.hook import Hook
    from nemotui.adapters.keyfile import KeyFile
    from nemotui.adapters.lab_files import LabFolder
    from nemotui.adapters.load import LoadProcess
    from nemotui.adapters.log_files import LogsFolder
    from nemotui.adapters.measured import StartsFile
    from nemotui.adapters.observer import ApartObserver, TaskObserver
    from nemotui.adapters.runs import RunsFolder
    from nemotui.adapters.verified import VerifiedFile

    settings, clock = kept_settings(inv), SystemClock()
    runs, catalog = runs_dir or settings.runs_dir, known(inv, runs_dir)
    given = api_key(settings.api_key_file, settings.base_url)
    keys, own = KeyFile(settings.key_file, given), is_own(settings.base_url)

    def key() -> str | None:
        return given or (keys.key() if own else None)

    def server(base_url: str) -> ModelServer:
        from nemotui.adapters.vllm import VllmServer

        return VllmServer(base_url, api_key=key)

    announcer = Hook(settings.on_ready) if settings.on_ready else None
    async with AsyncExitStack() as stack:
        box = box or Box(inv, clock, stack)
        start_s = _demo_start_s() if start_s is None else start_s
        probe, (runtime, cache, surroundings) = box.probe, box.engine(start_s)
        observe: TaskObserver | ApartObserver = ApartObserver(key)
        if inv.demo is not None:
            observe = TaskObserver(probe, server, clock)
            stack.push_async_callback(observe.close)
        yield Backends(
            clock=clock,
            probe=probe,
            runtime=runtime,
            load=LoadProcess(
                runs, clock, catalog, api_key=key, observe=observe, price_per_hour=settings.price_per_hour
            ),
            runs=RunsFolder(runs),
            catalog=catalog,
            cache=cache,
            server=server,
            keys=keys,
            surroundings=surroundings,
            starts=StartsFile(settings.starts_file),
            announcer=announcer,
            typical=TYPICAL if inv.demo is None else TYPICAL.within(start_s),
            incidents=incident_store(settings, key(), clock),
            leavings=left_here(settings, runtime, RunsFolder(runs), catalog),
            end_process=end_process,
            pretend=inv.demo is not None,
            handover=HandoverRuns(settings.handover_dir, clock),
            verified=VerifiedFile(settings.verified_file),
            log_files=LogsFolder(settings.logs_dir, clock),
            lab=LabFolder(settings.lab_dir, clock),
            conversations=ConversationsFolder(settings.conversations_dir, clock),
            editor=ExternalEditor(os.environ),
        )


@asynccontextmanager
async def looking(inv: Invocation) -> AsyncGenerator[tuple[MachineProbe, Catalog], None]:
    """The idle machine and what is known of such: all that a verb needs which starts and measures nothing."""
    from nemotui.adapters.clock import SystemClock

    async with AsyncExitStack() as stack:
        yield Box(inv, SystemClock(), stack).probe, known(inv)


def known(inv: Invocation, runs_dir: Path | None = None) -> Catalog:
    """The catalogue, and what was measured here."""
    from nemotui.adapters.measured import StartsFile, stored_benchmarks

    settings = kept_settings(inv)
    benchmarks = stored_benchmarks(runs_dir or settings.runs_dir, pretend=inv.demo is not None)
    catalog = load_catalog(settings.catalog)
    return replace(catalog, starts=StartsFile(settings.starts_file).all(), benchmarks=benchmarks)


def kept_settings(inv: Invocation) -> Settings:
    """The settings; what is pretended has a state directory of its own, lest it be taken for measured."""
    return inv.settings if inv.demo is None else _pretend(inv.settings)


def _pretend(settings: Settings) -> Settings:
    return replace(settings, state_dir=settings.state_dir / "demo")


async def pretend_runs(inv: Invocation) -> bool:
    """Whether runs of pretend machines are stored."""
    from nemotui.adapters.runs import RunsFolder

    runs, _ = await RunsFolder(_pretend(inv.settings).runs_dir).listed(1)
    return bool(runs)


@asynccontextmanager
async def serving(
    inv: Invocation, *, runs_dir: Path | None = None
) -> AsyncGenerator[tuple[Backends, ModelServer, str], None]:
    """The server that a verb talks to, and the model's served name: --base-url, else ours, else the default port.

    With --demo and no --base-url a pretend server is started and lives as long as the verb.
    """
    from nemotui.core.watch import find_server

    async with backends(inv, start_s=0.5, runs_dir=runs_dir) as b:
        if inv.settings.base_url is not None:
            url = inv.settings.base_url
        elif inv.demo is not None:
            url = await start_pretend(inv, b)
        else:
            url, _, _ = await find_server(b.runtime, local_url(inv))
        server = b.server(url)
        try:
            yield b, server, inv.settings.model or await first_model(server)
        finally:
            await server.close()


async def first_model(server: ModelServer) -> str:
    """The first name that the server lists."""
    models = await server.models()
    if not models:
        raise NothingThereError("no_model", f"{server.base_url} serves no model", "Name one with --model.")
    return models[0].id


def local_url(inv: Invocation) -> str:
    """Where a server is looked for when nothing says where."""
    return f"http://127.0.0.1:{inv.settings.port}"


async def deployed(
    runtime: ContainerRuntime, name: str | None, *, running: bool = False, ours: bool = False
) -> Container:
    """Our newest container, or that of a name; with `ours` not one that somebody else runs and we only look at.

    Raises `NothingThereError` where there is none.
    """
    for container in await runtime.containers():
        if name not in (None, container.name) or (running and not container.going_on):
            continue
        if ours and not container.ours:
            message = f"{container.name} was not started by nemotui"
            raise FailedError("not_ours", message, f"To make it yours: `nemotui adopt --name {container.name}`.")
        return container
    what = f"no container of ours is called {name!r}" if name else f"no container {'runs' if running else 'is here'}"
    raise NothingThereError("no_container", what, "See `nemotui status`, or start one with `nemotui deploy`.")


async def start_pretend(inv: Invocation, b: Backends) -> str:
    """Start the best plan of the pretend machine and wait until it serves; its base URL."""
    from nemotui.core.deploy import Ready, deploy
    from nemotui.core.failed import Failed

    spec = container_spec(best(recommend(await b.probe.sample(), b.catalog, PlanRequest(port=pretend_port(inv)))))
    server = b.server(f"http://127.0.0.1:{spec.port}")
    try:
        async with aclosing(deploy(b.runtime, server, spec, b.clock)) as events:
            async for event in events:
                if isinstance(event, Ready):
                    return event.base_url
                if isinstance(event, Failed):
                    raise FailedError(event.kind, event.cause, event.remedy)
    finally:
        await server.close()
    raise FailedError("deploy_failed", "the pretend server did not start")


def pretend_port(inv: Invocation) -> int:
    """The configured port, or a free one where somebody has that: a demonstration shall not fail on a busy port."""
    for port in (inv.settings.port, 0):
        with suppress(OSError), socket.create_server(("127.0.0.1", port)) as listener:
            return int(listener.getsockname()[1])
    return inv.settings.port


def best(plans: Sequence[Recommendation]) -> Plan:
    """The first plan that can run; raises `FailedError` with the reason where none can."""
    for plan in plans:
        if plan.plan is not None and plan.verdict != "no":
            return plan.plan
    reason = plans[0].reasons[0] if plans else "there is no GPU to plan for"
    would_fit_if = plans[0].would_fit_if if plans else None
    raise FailedError("nothing_fits", reason, f"{would_fit_if}." if would_fit_if else "See `nemotui recommend`.")


def _demo_start_s() -> float:
    """As the pretend server's own variable has it."""
    text = os.environ.get("NEMOTUI_SIM_START_SECONDS", "")
    try:
        return float(text) if text else _DEMO_START_S
    except ValueError:
        raise UsageError("usage", f"NEMOTUI_SIM_START_SECONDS {plain_line(text)!r} is no number", "Unset it.") from None


def api_key(path: Path | None, base_url: str | None = None) -> str | None:
    """The server's key from a file, else from NEMOTUI_API_KEY, else VLLM_API_KEY; it is never printed.

    VLLM_API_KEY is the one that our own container takes over from this environment, so it is for this machine's
    servers alone: no `base_url`, or a loopback one.
    """
    if path is None:
        for name in ("NEMOTUI_API_KEY", *(("VLLM_API_KEY",) if is_own(base_url) else ())):
            key = os.environ.get(name, "").strip()
            if not (key.isascii() and key.isprintable()):
                raise UsageError("api_key", f"{name} does not hold one API key", "Give it the key alone.")
            if key:
                return key
        return None
    shown = plain_line(str(path))
    try:
        with path.open("rb") as file:
            text = file.read(_KEY_LIMIT + 1).decode("ascii").strip()
    except OSError as error:
        raise UsageError("api_key_file", f"cannot read {shown}: {error.strerror}", "Check --api-key-file.") from None
    except UnicodeDecodeError:
        text = ""
    if not text or len(text) > _KEY_LIMIT or not text.isprintable():
        raise UsageError("api_key_file", f"{shown} does not hold one API key", "Write the key alone into it.")
    return text


def is_own(base_url: str | None) -> bool:
    """No server that was named, or one on this machine."""
    if base_url is None:
        return True
    from nemotui.adapters.vllm import is_loopback

    try:
        return is_loopback(urlsplit(base_url).hostname)
    except ValueError:
        return False
