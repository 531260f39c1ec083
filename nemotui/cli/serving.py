"""`nemotui status`, `logs`, `stop`: what runs, what it says, and its end."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict
from typing import Any

import click

from nemotui.cli.backends import backends, deployed, local_url, start_pretend
from nemotui.cli.output import Answer, table
from nemotui.cli.verb import Invocation, server_flags, verb
from nemotui.core.errors import NemotuiError, NothingThereError
from nemotui.core.ports import Backends, Container, ModelServer, ServerMetrics
from nemotui.core.show import number
from nemotui.core.watch import container_url


@verb(example="nemotui status --json", flags=(server_flags,))
async def status(inv: Invocation, **_: object) -> Answer:
    """What runs: our containers, and the server with its models and its load."""
    async with backends(inv, start_s=0.5) as b:
        url = inv.settings.base_url
        if url is None and inv.demo is not None:
            url = await start_pretend(inv, b)
        containers, engine_error = await _containers(b)
        running = next((c for c in containers if c.state == "running" and c.port), None)
        url = url or (container_url(running) if running else local_url(inv))
        server = b.server(url)
        try:
            served, error = await _served(server)
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


async def _served(server: ModelServer) -> tuple[dict[str, Any] | None, NemotuiError | None]:
    try:
        models = await server.models()
    except NemotuiError as error:
        return None, error
    metrics = await server.metrics()
    return {
        "base_url": server.base_url,
        "healthy": await server.healthy(),
        "version": await server.version(),
        "models": [asdict(model) for model in models],
        "metrics": asdict(metrics),
    }, None


def _container(container: Container) -> dict[str, Any]:
    return {**asdict(container), "labels": dict(container.labels), "base_url": container_url(container)}


def _status_text(containers: list[Container], server: dict[str, Any] | None) -> str:
    parts = []
    if containers:
        rows = [(c.name, c.state, number(c.exit_code), container_url(c), c.image) for c in containers]
        parts.append(table([("CONTAINER", "STATE", "EXIT", "URL", "IMAGE"), *rows]))
    if server:
        metrics = ServerMetrics(**server["metrics"])
        usage = None if metrics.kv_cache_usage is None else metrics.kv_cache_usage * 100
        served = ", ".join(m["id"] for m in server["models"]) or "no model"
        parts.append(
            f"{server['base_url']} serves {served} · vLLM {server['version'] or 'n/a'}"
            f" · {'healthy' if server['healthy'] else 'NOT healthy'} · running {number(metrics.running)}"
            f" · waiting {number(metrics.waiting)} · KV cache {number(usage, '%', 1)}"
        )
    return "\n\n".join(parts)


@verb(
    example="nemotui logs -f",
    lines=True,
    flags=(
        click.option("-f", "--follow", is_flag=True, help="Go on until the container ends or Ctrl+C."),
        click.option("--tail", type=click.IntRange(1, 1_000_000), metavar="N", help="Only the last N lines."),
        click.option("--name", metavar="NAME", help="Which container (default: the newest of ours)."),
    ),
)
async def logs(inv: Invocation, follow: bool, tail: int | None, name: str | None) -> Answer:
    """The log of a container of ours.

    With --json one document, or with -f a line of JSON for each line of the log.
    """
    inv.out.lines = follow
    count, kept = 0, []
    async with backends(inv, start_s=0.5) as b:
        if inv.demo is not None:
            await start_pretend(inv, b)
        container = await deployed(b.runtime, name)
        async with aclosing(b.runtime.logs(container.id, follow=follow, tail=tail)) as batches:
            async for batch in batches:
                count += len(batch)
                for line in batch:
                    if not inv.as_json:
                        inv.out.say(line.text)
                    elif follow:
                        inv.out.event("line", asdict(line))
                    else:
                        kept.append(asdict(line))
    return Answer({"container": container.name, "count": count, **({} if follow else {"lines": kept})})


@verb(
    example="nemotui stop",
    flags=(
        click.option("--name", metavar="NAME", help="Which container (default: the newest that runs)."),
        click.option(
            "--grace", type=click.IntRange(0, 600), default=30, help="Seconds until it is killed (default 30)."
        ),
    ),
)
async def stop(inv: Invocation, name: str | None, grace: int) -> Answer:
    """Stop the server that nemotui deployed. Its log stays readable until the next deployment."""
    async with backends(inv, start_s=0.5) as b:
        if inv.demo is not None:
            await start_pretend(inv, b)
        container = await deployed(b.runtime, name, running=True)
        inv.out.note(f"Stopping {container.name}, up to {grace} s …")
        await b.runtime.stop(container.id, grace_s=grace)
        container = await b.runtime.inspect(container.id)
    if container.state == "running":
        raise NothingThereError("still_running", f"{container.name} still runs", "Try `docker kill` on it.")
    return Answer(
        {"container": _container(container)}, f"{container.name} has stopped (exit code {container.exit_code})."
    )
