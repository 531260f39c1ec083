"""A conversation as blocks of one kind each: what the transcript draws, a block at a time.

A block is drawn anew only when its text changes, so an answer is cut where its Markdown has settled: at blank lines
outside code fences. What comes after is a tail of plain text until it settles too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from nemotui.core.chat import Reply
from nemotui.core.show import number
from nemotui.ui.states.chat import ChatState, Turn

Kind = Literal["question", "note", "thinking", "markdown", "text", "problem"]

LIVE_THINKING = 1200  # characters of a thought in progress that are shown, the latest
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of text from outside, and how it is drawn."""

    kind: Kind
    text: str


def settled(text: str) -> tuple[list[str], str]:
    """Markdown cut at its blank lines outside code fences: the blocks that are complete, and the rest."""
    blocks: list[str] = []
    lines: list[str] = []
    fence = ""
    *whole, last = text.split("\n")
    for line in whole:
        if mark := _FENCE.match(line):
            if not fence:
                fence = mark[1]
            elif mark[1].startswith(fence) and not line.strip(" " + fence[0]):
                fence = ""
        if line.strip() or fence:
            lines.append(line)
        elif lines:
            blocks.append("\n".join(lines))
            lines = []
    return blocks, "\n".join([*lines, last])


def blocks(state: ChatState, *, thoughts: bool) -> list[Block]:
    """The whole conversation. `thoughts`: the thinking is open."""
    return [block for turn in state.turns for block in _turn(turn, thoughts)]


def _turn(turn: Turn, thoughts: bool) -> Iterator[Block]:
    yield Block("question", turn.question)
    reply = turn.reply
    if reply is not None:
        if reply.reasoning:
            yield Block("note", _thinking(turn, thoughts))
            yield from _thoughts(turn, reply.reasoning, thoughts)
        yield from _answer(reply.content, over=turn.over)
        for call in reply.tool_calls:
            yield Block("text", f"{call.name}({call.arguments})")
    if turn.problem is not None:
        yield Block("problem", str(turn.problem))
    if not turn.over and (reply is None or not reply.begun):
        yield Block("note", "waiting for the first token …")
    elif turn.over:
        yield Block("note", figures(turn))


def _thinking(turn: Turn, open_: bool) -> str:
    count, told = turn.thinking_tokens
    words = f"{number(turn.thinking_s, 's', 1)}, {'' if told else 'about '}{count:,} tokens"
    if turn.thinking:
        return f"thinking … {words}"
    return f"{'▾' if open_ else '▸'} thought for {words}"


def _thoughts(turn: Turn, reasoning: str, open_: bool) -> Iterator[Block]:
    if turn.thinking and not open_:
        tail = reasoning.strip()
        yield Block("thinking", tail if len(tail) <= LIVE_THINKING else "…" + tail[-LIVE_THINKING:])
    elif open_:
        done, rest = settled(reasoning.strip())
        yield from (Block("thinking", text) for text in [*done, rest] if text)


def _answer(content: str, *, over: bool) -> Iterator[Block]:
    done, rest = settled(content)
    yield from (Block("markdown", text) for text in done)
    if rest.strip():
        yield Block("markdown" if over else "text", rest)


def figures(turn: Turn) -> str:
    """The times and counts of one answer in a line; what the server did not tell is left out."""
    reply = turn.reply
    ending = "stopped" if turn.stopped else reply.finish_reason if reply is not None else None
    if reply is None or not reply.begun:
        return ending or "no answer"
    parts = [f"{reply.mode}", f"TTFT {number(reply.ttft_ms, 'ms')}", *_more(reply), ending or "broken off"]
    return " · ".join(parts)


def _more(reply: Reply) -> Iterator[str]:
    if reply.reasoning and reply.ttfa_ms is not None:
        yield f"first answer token {number(reply.ttfa_ms, 'ms')}"
    yield f"ITL {number(reply.mean_itl_ms, 'ms', 1)}"
    if reply.tokens_per_second is not None:
        yield f"{reply.tokens_per_second:,.0f} tok/s"
    if reply.usage is not None:
        yield f"{reply.usage.prompt_tokens:,} in, {reply.usage.completion_tokens:,} out"
