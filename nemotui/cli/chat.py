"""`nemotui chat`: one question, the answer on standard output, the thinking on standard error."""

from __future__ import annotations

import os
import sys
from typing import get_args

import click

from nemotui.cli.backends import serving
from nemotui.cli.output import Answer
from nemotui.cli.verb import Invocation, Real, server_flags, verb
from nemotui.core.chat import Message, Mode, Reply, Sampling, reply
from nemotui.core.errors import UsageError
from nemotui.core.show import number

_PROMPT_LIMIT = 16 * 1024 * 1024


@verb(
    example='nemotui chat --mode off "Name three uses of a Mamba layer."',
    flags=(
        click.argument("prompt", required=False),
        click.option("--mode", type=click.Choice(get_args(Mode)), default="full", help="Reasoning (default full)."),
        click.option("--system", metavar="TEXT", help="System prompt."),
        click.option(
            "--max-tokens", type=click.IntRange(1, 10_000_000), metavar="N", help="Thinking and answer at most."
        ),
        click.option("--temperature", type=Real(0, 2), default=1.0, help="Default 1.0, in every mode."),
        click.option("--top-p", type=Real(0, 1, min_open=True), default=0.95, help="Default 0.95."),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="For a repeatable answer."),
        server_flags,
    ),
)
async def chat(
    inv: Invocation,
    prompt: str | None,
    mode: Mode,
    system: str | None,
    max_tokens: int | None,
    temperature: float,
    top_p: float,
    seed: int | None,
    **_: object,
) -> Answer:
    """Ask one question; without PROMPT it is read from standard input.

    The answer streams to standard output, the thinking to standard error.
    """
    # As for standard input: what is not UTF-8 (surrogates, in an argument) gets replacement characters.
    text = _standard_input() if prompt is None else os.fsencode(prompt).decode("utf-8", "replace")
    if not text.strip():
        raise UsageError("prompt", "there is no question", "Give it as an argument or on standard input.")
    system = system and os.fsencode(system).decode("utf-8", "replace")
    messages = [Message(role="system", content=system)] if system else []
    messages.append(Message(role="user", content=text))
    sampling = Sampling(temperature=temperature, top_p=top_p, max_tokens=max_tokens, seed=seed)
    said: Reply | None = None
    async with serving(inv) as (b, server, model):
        async for delta in reply(server, model, messages, mode, sampling, b.clock):
            _print(inv, said, delta.reasoning, delta.content)
            said = delta.reply
    if said is None or inv.as_json:
        return Answer(said.as_json() if said else {})
    sys.stdout.write("\n" if said.content else "")
    for call in said.tool_calls:
        inv.out.say(f"{call.name}({call.arguments})")
    if not said.content and not said.tool_calls:
        inv.out.note("The answer is empty: " + _why_empty(said))
    inv.out.note(_figures(said))
    return Answer(said.as_json())


def _standard_input() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("prompt", "there is no question", 'Ask one: nemotui chat "Hello", or pipe it in.')
    data = sys.stdin.buffer.read(_PROMPT_LIMIT + 1)
    if len(data) > _PROMPT_LIMIT:
        raise UsageError("prompt", f"the question is over {_PROMPT_LIMIT} bytes", "Send less.")
    return data.decode("utf-8", "replace")


def _print(inv: Invocation, before: Reply | None, reasoning: str, content: str) -> None:
    if inv.as_json:
        return
    if reasoning:
        sys.stderr.write(reasoning)
        sys.stderr.flush()
    if content:
        if before and before.reasoning and not before.content:
            sys.stderr.write("\n\n")  # a line between the thinking and the answer where both are on one screen
            sys.stderr.flush()
        sys.stdout.write(content)
        sys.stdout.flush()


def _why_empty(said: Reply) -> str:
    if said.finish_reason == "length":
        return "the tokens ran out while it was thinking. Give more with --max-tokens, or use --mode low or off."
    return f"finish_reason is {said.finish_reason or 'not given'}."


def _figures(said: Reply) -> str:
    tokens = "n/a tokens"
    if said.usage:
        thought = said.usage.reasoning_tokens
        tokens = f"{said.usage.completion_tokens} tokens" + (f", {thought} of them thinking" if thought else "")
    return (
        f"[{said.mode}] TTFT {number(said.ttft_ms, 'ms')} · first answer token {number(said.ttfa_ms, 'ms')}"
        f" · ITL {number(said.mean_itl_ms, 'ms', 1)} · {number(said.tokens_per_second, 'tok/s', 1)} · {tokens}"
        f" · {said.finish_reason or 'no finish reason'}"
    )
