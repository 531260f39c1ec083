"""`nemotui deploy`: start the container and follow it until it is ready."""

from __future__ import annotations

import shlex
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import asdict
from dataclasses import replace as with_fields
from functools import partial
from typing import Any

import click

from nemotui.cli.backends import backends, deployed
from nemotui.cli.check import cleared, tunnel
from nemotui.cli.explain import explained, faults_text
from nemotui.cli.output import Answer, shell
from nemotui.cli.plans import chosen, plan_request
from nemotui.cli.pull import pulling_json, pulling_line
from nemotui.cli.retry import cure_json
from nemotui.cli.starting import starting_json, starting_line
from nemotui.cli.verb import Invocation, on_ready, plan_flags, verb
from nemotui.core.announce import announce
from nemotui.core.deploy import Created, Creating, DeployEvent, LogBatch, Pulling, Ready, Starting
from nemotui.core.deploy import deploy as deploy_events
from nemotui.core.errors import FailedError, Problem, UsageError
from nemotui.core.failed import Failed, with_idle_gpus
from nemotui.core.learn import learn
from nemotui.core.lookout import Lookout
from nemotui.core.measured import MeasuredStart
from nemotui.core.model_server import ModelServer
from nemotui.core.plan import IMAGE_LABEL, ContainerSpec, container_spec, docker_run
from nemotui.core.plan_json import reasons_json
from nemotui.core.ports import Backends
from nemotui.core.reach import FIREWALL
from nemotui.core.secret_args import is_secret_name
from nemotui.core.show import duration
from nemotui.core.silence import silence
from nemotui.core.swap import Swapping, plan_swap, swap
from nemotui.core.text import plain_line
from nemotui.core.watch import local_url


@verb(
    example="nemotui deploy --variant FP8 --context 131072 -- --enable-expert-parallel",
    lines=True,
    machine=True,
    flags=(
        click.argument("extra", nargs=-1, metavar="[-- VLLM_ARGS…]"),
        click.option("--dry-run", is_flag=True, help="Print the exact `docker run` and start nothing."),
        click.option("--anyway", is_flag=True, help="Start though an estimate of the preflight says no."),
        click.option("--yes", is_flag=True, help="With --as-published: start it, faults and all."),
        click.option(
            "--explain", is_flag=True, help="With --dry-run: why each flag is there, and the guide's instead."
        ),
        click.option("--replace", is_flag=True, help="Take the place of the server of this name that runs now."),
        click.option(
            "--env", "variables", multiple=True, metavar="NAME=VALUE", help="A variable of the container; no secret."
        ),
        on_ready,
        plan_flags,
    ),
)
async def deploy(
    inv: Invocation,
    extra: tuple[str, ...],
    dry_run: bool,
    anyway: bool,
    yes: bool,
    explain: bool,
    replace: bool,
    variables: tuple[str, ...],
    **flags: Any,
) -> Answer:
    """Start the best plan, and follow it until it serves.

    Ctrl+C detaches: the server goes on. Arguments after -- go to `vllm serve` unchanged.
    """
    if extra and not extra[0].startswith("-"):
        raise UsageError("usage", f"unexpected argument {extra[0]!r}", "Arguments for vLLM come after --.")
    async with backends(inv) as b:
        plan = await chosen(b, plan_request(inv, flags, extra), replaces=replace)
        spec = with_variables(container_spec(plan), variables)
        if dry_run:
            await keep_key(inv, b, spec)
            command = docker_run(spec)
            text = shlex.join(command)
            return Answer(
                {"command": command, **reasons_json(plan)}, f"{text}\n\n{explained(plan)}" if explain else text
            )
        if plan.as_published and not yes:
            inv.out.say(f"{shell(docker_run(spec))}\n\n{faults_text()}\n")
            raise UsageError("usage", "the published command has these faults", "Start it all the same with --yes.")
        if stopped := await cleared(inv, b, plan, spec=spec, anyway=anyway, replaces=replace):
            return stopped
        answer = await follow_deployment(inv, b, spec, replaces=replace)
        if inv.demo is not None and answer.exit_code == 0:
            await serve_on(inv, b, answer)
        return answer


async def serve_on(inv: Invocation, b: Backends, ready: Answer) -> None:
    """A pretend server lives as long as the verb that started it: until Ctrl+C. Raises `FailedError` if it ends."""
    inv.out.event("ready", ready.document)
    inv.out.say(f"{ready.text}\nThe pretend server runs until Ctrl+C.")
    container = await deployed(b.runtime, ready.document["container"])
    async with aclosing(b.runtime.logs(container.id, follow=True)) as batches:
        async for _ in batches:
            pass
    code = (await b.runtime.inspect(container.id)).exit_code
    raise FailedError("server_ended", f"the pretend server has ended by itself (exit code {code})", "Start it again.")


def with_variables(spec: ContainerSpec, variables: tuple[str, ...]) -> ContainerSpec:
    """The container with these `NAME=VALUE`; raises `UsageError` for a secret, which would be seen."""
    for variable in variables:
        name, equals, value = variable.partition("=")
        if not equals or not name.isidentifier() or plain_line(value, limit=len(value)) != value:
            raise UsageError("usage", f"--env {plain_line(variable)!r} is not NAME=VALUE", "Give a name and a value.")
        if is_secret_name(name):
            fix = f"Export {name} in your environment; HF_TOKEN and VLLM_API_KEY are taken from there."
            raise UsageError("usage", f"--env {name} would put a secret on a command line", fix)
        spec = with_fields(spec, environment=(*(v for v in spec.environment if v[0] != name), (name, value)))
    return spec


async def keep_key(inv: Invocation, b: Backends, spec: ContainerSpec) -> None:
    """A server that listens to the network has a key: one that is made now is shown now, and never again."""
    if spec.env_file is None:
        return
    if made := await b.keys.ensure():
        inv.out.note(f"The server's key, shown this once: {made}")
    inv.out.note(f"The key is kept in {spec.env_file}, which only you can read. {FIREWALL}.")


async def follow_deployment(inv: Invocation, b: Backends, spec: ContainerSpec, *, replaces: bool = False) -> Answer:
    """Deploy and show each step: the phases as they begin, in JSON every event."""
    inv.out.afterwards = "Nothing was started."
    await keep_key(inv, b, spec)
    server = b.server(local_url(spec.bind, spec.port))
    phase, warned = "", False
    try:
        async with aclosing(await _events(inv, b, server, spec, replaces)) as events:
            async for event in events:
                match event:
                    case Swapping(step=step):
                        inv.out.event("swapping", {"step": step})
                        inv.out.say(step)
                    case Pulling():
                        inv.out.event("pulling", pulling_json(event))
                        if phase != "pull":
                            inv.out.say(f"Pulling {spec.image}")
                            phase = "pull"
                            inv.out.afterwards = "The image was still being pulled; nothing was started."
                        inv.out.progress(pulling_line(event))
                    case Creating(image=image):
                        inv.out.event("creating", {"image": image})
                        inv.out.afterwards = (
                            "The container was being created: `nemotui status` says whether it runs."
                            if inv.demo is None
                            else "The pretend server has ended."
                        )
                    case Created(container=container, command=command):
                        inv.out.event("created", {"container": container.name, "id": container.id, "command": command})
                        inv.out.say(shell(docker_run(spec)))
                        inv.out.afterwards = (
                            "The server goes on: see `nemotui status`, end it with `nemotui stop`."
                            if inv.demo is None
                            else "The pretend server has ended."
                        )
                    case LogBatch(lines=lines):
                        inv.out.event("log", {"lines": [line.text for line in lines]})
                    case Starting():
                        inv.out.event("starting", starting_json(event))
                        if (trouble := silence(event, spec.name)) and not warned:
                            inv.out.note(f"{trouble[0]}.\n{trouble[1]}")
                        warned = trouble is not None
                        if event.phase != phase:
                            inv.out.say(starting_line(event))
                            phase = event.phase
                        else:
                            inv.out.progress(starting_line(event))
                    case Failed():
                        await _told(inv, b, event)
                        return failure(inv, await with_idle_gpus(event, b.probe))
                    case Ready():
                        await _told(inv, b, event)
                        start = await learn(b, event)
                        return Answer(_ready_json(event, start), _ready_text(event, start))
    finally:
        await server.close()
    raise AssertionError("a deployment ends with Ready or Failed")


async def _told(inv: Invocation, b: Backends, event: Ready | Failed) -> None:
    """A bell for whoever looks elsewhere, and the command of --on-ready."""
    inv.out.bell()
    if trouble := await announce(b, event):
        inv.out.note(trouble)


async def _events(
    inv: Invocation, b: Backends, server: ModelServer, spec: ContainerSpec, replaces: bool
) -> AsyncGenerator[DeployEvent | Swapping, None]:
    """A new server, or one that takes the place of another, said in its steps before it happens."""
    old = next((c for c in await b.runtime.containers() if c.name == spec.name and c.ours), None) if replaces else None
    if old is None or not old.going_on:
        return deploy_events(b.runtime, server, spec, b.clock, partial(Lookout, b))
    plan = await plan_swap(b.runtime, old, spec)
    inv.out.event("swap", {"steps": list(plan.steps), "beside": plan.beside})
    for number, step in enumerate(plan.steps, 1):
        inv.out.say(f"{number}. {step}")
    return swap(b.runtime, server, plan, b.clock, partial(Lookout, b))


def failure(inv: Invocation, failed: Failed) -> Answer:
    """The cause with the lines that show it, and the command that cures it or the one that keeps what is known."""
    for line in failed.evidence:
        inv.out.note(f"  {line}")
    problem = Problem(failed.kind, failed.cause, failed.remedy)
    cure = cure_json(failed.cure)
    if cure:
        for line in cure["diff"]:
            inv.out.note(f"  {line}")
        inv.out.note(f"Try again with:\n{shell(cure['retry'])}")
    elif failed.unknown and failed.container is not None:
        inv.out.note(f"To keep what is known of it: `nemotui bundle --name {failed.container.name}`.")
    return Answer({"evidence": list(failed.evidence), "cure": cure}, exit_code=1, error=problem)


def _ready_json(event: Ready, start: MeasuredStart | None) -> dict[str, Any]:
    return {
        "container": event.container.name,
        "base_url": event.base_url,
        "image": event.container.labels.get(IMAGE_LABEL),
        "ssh": tunnel(event.container),
        "elapsed_s": event.elapsed_s,
        "phases_s": event.tracker.durations(),
        "figures": asdict(event.tracker.figures),
        "measured": asdict(start) if start else None,
        "request": event.request,
        "reply": event.reply.as_json(),
        "curl": event.curl,
    }


def _ready_text(event: Ready, start: MeasuredStart | None) -> str:
    said = event.reply.content or event.reply.reasoning or "(nothing)"
    known = start is not None and start.blocks and start.kv_cache_bytes
    blocks = f" with {start.blocks:,} blocks, which later plans reckon with" if start and known else ""
    return (
        f"Ready after {duration(event.elapsed_s)} at {event.base_url}{blocks}\n"
        f"From a laptop: {tunnel(event.container)}\n$ {event.curl}\n{said}"
    )
