"""A conversation as blocks of one kind each: what the transcript draws, a block at a time.

A block is drawn anew only when its text changes, so an answer is cut where its Markdown has settled: only the tail that
still grows, which is never long, is drawn again and again.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from nemotui.core.chat_text import figures, thought_for
from nemotui.core.conversation import Conversation, Turn
from nemotui.core.settling import LONGEST, Piece, Settling

Kind = Literal["question", "note", "thinking", "markdown", "code", "label", "text", "problem"]

LIVE_THINKING = 1200  # characters of a thought in progress that are shown, the latest
MOST = 300_000  # characters of an answer or a thought that are shown; a copy and the file have all


@dataclass(frozen=True, slots=True)
class Block:
    """One piece of text from outside, and how it is drawn. `gap`: a blank line follows. `language` is a code's."""

    kind: Kind
    text: str
    language: str = ""
    gap: bool = True


@dataclass(slots=True)
class _Answer:
    """What has settled of a turn's answer."""

    turn: Turn
    settling: Settling = field(default_factory=Settling)
    blocks: tuple[Block, ...] | None = None  # of a turn that is over
    open: bool = False


class Blocks:
    """The blocks of a conversation that grows: what has settled of it is not looked at again."""

    def __init__(self) -> None:
        self._answers: list[_Answer] = []

    def of(self, conversation: Conversation, *, thoughts: bool) -> list[Block]:
        """All of them, oldest first. `thoughts`: the thinking is open."""
        del self._answers[len(conversation.turns) :]
        blocks: list[Block] = []
        for index, turn in enumerate(conversation.turns):
            if index == len(self._answers):
                self._answers.append(_Answer(turn))
            blocks += self._turn(index, turn, thoughts)
        return blocks

    def _turn(self, index: int, turn: Turn, thoughts: bool) -> tuple[Block, ...]:
        known = self._answers[index]
        if known.blocks is not None and known.turn is turn and known.open == thoughts:
            return known.blocks
        before, now = (each.reply.content if each.reply else "" for each in (known.turn, turn))
        if turn.question != known.turn.question or not now.startswith(before):
            known = self._answers[index] = _Answer(turn)
        known.turn, known.open = turn, thoughts
        blocks = tuple(_blocks(turn, thoughts, known.settling))
        known.blocks = blocks if turn.over else None
        return blocks


def _blocks(turn: Turn, thoughts: bool, settling: Settling) -> Iterator[Block]:
    yield Block("question", turn.question[:MOST])
    reply = turn.reply
    if reply is not None:
        if reply.reasoning:
            yield Block("note", _thinking(turn, thoughts), gap=not (thoughts or turn.thinking))
            yield from _thoughts(turn, reply.reasoning, thoughts)
        yield from _answer(reply.content, settling)
        for call in reply.tool_calls:
            yield Block("text", f"{call.name}({call.arguments})"[:MOST])
        yield from (Block("problem", note) for note in reply.notes if turn.problem is None)
    if turn.problem is not None:
        yield Block("problem", str(turn.problem))
    if not turn.over and (reply is None or not reply.begun):
        yield Block("note", "waiting for the first token …")
    elif turn.over:
        yield Block("note", figures(turn))


def _thinking(turn: Turn, open_: bool) -> str:
    if turn.thinking:
        return f"thinking … {thought_for(turn)}"
    return f"{'▾' if open_ else '▸'} thought for {thought_for(turn)}"


def _thoughts(turn: Turn, reasoning: str, open_: bool) -> Iterator[Block]:
    if open_:
        for paragraph in reasoning[:MOST].strip().split("\n\n"):
            parts = [paragraph[at : at + LONGEST] for at in range(0, len(paragraph), LONGEST)]
            yield from (Block("thinking", part, gap=False) for part in parts[:-1])
            yield from (Block("thinking", part) for part in parts[-1:])
        yield from _left_out(reasoning)
    elif turn.thinking:
        tail = reasoning[-LIVE_THINKING:].strip()
        yield Block("thinking", tail if len(reasoning) <= LIVE_THINKING else "…" + tail)


def _answer(content: str, settling: Settling) -> Iterator[Block]:
    tail = settling.grown(content[:MOST])
    yield from (_block(piece) for piece in settling.pieces)
    if tail is not None:
        yield _block(tail)
    yield from _left_out(content)


def _block(piece: Piece) -> Block:
    return Block(piece.kind, piece.text, piece.language, piece.gap)


def _left_out(text: str) -> Iterator[Block]:
    if len(text) > MOST:
        yield Block("note", f"… {len(text) - MOST:,} characters more, which are copied and stored")
