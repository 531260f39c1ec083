"""`nemotui chat`: one question, the answer on standard output, the thinking on standard error."""

from __future__ import annotations

import os
import sys
from contextlib import aclosing
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Self, get_args

import click

from nemotui.cli.backends import kept_settings, serving
from nemotui.cli.output import Answer
from nemotui.cli.verb import Invocation, Real, argument_text, server_flags, verb
from nemotui.cli.word_wrap import WordWrap
from nemotui.core.chat import ChatDelta, ChatSettings, Mode, Reply, reply
from nemotui.core.chat_text import figures
from nemotui.core.conversation import Asked, Conversation
from nemotui.core.errors import NemotuiError, UsageError
from nemotui.core.exchange_words import as_json, as_text
from nemotui.core.stores import ConversationStore, KeptConversation

_PROMPT_LIMIT = 16 * 1024 * 1024
_LISTED = 1000


@verb(
    example='nemotui chat --mode off "Name three uses of a Mamba layer."',
    flags=(
        click.argument("prompt", required=False),
        click.option("--mode", type=click.Choice(get_args(Mode)), help="Reasoning (default full)."),
        click.option("--budget", type=click.IntRange(0, 10_000_000), metavar="N", help="Tokens of thinking at most."),
        click.option("--system", metavar="TEXT", help="System prompt."),
        click.option(
            "--max-tokens", type=click.IntRange(1, 10_000_000), metavar="N", help="Thinking and answer at most."
        ),
        click.option("--temperature", type=Real(0, 2), help="Default 1.0, in every mode."),
        click.option("--top-p", type=Real(0, 1, min_open=True), help="Default 0.95."),
        click.option("--seed", type=click.IntRange(0, 2**32 - 1), metavar="N", help="For a repeatable answer."),
        click.option("--save", is_flag=True, help="Store question and answer, to be gone on with."),
        click.option(
            "--continue",
            "go_on",
            metavar="NAME",
            help="Go on with a stored conversation (a name, a .json file, or latest) and its settings; store it.",
        ),
        click.option("--show-exchange", is_flag=True, help="Then the request and every raw event, with its time."),
        click.option("--list", "listing", is_flag=True, help="The stored conversations; ask nothing."),
        server_flags,
    ),
)
async def chat(
    inv: Invocation,
    prompt: str | None,
    save: bool,
    go_on: str | None,
    listing: bool,
    show_exchange: bool,
    **flags: Any,
) -> Answer:
    """Ask one question; without PROMPT, standard input holds it.

    The answer streams to standard output, the thinking to standard error.
    """
    store = _store(inv)
    if listing:
        return await _listed(inv, store)
    text = await _standard_input() if prompt is None else argument_text(prompt)
    if not text.strip():
        raise UsageError("prompt", "there is no question", "Give it as an argument or on standard input.")
    said, kept = (await store.open(go_on)) if go_on is not None else (Conversation(), None)
    said = said.after(_settings(said.settings, **flags))
    async with serving(inv) as (b, server, model):
        said = said.after(Asked(text, model, b.clock.now()))
        how = said.settings
        deltas = reply(server, model, said.messages, how.mode, how.sampling, b.clock)
        try:
            async with aclosing(deltas):  # whoever reads may leave in the middle (`nemotui chat | head`)
                with _Told(inv) as shown:
                    async for delta in deltas:
                        shown.after(delta)
                        said = said.after(delta)
            said = said.after(None)
        except NemotuiError as error:
            said = said.after(error.problem)
            _wire(inv, said, show=show_exchange)
            if said.turns[-1].reply is not None:
                await _kept(inv, store, said, kept, save)
            raise
    files = await _kept(inv, store, said, kept, save)
    if not inv.as_json:
        _wire(inv, said, show=show_exchange)
    return _told(inv, said, files, show_exchange=show_exchange)


def _store(inv: Invocation) -> ConversationStore:
    from nemotui.adapters.clock import SystemClock
    from nemotui.adapters.conversations import ConversationsFolder

    return ConversationsFolder(kept_settings(inv).conversations_dir, SystemClock())


def _settings(
    before: ChatSettings,
    *,
    mode: Mode | None,
    budget: int | None,
    system: str | None,
    max_tokens: int | None,
    temperature: float | None,
    top_p: float | None,
    seed: int | None,
    **_: object,
) -> ChatSettings:
    """Those of the conversation, and what was typed."""
    changed = {
        "temperature": temperature,
        "top_p": top_p,
        "max_tokens": max_tokens,
        "seed": seed,
        "thinking_token_budget": budget,
    }
    typed: dict[str, Any] = {name: value for name, value in changed.items() if value is not None}
    return replace(
        before,
        mode=mode or before.mode,
        system=before.system if system is None else argument_text(system),
        sampling=replace(before.sampling, **typed),
    )


async def _kept(
    inv: Invocation, store: ConversationStore, said: Conversation, before: KeptConversation | None, save: bool
) -> KeptConversation | None:
    if not (save or before):
        return None
    kept = await store.save(said, before)
    inv.out.note(f"Stored as {kept.name}: {kept.path}")
    return kept


def _wire(inv: Invocation, said: Conversation, *, show: bool) -> None:
    """What is odd about how the answer came; all that came, where it is wanted."""
    answer = said.turns[-1].reply
    if answer is None:
        return
    for note in answer.notes:
        inv.out.note(note)
    if show and answer.exchange is not None:
        inv.out.note(f"\n{as_text(answer.exchange)}\n")


def _told(inv: Invocation, said: Conversation, files: KeptConversation | None, *, show_exchange: bool) -> Answer:
    turn = said.turns[-1]
    answer = turn.reply
    if answer is None:
        return Answer({})
    document = {**answer.as_json(), "conversation": files and {"name": files.name, "path": files.path}}
    if inv.as_json:
        if show_exchange:
            document["exchange"] = answer.exchange and as_json(answer.exchange)
        return Answer(document)
    if answer.content:
        inv.out.say("")
    for call in answer.tool_calls:
        inv.out.say(f"{call.name}({call.arguments})")
    if not answer.content and not answer.tool_calls:
        inv.out.note("The answer is empty: " + _why_empty(answer))
    below = WordWrap(sys.stderr)
    below.write(f"[{figures(turn)}]\n")
    below.end()
    return Answer(document)


async def _listed(inv: Invocation, store: ConversationStore) -> Answer:
    found, left = await store.listed(_LISTED)
    for each in found:
        saved = datetime.fromtimestamp(each.saved_at, UTC).strftime("%Y-%m-%d %H:%M UTC")
        what = each.problem or f"{each.turns} × {each.model or 'n/a'}  {each.title}"
        inv.out.say(f"{saved}  {each.name}  {what}")
    if not found:
        inv.out.note("No conversation is stored yet.")
    if left:
        inv.out.note(f"{left:,} older ones are not listed.")
    rows = [
        {
            "name": each.name,
            "title": each.title,
            "turns": each.turns,
            "model": each.model,
            "saved_at": datetime.fromtimestamp(each.saved_at, UTC).isoformat(timespec="seconds"),
            "problem": each.problem,
        }
        for each in found
    ]
    return Answer({"conversations": rows})


async def _standard_input() -> str:
    from nemotui.adapters import threads

    if sys.stdin.isatty():
        raise UsageError("prompt", "there is no question", 'Ask one: nemotui chat "Hello", or pipe it in.')
    data = await threads.call(_read, sys.stdin.fileno())
    if len(data) > _PROMPT_LIMIT:
        raise UsageError("prompt", f"the question is over {_PROMPT_LIMIT} bytes", "Send less.")
    return data.decode("utf-8", "replace")


def _read(fd: int) -> bytearray:
    """Not through `sys.stdin`: Python aborts where a thread left behind still holds its lock at the end."""
    data = bytearray()
    while len(data) <= _PROMPT_LIMIT and (part := os.read(fd, 1 << 16)):
        data += part
    return data


class _Told:
    """The answer as it comes; nothing of it where a document is wanted."""

    def __init__(self, inv: Invocation) -> None:
        self._silent = inv.as_json
        self._thinking, self._answer = WordWrap(sys.stderr), WordWrap(sys.stdout)
        self._thought = False  # and has not answered yet

    def __enter__(self) -> Self:
        return self

    def after(self, delta: ChatDelta) -> None:
        if self._silent:
            return
        if delta.reasoning:
            self._thinking.write(delta.reasoning)
            self._thought = True
        if delta.content:
            if self._thought:
                self._thought = False
                self._thinking.write("\n\n")  # a line between the two where both are on one screen
            self._answer.write(delta.content)

    def __exit__(self, *_: object) -> None:
        """However it ends, the last word is not lost."""
        self._thinking.end()
        self._answer.end()


def _why_empty(said: Reply) -> str:
    if said.finish_reason == "length":
        return "the tokens ran out while it was thinking. Give more with --max-tokens, or use --mode low or off."
    return f"finish_reason is {said.finish_reason or 'not given'}."
