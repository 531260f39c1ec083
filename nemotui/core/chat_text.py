"""A reply's figures in a line, and a conversation as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from nemotui.core.chat import ChatSettings, Reply
from nemotui.core.conversation import Conversation, Turn
from nemotui.core.fences import closed
from nemotui.core.show import number


def figures(turn: Turn) -> str:
    """How an answer ended, its times and its counts; what is unknown is n/a."""
    reply = turn.reply
    if reply is None or not reply.begun:
        return "stopped" if turn.stopped else "no answer"
    ending = "stopped" if turn.stopped else "broken off" if turn.problem else reply.finish_reason
    return f"{reply_figures(reply)} · {ending or 'no finish reason'}"


def reply_figures(reply: Reply) -> str:
    """Mode, times and counts of a reply."""
    rate = reply.tokens_per_second
    parts = (
        reply.mode,
        f"TTFT {number(reply.ttft_ms, 'ms')}",
        f"first answer {number(reply.ttfa_ms, 'ms')}",
        f"ITL {number(reply.mean_itl_ms, 'ms', 1)}",
        f"{number(rate, digits=0 if rate is None or rate >= 10 else 1)} tok/s",
        _tokens(reply),
    )
    return " · ".join(parts)


def _tokens(reply: Reply) -> str:
    usage = reply.usage
    if usage is None:
        return "n/a thinking, n/a answer, n/a in"
    out = f"{number(usage.reasoning_tokens)} thinking, {number(reply.answer_tokens)} answer"
    of = "" if reply.answer_tokens is not None else f" of {usage.completion_tokens:,}"
    return f"{out}{of}, {usage.prompt_tokens:,} in"


def thought_for(turn: Turn) -> str:
    """`3.2 s, 214 tokens`; until the server has said how many, they are counted by its events."""
    count, told = turn.thinking_tokens
    seconds = turn.reply.thinking_s if turn.reply else None
    return f"{number(seconds, 's', 1)}, {'' if told else 'about '}{count:,} token{'' if count == 1 else 's'}"


def settings_words(settings: ChatSettings, *, all_of_them: bool = False) -> list[str]:
    """The settings one by one; those that are as recommended only where all are asked for."""
    plain, sampling = ChatSettings().sampling, settings.sampling
    words = []
    budget = sampling.thinking_token_budget
    if all_of_them or budget is not None:
        words.append(f"budget {'none' if budget is None else number(budget)}")
    for name, value, usual in (
        ("temperature", sampling.temperature, plain.temperature),
        ("top_p", sampling.top_p, plain.top_p),
    ):
        if all_of_them or value != usual:
            words.append(f"{name} {value:g}")
    if all_of_them or sampling.max_tokens is not None:
        words.append(f"max tokens {number(sampling.max_tokens) if sampling.max_tokens else 'as the context allows'}")
    if all_of_them or sampling.seed is not None:
        words.append(f"seed {sampling.seed if sampling.seed is not None else 'none'}")
    if all_of_them or settings.system:
        words.append("system prompt" if settings.system else "no system prompt")
    return words


def as_markdown(conversation: Conversation) -> str:
    """The conversation to be read elsewhere: thinking, answers, figures and troubles."""
    return "\n\n".join([f"# {conversation.title or 'Conversation'}", *_body(conversation)]) + "\n"


def _body(conversation: Conversation) -> Iterator[str]:
    if conversation.settings.system:
        yield f"## System prompt\n\n{conversation.settings.system}"
    for number_, turn in enumerate(conversation.turns, 1):
        asked = [turn.model or "", _utc(turn.at), f"mode {turn.settings.mode}", *settings_words(turn.settings)]
        yield f"## Question {number_}\n\n{turn.question}\n\n*{' · '.join(filter(None, asked))}*"
        reply = turn.reply
        if reply is not None and reply.reasoning:
            quoted = "\n".join(f"> {line}".rstrip() for line in reply.reasoning.strip().split("\n"))
            yield f"### Thought for {thought_for(turn)}\n\n{quoted}"
        if reply is not None:
            calls = [f"`{call.name}({call.arguments})`" for call in reply.tool_calls]
            yield "\n\n".join(filter(None, [f"### Answer {number_}", closed(reply.content.strip()), *calls]))
        if turn.problem is not None:
            yield f"**{turn.problem}**"
        yield f"*{figures(turn)}*"


def _utc(at: float | None) -> str:
    return "" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
