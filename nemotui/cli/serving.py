"""`nemotui status`, `stop`, `adopt`, `bundle`: what runs, its end, and what is kept of it."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import click

from nemotui.cli.agree import agreed, somebody_there
from nemotui.cli.backends import backends, deployed, local_url, start_pretend
from nemotui.cli.check import tunnel
from nemotui.cli.output import Answer, table
from nemotui.cli.verb import Invocation, server_flags, verb
from nemotui.core.advisor import advise
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError, UsageError
from nemotui.core.incident import incident
from nemotui.core.model_server import ModelServer, ServerMetrics
from nemotui.core.ports import Backends, Container
from nemotui.core.show import number
from nemotui.core.stop import GRACE_S, Stopped, held_words
from nemotui.core.stop import stop as stopping
from nemotui.core.swap import left_behind
from nemotui.core.trouble import slowed
from nemotui.core.watch import container_url, take_pulse


@verb(example="nemotui status --json", flags=(server_flags,))
async def status(inv: Invocation, **_: object) -> Answer:
    """What runs: our containers, the server, its models, its load."""
    async with backends(inv, start_s=0.5) as b:
        url = inv.settings.base_url
        if url is None and inv.demo is not None:
            url = await start_pretend(inv, b)
        containers, engine_error = await _containers(b)
        running = next((c for c in containers if c.state == "running" and c.port), None)
        url = url or (container_url(running) if running else local_url(inv))
        server = b.server(url)
        try:
            served, error = await _served(server, running, b)
        finally:
            await server.close()
    # The engine's trouble matters only to whom no server of ours answers: one may run without Docker.
    if isinstance(error, NothingThereError) and inv.settings.base_url is None:
        error = engine_error or error
    problem = error.problem if error else None
    return Answer(
        {"containers": [_container(c) for c in containers], "server": served},
        _status_text(containers, served),
        exit_code=error.exit_code if error else 0,
        error=problem,
    )


async def _containers(b: Backends) -> tuple[list[Container], NemotuiError | None]:
    try:
        return list(await b.runtime.containers()), None
    except NemotuiError as error:
        return [], error


async def _served(
    server: ModelServer, container: Container | None, b: Backends
) -> tuple[dict[str, Any] | None, NemotuiError | None]:
    try:
        models = await server.models()
        vitals, hung = await take_pulse(server, b.clock)
    except NemotuiError as error:
        return None, error
    advice = advise(vitals, hung=hung, args=container.args if container else (), throttled=await _throttled(b))
    served = {
        "base_url": server.base_url,
        "healthy": await server.healthy(),
        "version": await server.version(),
        "models": [asdict(model) for model in models],
        "metrics": asdict(vitals.metrics),
        "heartbeat": "hung" if hung else {True: "busy", False: "idle", None: "unknown"}[vitals.busy],
        "no_token_for_s": vitals.stalled_s if vitals.busy else None,
        "prompt_throughput": vitals.prompt_throughput,
        "generation_throughput": vitals.generation_throughput,
        "advice": [asdict(one) for one in advice],
    }
    return served, FailedError("hung", advice[0].message, f"{advice[0].fix}.") if hung else None


async def _throttled(b: Backends) -> tuple[str, ...]:
    try:
        return slowed((await b.probe.sample()).gpus)
    except NemotuiError:
        return ()


def _container(container: Container) -> dict[str, Any]:
    known = {**asdict(container), "labels": dict(container.labels), "ours": container.ours}
    return {**known, "base_url": container_url(container) if container.port else None, "ssh": tunnel(container)}


def _whose(container: Container) -> str:
    return "adopted" if container.adopted else "ours" if container.ours else "other"


def _status_text(containers: list[Container], server: dict[str, Any] | None) -> str:
    parts = []
    if containers:
        rows = [
            (c.name, c.state, number(c.exit_code), _whose(c), container_url(c) if c.port else "n/a", c.image)
            for c in containers
        ]
        parts.append(table([("CONTAINER", "STATE", "EXIT", "WHOSE", "URL", "IMAGE"), *rows]))
        if others := [c.name for c in containers if not c.ours]:
            parts.append(f"{others[0]} was started by hand: `nemotui adopt --name {others[0]}` makes it ours.")
        if previous := left_behind(containers):
            parts.append(
                f"{previous.name} was stopped for a replacement that nobody has finished:"
                f" `docker start {previous.name}` starts it again."
            )
        parts += [f"From a laptop: {tunnel(c)}" for c in containers if c.state == "running" and c.port]
    if server:
        metrics = ServerMetrics(**server["metrics"])
        usage = None if metrics.kv_cache_usage is None else metrics.kv_cache_usage * 100
        served = ", ".join(m["id"] for m in server["models"]) or "no model"
        parts.append(
            f"{server['base_url']} serves {served} · vLLM {server['version'] or 'n/a'}"
            f" · {'healthy' if server['healthy'] else 'NOT healthy'} · running {number(metrics.running)}"
            f" · waiting {number(metrics.waiting)} · KV cache {number(usage, '%', 1)}"
        )
        parts += [f"{one['message']}. {one['fix']}." for one in server["advice"] if one["kind"] != "hung"]
    return "\n\n".join(parts)


@verb(
    example="nemotui stop",
    flags=(
        click.option("--yes", is_flag=True, help="Do not ask: for a server that was adopted, and what it leaves."),
        click.option("--name", metavar="NAME", help="Which container (default: the newest that runs)."),
        click.option(
            "--grace", type=click.IntRange(0, 600), default=GRACE_S, help=f"Seconds until it is killed ({GRACE_S})."
        ),
    ),
)
async def stop(inv: Invocation, name: str | None, grace: int, yes: bool) -> Answer:
    """Stop the server that nemotui deployed. Its log stays readable until the next deployment.

    Processes of its own that still hold GPU memory afterwards are named; with --yes, or asked, they are ended too.
    """
    async with backends(inv, start_s=0.5) as b:
        if inv.demo is not None:
            await start_pretend(inv, b)
        container = await deployed(b.runtime, name, running=True, ours=True)
        if container.adopted and not yes:
            if not somebody_there(inv):
                message = f"{container.name} was adopted, and nobody is there to be asked"
                raise UsageError("usage", message, "Add --yes to stop it without asking.")
            if not await agreed(inv, f"Stop {container.name}, which was not started by nemotui?"):
                return Answer({"container": _container(container)}, f"{container.name} runs on.")
        inv.out.note(f"Stopping {container.name}, up to {grace} s …")
        inv.out.afterwards = "The engine goes on stopping it."
        stopped: Stopped | None = None
        async with aclosing(stopping(b.runtime, b.probe, container, b.clock, grace_s=grace)) as events:
            async for event in events:
                if isinstance(event, Stopped):
                    stopped = event
                else:
                    inv.out.progress(f"Stopping {container.name}: killed in {event.left_s:.0f} s")
        assert stopped is not None
        ended = await _end_held(inv, b, stopped, yes)
    container = stopped.container
    held = [asdict(process) for process in stopped.held]
    text = f"{container.name} has stopped (exit code {container.exit_code})."
    return Answer({"container": _container(container), "held": held, "ended": ended}, text)


async def _end_held(inv: Invocation, b: Backends, stopped: Stopped, yes: bool) -> list[int]:
    """The processes that it has left on the GPUs: named, and ended where somebody says so."""
    ended = []
    for process in stopped.held:
        inv.out.note(held_words(process))
        if yes or (somebody_there(inv) and await agreed(inv, f"End process {process.pid}?")):
            await b.end_process(process.pid, stopped.container.id)
            ended.append(process.pid)
    return ended


@verb(
    example="nemotui adopt --name vllm",
    flags=(click.option("--name", metavar="NAME", help="Which container (default: the newest that is not ours)."),),
)
async def adopt(inv: Invocation, name: str | None) -> Answer:
    """Make a vLLM container that was started by hand ours.

    Then it can be stopped and replaced from here, and is the default server.
    """
    async with backends(inv) as b:
        for container in await b.runtime.containers():
            if not container.ours and name in (None, container.name):
                await b.runtime.adopt(container.id)
                container = await b.runtime.inspect(container.id)
                return Answer({"container": _container(container)}, f"{container.name} counts as ours from now on.")
    raise NothingThereError("no_container", "no vLLM container of somebody else's runs here", "See `nemotui status`.")


@verb(
    example="nemotui bundle --name nemotui incident.tar.gz",
    flags=(
        click.argument("file", required=False),
        click.option("--name", metavar="NAME", help="Which container (default: the newest of ours)."),
    ),
)
async def bundle(inv: Invocation, file: str | None, name: str | None) -> Answer:
    """Save what is known of a start, for somebody to look at.

    The plan, the log, the engine's document, the machine; no secrets. Without FILE it goes into the state directory.
    """
    async with backends(inv, start_s=0.5) as b:
        if inv.demo is not None:
            await start_pretend(inv, b)
        container = await deployed(b.runtime, name)
        files = await incident(b, container)
        path = await b.incidents.save(container.name, files, file)
    return Answer({"path": path, "files": sorted(files)}, f"Saved to {path}: {', '.join(sorted(files))}.")
