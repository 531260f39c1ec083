"""`nemotui up`: the whole loop in plain text, from the GPUs to a measured server."""

from __future__ import annotations

from contextlib import aclosing
from typing import Any

import click

from nemotui.cli.agree import agreed, somebody_there
from nemotui.cli.backends import backends
from nemotui.cli.bench import follow_run
from nemotui.cli.check import cleared
from nemotui.cli.deploy import follow_deployment
from nemotui.cli.gpus import machine_text
from nemotui.cli.output import Answer, wrapped
from nemotui.cli.plans import chosen, plan_request
from nemotui.cli.recommend import plan_text, plans_table
from nemotui.cli.verb import Invocation, on_ready, plan_flags, skip_checks, verb
from nemotui.cli.verify import trusted, verdict
from nemotui.core.bench import PRESETS, BenchSpec, run_bench
from nemotui.core.chat import MODES, Message, Reply, Sampling, reply
from nemotui.core.environment import run_environment
from nemotui.core.errors import UsageError
from nemotui.core.model_server import ModelServer
from nemotui.core.plan import container_spec
from nemotui.core.ports import Backends
from nemotui.core.recommend import recommend
from nemotui.core.show import number
from nemotui.core.text import plain_line
from nemotui.core.verify import left_out

_QUESTION = "In one sentence: what is a Mamba layer good for?"


@verb(
    example="nemotui up --yes --json > up.jsonl",
    lines=True,
    machine=True,
    flags=(
        click.option("--yes", is_flag=True, help="Do not ask before the server is started."),
        click.option("--anyway", is_flag=True, help="Start though an estimate of the preflight says no."),
        on_ready,
        skip_checks(),
        plan_flags,
    ),
)
async def up(inv: Invocation, yes: bool, anyway: bool, **flags: Any) -> Answer:
    """The whole loop: recommend, check, deploy, verify, bench, chat.

    The server goes on afterwards; with --demo it ends with the loop.
    """
    if not (yes or inv.demo is not None or somebody_there(inv)):
        raise UsageError("usage", "nobody is there to be asked", "Add --yes to start the server without asking.")
    request = plan_request(inv, flags)
    left_out(inv.settings.verify_skip)  # a wrong name is said before anything is started
    async with backends(inv) as b:
        if not request.no_gpu:
            machine = await b.probe.sample()
            _step(inv, "The machine")
            inv.out.say(machine_text(machine))
            _step(inv, "Plans, best first")
            plans = recommend(machine, b.catalog, request)
            inv.out.say(f"{plans_table(plans)}\n\n{plan_text(1, plans[0])}")
        plan = await chosen(b, request)
        if not (yes or inv.demo is not None or await agreed(inv, "Start the first plan?")):
            return Answer({}, "Nothing was started.")
        _step(inv, "Preflight")
        if stopped := await cleared(inv, b, plan, anyway=anyway):
            return stopped
        _step(inv, "Deployment")
        deployed = await follow_deployment(inv, b, container_spec(plan))
        if deployed.exit_code:
            return deployed
        inv.out.say(deployed.text)
        inv.out.event("deployed", deployed.document)
        server = b.server(deployed.document["base_url"])
        try:
            return await _measure(inv, b, server, deployed)
        finally:
            await server.close()


async def _measure(inv: Invocation, b: Backends, server: ModelServer, deployed: Answer) -> Answer:
    model = deployed.document["request"]["model"]
    _step(inv, "Trust checks")
    checked = verdict(await trusted(inv, b, server, model, left_out(inv.settings.verify_skip)))
    inv.out.event("verified", checked.document)
    _step(inv, "Quick benchmark")
    spec = BenchSpec(
        base_url=server.base_url,
        model=model,
        label="up",
        time_scale=inv.speed if inv.demo is not None else 1.0,
        **PRESETS["quick"],
    )
    events = run_bench(b.load, spec, await run_environment(b, server))
    measured = await follow_run(inv, b, events, ends_with_us=inv.demo is not None)
    inv.out.say(measured.text)
    _step(inv, "The reasoning modes")
    inv.out.say(f"> {_QUESTION}")
    replies = []
    for mode in MODES:
        said: Reply | None = None
        question = [Message(role="user", content=_QUESTION)]
        async with aclosing(reply(server, model, question, mode, Sampling(max_tokens=512), b.clock)) as deltas:
            async for delta in deltas:
                said = delta.reply
        if said is not None:
            replies.append(said)
            inv.out.say(_reply_text(said))
    document = {
        "deployment": deployed.document,
        "verify": checked.document,
        "bench": measured.document,
        "chat": [said.as_json() for said in replies],
    }
    where = "The pretend server ends here." if inv.demo is not None else f"It serves on at {server.base_url}."
    return Answer(
        document, f"\n{where}", exit_code=checked.exit_code or measured.exit_code, error=checked.error or measured.error
    )


def _reply_text(said: Reply) -> str:
    thinking = said.usage.reasoning_tokens if said.usage else None
    figures = (
        f"[{said.mode}] {number(thinking)} thinking tokens, TTFT {number(said.ttft_ms, 'ms')},"
        f" first answer token {number(said.ttfa_ms, 'ms')}"
    )
    return f"{figures}\n{wrapped(plain_line(' '.join(said.content.split()), limit=240) or '(no answer)', '   ')}"


def _step(inv: Invocation, title: str) -> None:
    inv.out.say(f"\n== {title}")
