"""The whole console on this terminal, asked one question by itself while it watches its own event loop.

`python -m tests.perf.chat_console URL OUT`: a conversation of 50 messages is shown, the question goes out, the reader
scrolls back after a while; what was seen is written to OUT as JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from nemotui.core.chat import ChatDelta, Reply
from nemotui.core.conversation import Asked, Conversation
from nemotui.core.model_server import ChatChunk
from nemotui.core.stores import KeptConversation
from nemotui.ui.panes.chat import ChatPane
from nemotui.ui.screen import MainScreen
from nemotui.ui.states.chat import Opened
from nemotui.ui.widgets.transcript import Transcript
from tests.perf.chat_server import answer
from tests.waiting import until_there

EVERY_S = 0.005
MESSAGES = 50
FOLLOWED = 0.6  # of the answer that is followed; then the reader scrolls back


def conversation() -> Conversation:
    """25 questions and as many answers of 2,000 characters."""
    said, text = Conversation(), answer()
    for number in range(MESSAGES // 2):
        said = said.after(Asked(f"Question {number}?"))
        reply = Reply(mode="full", sent_at=0).after(ChatChunk(at=1, content=text[number * 100 : number * 100 + 2000]))
        said = said.after(ChatDelta(reasoning="", content="", reply=reply)).after(None)
    return said


async def lateness(late: list[float], own: list[float]) -> None:
    """How much later than it asked for a timer of the event loop comes, and what the loop has worked meanwhile, in ms.

    The second is what of the first is our own doing: on a busy machine others make it late too.
    """
    while True:
        due, used = time.perf_counter() + EVERY_S, time.thread_time()
        await asyncio.sleep(EVERY_S)
        late.append((time.perf_counter() - due) * 1e3)
        own.append((time.thread_time() - used) * 1e3)


def shares(values: list[float]) -> dict[str, float]:
    """What so many of them are below, and the greatest."""
    values.sort()
    return {"p50": values[len(values) // 2], "p99": values[int(len(values) * 0.99)], "max": values[-1]}


async def watch(screen: MainScreen, out: Path) -> None:
    """Ask, follow, scroll back, and write down what that was like."""
    await until_there(lambda: screen.server.sample is not None and screen.server.sample.serving)
    await screen.action_pane("chat")
    screen._next("chat", Opened(conversation(), KeptConversation(name="perf", path="/dev/null", version="")))
    pane, transcript = screen.query_one(ChatPane), screen.query_one(Transcript)
    await asyncio.sleep(3)
    late: list[float] = []
    own: list[float] = []
    watching = asyncio.create_task(lateness(late, own))
    began, used = time.perf_counter(), time.process_time()
    pane.post_message(ChatPane.Asked("How is a batch put together?"))
    text = len(answer())
    await until_there(lambda: len(screen.states["chat"].conversation.last_answer) > FOLLOWED * text)
    followed = transcript.is_vertical_scroll_end
    for _ in range(3):
        pane.action_scroll(-1)
    await asyncio.sleep(0.5)
    top, lines = transcript.scroll_offset.y, _lines(transcript)
    await until_there(lambda: not screen.states["chat"].answering)
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    watching.cancel()
    await asyncio.sleep(0.5)
    reply = screen.states["chat"].turns[-1].reply
    seen: dict[str, Any] = {
        "whole": reply is not None and reply.content == answer(),
        "seconds": seconds,
        "cpu_share": cpu / seconds,
        "late_ms": shares(late),
        "own_ms": shares(own),
        "followed": followed,
        "undisturbed": (top, lines) == (transcript.scroll_offset.y, _lines(transcript)),
        "said_below": "new text below" in str(pane.field.border_subtitle),
    }
    _keep(out, seen)
    screen.app.exit()


def _keep(out: Path, seen: dict[str, Any]) -> None:
    out.write_text(json.dumps(seen))


def _lines(transcript: Transcript) -> list[str]:
    return [transcript.render_line(y).text for y in range(transcript.size.height)]


def main(url: str, out: Path) -> None:
    """`nemotui --base-url URL`, watched."""
    from nemotui.cli import main as nemotui

    began = MainScreen.on_mount

    def on_mount(self: MainScreen) -> None:
        began(self)
        self._watched = asyncio.create_task(watch(self, out))  # type: ignore[attr-defined]

    MainScreen.on_mount = on_mount  # type: ignore[method-assign]
    sys.argv = ["nemotui", "--base-url", url]
    nemotui()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
