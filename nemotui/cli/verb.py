"""How a verb becomes a command: the common flags, the settings, and one place where every ending is handled."""

from __future__ import annotations

import asyncio
import functools
import os
import re
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import click

from nemotui.cli.defect import defect
from nemotui.cli.output import Answer, Output
from nemotui.core.choices import GOALS, KV_DTYPES, VARIANTS
from nemotui.core.errors import NemotuiError, Problem, UsageError
from nemotui.settings import Settings, load_settings
from nemotui.version import version

F = TypeVar("F", bound=Callable[..., Any])

_TERMINATED = 128 + signal.SIGTERM  # as a shell counts it


@dataclass(frozen=True, slots=True, kw_only=True)
class Invocation:
    """One run of a verb: what was configured, on which machine, and where it speaks."""

    settings: Settings
    out: Output
    demo: str | None
    machine: Path | None
    speed: float

    @property
    def as_json(self) -> bool:
        return self.out.as_json


def verb(
    *,
    example: str,
    lines: bool = False,
    machine: bool = False,
    flags: tuple[Callable[[F], F], ...] = (),
    empty: Mapping[str, Any] | None = None,
) -> Callable[[Callable[..., Awaitable[Answer]]], click.Command]:
    """Make an async function a command. It gets an `Invocation` and its own flags, and returns an `Answer`.

    `lines`: with --json it prints JSON Lines. `machine`: it takes --machine FILE. `empty`: what its document still
    holds when an error ends it.
    """

    def decorate(function: Callable[..., Awaitable[Answer]]) -> click.Command:
        @functools.wraps(function)
        def body(
            demo: str | None,
            config: Path | None,
            as_json: bool,
            speed: float,
            machine_file: Path | None = None,
            **own: Any,
        ) -> int:
            out = Output(as_json=as_json, lines=lines)

            async def act() -> Answer:
                if demo is not None and machine_file is not None:
                    raise UsageError("usage", "--demo and --machine name two machines", "Leave out one of them.")
                settings = load_settings(own, os.environ, config)
                inv = Invocation(settings=settings, out=out, demo=demo, machine=machine_file, speed=speed)
                return await _until_sigterm(function(inv, **own))

            answer = _ending(lambda: asyncio.run(act()), out, empty or {})
            if answer.exit_code == 2:
                # No document for a usage error: the one line on standard error is all there is to say.
                click.echo(f"nemotui: {answer.error}", err=True)
            else:
                out.answer(answer)
            return answer.exit_code

        command: Callable[..., Any] = body
        for flag in reversed((*flags, *_common(machine))):
            command = flag(command)
        return click.command(epilog=f"Example: {example}")(command)

    return decorate


class _TerminatedError(Exception):
    """SIGTERM came, and what was going on has let go of everything."""


async def _until_sigterm(act: Awaitable[Answer]) -> Answer:
    """SIGTERM ends a verb as Ctrl+C does: nothing is left half done, and a script gets its document."""
    task, told = asyncio.current_task(), False

    def end() -> None:
        nonlocal told
        told = True
        if task is not None:
            task.cancel()

    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, end)
    try:
        answer = await act
    except asyncio.CancelledError:
        if told:
            raise _TerminatedError from None
        raise
    return replace(answer, exit_code=_TERMINATED) if told else answer


def _ending(act: Callable[[], Answer], out: Output, empty: Mapping[str, Any]) -> Answer:
    """Run it; whatever happens becomes an answer."""
    try:
        return act()
    except NemotuiError as error:
        return Answer(empty, exit_code=error.exit_code, error=error.problem)
    except (KeyboardInterrupt, asyncio.CancelledError):
        return Answer(empty, exit_code=130, error=Problem("interrupted", "interrupted", out.afterwards))
    except _TerminatedError:
        return Answer(empty, exit_code=_TERMINATED, error=Problem("terminated", "ended by SIGTERM", out.afterwards))
    except BrokenPipeError:
        raise
    except Exception as error:
        return Answer(empty, exit_code=1, error=defect(error))


def argument_text(argument: str) -> str:
    """What was typed as a text to send: bytes that are not UTF-8 (surrogates, in an argument) are U+FFFD."""
    return os.fsencode(argument).decode("utf-8", "replace")


class Real(click.FloatRange):
    """A range of numbers without the one that is none: nan compares with nothing, so click lets it pass."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        number = super().convert(value, param, ctx)
        if number != number:
            self.fail(f"{value!r} is not a number.", param, ctx)
        return number


def _common(machine: bool) -> tuple[Callable[[Any], Any], ...]:
    flags: tuple[Callable[[Any], Any], ...] = (
        click.option("--demo", metavar="[PROFILE]", help="Use a pretend machine (default 2xh100)."),
        click.option(
            "--speed",
            type=Real(1, 1000),
            default=1.0,
            help="With --demo: time runs so many times faster.",
        ),
        click.option(
            "--config", type=click.Path(path_type=Path), metavar="FILE", help="Configuration (default: XDG config)."
        ),
        click.option("--json", "as_json", is_flag=True, help="Machine-readable output."),
        click.version_option(version(), "--version", message="nemotui %(version)s"),
    )
    if machine:
        flags += (
            click.option(
                "--machine",
                "machine_file",
                type=click.Path(path_type=Path),
                metavar="FILE",
                help="A machine as `nemotui gpus --json` prints it, instead of this one.",
            ),
        )
    return flags


def server_flags(command: F) -> F:
    """--base-url, --model, --api-key-file: which server, which of its models, with which key."""
    for flag in (
        click.option(
            "--api-key-file", type=click.Path(path_type=Path), metavar="FILE", help="Or NEMOTUI_API_KEY. Never a flag."
        ),
        click.option("--model", metavar="NAME", help="Default: the first that the server lists."),
        click.option(
            "--base-url", metavar="URL", help="Default: the server that nemotui deployed, else http://127.0.0.1:8000."
        ),
    ):
        command = flag(command)
    return command


on_ready = click.option(
    "--on-ready",
    metavar="CMD",
    help="Run CMD, without a shell, when it is ready or has failed; NEMOTUI_STATE and NEMOTUI_URL tell it which.",
)


def skip_checks(names: str = "`nemotui verify --help` names them.") -> Callable[[F], F]:
    """--skip: trust checks that are left out, as the setting `verify_skip` has them."""
    return click.option(
        "--skip",
        "verify_skip",
        multiple=True,
        callback=lambda _context, _parameter, skipped: ",".join(skipped) or None,
        metavar="CHECK",
        help=f"Leave out this trust check; may be given again. {names}",
    )


class Gpus(click.ParamType[tuple[str, ...]]):
    """Indices or UUIDs, separated by commas."""

    name = "0,1|UUID,…"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        if isinstance(value, tuple):
            return value
        items = tuple(item.strip() for item in value.split(","))
        if not all(re.fullmatch(r"\d+|(GPU|MIG)-[0-9a-zA-Z-]+", item) for item in items):
            self.fail(f"{value!r}: give indices or UUIDs, such as 0,1", param, ctx)
        return items


def plan_flags(command: F) -> F:
    """The flags that shape a plan, shared by recommend, deploy and up."""
    for flag in (
        click.option("--as-published", is_flag=True, help="The published guide's command, unchanged."),
        click.option("--no-gpu", is_flag=True, help="Ask for no GPU: for a CPU image."),
        click.option("--name", metavar="NAME", help="Name of the container (default nemotui)."),
        click.option("--model-path", metavar="PATH_OR_ID", help="A local folder, a mirror, or another model."),
        click.option("--image", metavar="REF", help="Image of the server (default vllm/vllm-openai:latest)."),
        click.option("--bind", metavar="ADDRESS", help="Address to listen on (default 127.0.0.1)."),
        click.option("--port", type=int, metavar="N", help="Port on this host (default 8000)."),
        click.option(
            "--goal",
            type=click.Choice(GOALS),
            default="throughput",
            help="What plans of one verdict are ordered by (default throughput).",
        ),
        click.option(
            "--prefix-caching/--no-prefix-caching",
            default=None,
            help="Keep what requests begin with (default on; off halves the state blocks a request).",
        ),
        click.option("--expert-parallel", is_flag=True, help="Whole experts on each GPU in place of slices."),
        click.option(
            "--gpu-memory-utilization",
            type=Real(0.1, 1),
            metavar="SHARE",
            help="Of each GPU's memory (default 0.92, 0.8 where the host lives in it).",
        ),
        click.option(
            "--kv-cache-dtype", type=click.Choice(KV_DTYPES), help="Default fp8; bfloat16 where the GPU has none."
        ),
        click.option("--mtp", type=int, metavar="N", help="Tokens that MTP speculates (default 0: off)."),
        click.option("--max-num-seqs", type=int, metavar="N", help="Requests in one batch at most."),
        click.option(
            "--context", type=int, metavar="TOKENS", help="Longest context, prompt and answer (max_model_len)."
        ),
        click.option("--dp", type=int, metavar="N", help="Copies of the model (data parallel size)."),
        click.option("--gpus", type=Gpus(), help="Only these GPUs."),
        click.option("--tp", type=int, metavar="N", help="GPUs a copy (tensor parallel size)."),
        click.option("--variant", type=click.Choice(VARIANTS, case_sensitive=False), help="Only this one."),
    ):
        command = flag(command)
    return command
