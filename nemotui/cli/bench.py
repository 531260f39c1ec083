"""`nemotui bench`: measure a server; the run lives in a process of its own and outlives this one."""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import asdict
from pathlib import Path
from typing import Any, get_args

import click

from nemotui.cli.backends import api_key, backends, serving
from nemotui.cli.output import Answer, columns, wrapped
from nemotui.cli.sweep import run_goodput, run_sweep
from nemotui.cli.verb import Invocation, server_flags, verb
from nemotui.core.bench import (
    MOST_WORKERS,
    PRESETS,
    BenchEvent,
    BenchFailed,
    BenchFinished,
    BenchObserved,
    BenchProgress,
    BenchSpec,
    BenchStarted,
    Endpoint,
    TimelinePoint,
    beside_others,
    check_lengths,
    follow_bench,
    run_bench,
)
from nemotui.core.bench_table import aligned, comparison, facts, latencies, totals
from nemotui.core.chat import Mode
from nemotui.core.environment import gpus_measured, measured_container, run_environment
from nemotui.core.errors import FailedError, NothingThereError, Problem, UsageError
from nemotui.core.goodput import MOST_CONCURRENCY, Fault, Objective, once_more, parse_objectives
from nemotui.core.model_server import ModelServer, ServedModel
from nemotui.core.ports import Backends, Container
from nemotui.core.show import number
from nemotui.core.stores import StoredRun
from nemotui.core.sweep import Loads, parse_loads
from nemotui.core.vllm_bench import measure_with_vllm

_LOG_EVERY_S = 5.0  # a progress line where nobody watches, so that a CI log stays short


class _Rate(click.ParamType[float]):
    """Requests a second, or `inf` for as fast as the concurrency allows."""

    name = "RATE|inf"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            rate = float(value)
        except ValueError:
            self.fail(f"{value!r} is neither a number nor inf", param, ctx)
        if not rate > 0:
            self.fail(f"{value!r} is not above 0", param, ctx)
        return rate


@verb(
    example="nemotui bench --preset published --label first",
    lines=True,
    flags=(
        click.option("--preset", type=click.Choice(list(PRESETS)), help="published: 8192/1024/512/32. Default: quick."),
        click.option(
            "--input-len", type=click.IntRange(1, 10_000_000), metavar="TOKENS", help="Length of each prompt."
        ),
        click.option(
            "--output-len",
            type=click.IntRange(1, 10_000_000),
            metavar="TOKENS",
            help="Length of each answer, thinking included.",
        ),
        click.option("--num-prompts", type=click.IntRange(1, 1_000_000), metavar="N", help="Requests in all."),
        click.option("--max-concurrency", type=click.IntRange(1, 1_000_000), metavar="N", help="Requests at once."),
        click.option(
            "--request-rate", type=_Rate(), default="inf", help="Arrivals a second (default inf: closed loop)."
        ),
        click.option("--burstiness", type=float, default=1.0, help="Shape of the arrivals; 1 is Poisson (default)."),
        click.option("--mode", type=click.Choice(get_args(Mode)), default="full", help="Reasoning (default full)."),
        click.option(
            "--seed",
            type=click.IntRange(0, 2**32 - 1),
            default=0,
            metavar="N",
            help="Same seed, same prompts (default 0).",
        ),
        click.option("--label", metavar="TEXT", help="Name of the run."),
        click.option("--output", type=click.Path(path_type=Path), metavar="DIR", help="Where runs are stored."),
        click.option(
            "--workers",
            type=click.IntRange(1, MOST_WORKERS),
            metavar="N",
            help="Load processes (default: by the expected rate).",
        ),
        click.option(
            "--keep-chunks/--no-keep-chunks",
            default=None,
            help="Keep each chunk's time in requests.jsonl (default: up to a million chunks).",
        ),
        click.option(
            "--endpoint", type=click.Choice(get_args(Endpoint)), default="chat", help="Which API (default chat)."
        ),
        click.option("--sweep", metavar="1,2,4,…", help="A run for each concurrency, or rate (0.5,1,2/s); their knee."),
        click.option(
            "--goodput",
            metavar="ttft:MS,…",
            help="Find the highest concurrency, up to --max-concurrency (default 256), whose p95 keep these; with"
            " --request-rate the highest rate up to that. With --sweep: judge each point.",
        ),
        click.option("--with-vllm", is_flag=True, help="Then `vllm bench serve` in the container, beside ours."),
        click.option("--detach", is_flag=True, help="Start it and return; --attach follows it."),
        click.option("--attach", metavar="RUN", help="Follow a run that was started before, or `latest`."),
        click.option("--stop", metavar="RUN", help="End a run, or `latest`; what it has measured is its result."),
        server_flags,
    ),
)
async def bench(
    inv: Invocation,
    preset: str | None,
    request_rate: float,
    output: Path | None,
    sweep: str | None,
    goodput: str | None,
    with_vllm: bool,
    detach: bool,
    attach: str | None,
    stop: str | None,
    **flags: Any,
) -> Answer:
    """Benchmark a server: TTFT, ITL, TPOT, E2EL and throughput.

    Ctrl+C leaves the run going: its process is its own. `nemotui bench --attach RUN` follows it again.
    """
    if attach is not None:
        async with backends(inv, runs_dir=output) as b:
            return await follow_run(inv, b, follow_bench(b.load, (await b.runs.find(attach)).path))
    if stop is not None:
        async with backends(inv, runs_dir=output) as b:
            return await _stopped(inv, b, await b.runs.find(stop))
    shape = {**PRESETS[preset or "quick"], **{k: flags[k] for k in PRESETS["quick"] if flags[k] is not None}}
    pretend = inv.demo is not None and inv.settings.base_url is None
    if detach and pretend:
        fix = "Start one with `nemotui simulate` and name it with --base-url."
        raise UsageError("usage", "--detach would leave the run without its pretend server", fix)
    loads = parse_loads(sweep) if sweep is not None else None
    objectives = parse_objectives(goodput) if goodput is not None else ()
    several = bool(loads or objectives)
    if loads and request_rate != float("inf"):
        fix = f"Write the rates into the sweep: --sweep {request_rate / 2:g},{request_rate:g}/s"
        raise UsageError("usage", "--sweep and --request-rate exclude each other", fix)
    if several and (detach or with_vllm):
        fix = "Leave out --detach and --with-vllm."
        raise UsageError("usage", "--sweep and --goodput are several runs in a row, which have to be followed", fix)
    if detach and with_vllm:
        fix = "Leave out --detach, or --with-vllm."
        raise UsageError("usage", "--with-vllm measures after the run, so it has to be waited for", fix)
    async with serving(inv, runs_dir=output) as (b, server, model):
        spec = BenchSpec(
            base_url=server.base_url,
            model=model,
            request_rate=None if request_rate == float("inf") else request_rate,
            time_scale=inv.speed if pretend else 1.0,
            **shape,
            **{k: flags[k] for k in ("burstiness", "mode", "seed", "label", "endpoint", "workers", "keep_chunks")},
        )
        served = await _served(server, model)
        check_lengths(spec, served.max_model_len)
        if several:
            return await _several(inv, b, server, spec, loads, objectives, flags["max_concurrency"], pretend=pretend)
        spec = await beside_others(spec, b.runs)
        for other in spec.metadata.get("beside", ()):
            inv.out.note(f"Another benchmark goes on at this server: {other}. Each will find it slower.")
        container = await _container(b, server) if with_vllm else None
        environment = await run_environment(b, server)
        if b.load.risk and not pretend:
            inv.out.note(f"Note: {b.load.risk}")
        if detach:
            run = await b.load.start(spec, environment)
            return Answer({"run": run}, f"The run goes on by itself. Follow it: nemotui bench --attach {run}")
        measured = await follow_run(inv, b, run_bench(b.load, spec, environment), ends_with_us=pretend)
        if container is None:
            return measured
        return await _with_vllm(inv, b, container, spec, served, measured)


async def _with_vllm(
    inv: Invocation, b: Backends, container: Container, spec: BenchSpec, served: ServedModel, measured: Answer
) -> Answer:
    """The result with a column of vLLM's own tool; ours stays where that fails."""
    inv.out.say("Now the same with vllm bench serve, in the container …")
    run, key = measured.document["run"], api_key(inv.settings.api_key_file, inv.settings.base_url)
    key = key or b.keys.key()  # the container is ours
    try:
        await b.load.keep_vllm_bench(run, await measure_with_vllm(b.runtime, container, spec, served, key))
    except FailedError as error:
        return Answer(measured.document, measured.text, exit_code=1, error=error.problem)
    return bench_answer(await b.load.result(run))


async def _several(
    inv: Invocation,
    b: Backends,
    server: ModelServer,
    spec: BenchSpec,
    loads: Loads | None,
    objectives: Sequence[Objective],
    most: int | None,
    *,
    pretend: bool,
) -> Answer:
    """A sweep, or the search for goodput: each run a run of its own, which stays when this is interrupted."""
    environment = await run_environment(b, server)

    async def run(one: BenchSpec) -> Mapping[str, Any]:
        events = run_bench(b.load, one, environment)
        return (await follow_run(inv, b, events, ends_with_us=pretend, one_of_several=True)).document

    def again(fault: Fault) -> None:
        inv.out.event("again", {"fault": str(fault)})
        inv.out.note(wrapped(f"Once more, {fault}"))

    async def measure(one: BenchSpec) -> Mapping[str, Any]:
        return await once_more(run, one, again)

    if loads is not None:
        return await run_sweep(inv, b, spec, loads, objectives, measure, gpus_measured(environment))
    whole = spec.request_rate is None
    highest = spec.request_rate or most or MOST_CONCURRENCY
    return await run_goodput(inv, spec, objectives, measure, most=highest, whole=whole)


async def _stopped(inv: Invocation, b: Backends, run: StoredRun) -> Answer:
    """End a run and wait for its result, which is incomplete as was asked."""
    if run.status != "running":
        raise NothingThereError("not_running", f"{run.name} does not run", f"See it: nemotui bench --attach {run.name}")
    await b.load.stop(run.path)
    measured = await follow_run(inv, b, follow_bench(b.load, run.path))
    return Answer(measured.document, measured.text)


async def _served(server: ModelServer, model: str) -> ServedModel:
    """What the server lists of a model; no more than its name where it serves the model without listing any."""
    unlisted = ServedModel(id=model)
    try:
        return next((entry for entry in await server.models() if entry.id == model), unlisted)
    except FailedError:
        return unlisted


async def _container(b: Backends, server: ModelServer) -> Container:
    """Our container that is measured: vLLM's own tool is in there."""
    if (container := await measured_container(b, server)) is None:
        raise UsageError(
            "usage", "--with-vllm needs a server that nemotui deployed", "vllm bench serve runs in its container."
        )
    return container


async def follow_run(
    inv: Invocation,
    b: Backends,
    events: AsyncGenerator[BenchEvent, None],
    *,
    ends_with_us: bool = False,
    one_of_several: bool = False,
) -> Answer:
    """Show a run until it ends. `ends_with_us`: its server does, so that an interrupted run is stopped too.

    `one_of_several`: the others come after it, and none of them without us.
    """
    goes_on = "The run goes on, no load after it" if one_of_several else "The run goes on"
    shown_s = 0.0
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(aclosing(events))
        async for event in events:
            match event:
                case BenchStarted(run=run):
                    if ends_with_us:
                        stack.push_async_callback(b.load.stop, run)
                    else:
                        inv.out.afterwards = f"{goes_on}. Follow it: nemotui bench --attach {run}"
                    inv.out.event("started", {"run": run})
                    inv.out.note(f"Run {run}")
                case BenchProgress(point=point):
                    inv.out.event("progress", asdict(point))
                    inv.out.progress(progress_line(point))
                    if not sys.stderr.isatty() and point.elapsed_s - shown_s >= _LOG_EVERY_S:
                        inv.out.note(progress_line(point))
                        shown_s = point.elapsed_s
                case BenchObserved(observation=observation):
                    inv.out.event("observed", asdict(observation))
                case BenchFailed(error=error):
                    raise error
                case BenchFinished(result=result):
                    return bench_answer(result)
    raise AssertionError("a run ends with a result or an error")


def progress_line(point: TimelinePoint) -> str:
    """How far, how fast, in a line of a narrow terminal."""
    if point.phase != "run":
        return {"prepare": "Preparing prompts …", "warmup": "Warming up …"}[point.phase]
    failed = f" · {point.failed} FAILED" if point.failed else ""
    ttft, itl = point.ttft_so_far, point.itl_so_far
    return (
        f"{point.elapsed_s:5.0f} s  {point.done:5d} done{failed} · {point.output_throughput:,.0f} tok/s · p50/p99"
        f" TTFT {number(ttft.p50_ms)}/{number(ttft.p99_ms, 'ms')},"
        f" ITL {number(itl.p50_ms, digits=1)}/{number(itl.p99_ms, 'ms', 1)}"
    )


def bench_answer(result: Mapping[str, Any]) -> Answer:
    """The result, and whether it can be praised: failures, a stopped or a broken run exit 1."""
    error = None
    if result["failed"] or not result["complete"]:
        kinds = ", ".join(f"{n} {kind}" for kind, n in result["errors"].items() if kind != "cancelled")
        message = f"{result['failed']} of {result['num_prompts']} requests failed" + (f" ({kinds})" if kinds else "")
        if cancelled := result.get("cancelled"):
            message += f", {cancelled} were cancelled"
        if not result["complete"]:
            message = f"the run is not complete: {result['reason']}; {message}"
        error = Problem("requests_failed", message, f"All that was measured is in {result['run']}.")
    return Answer(result, result_text(result), exit_code=1 if error else 0, error=error)


def result_text(result: Mapping[str, Any]) -> str:
    """The sentence, the tables that people know from `vllm bench serve`, and what to make of them."""
    sentence = result["verdict"]
    parts = [
        f"{sentence[:1].upper()}{sentence[1:]}.",
        totals(result),
        "\n".join(aligned(latencies(result), columns())),
        "\n".join(aligned(comparison(result), columns())),
        "\n".join(f"{word:<10}{sentence}" for word, sentence in facts(result)),
    ]
    return "\n\n".join(parts)
