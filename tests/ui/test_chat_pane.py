"""The Chat pane by its keys, over the pretend machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from textual import events

from nemotui.core.chat import ChatDelta, Reply
from nemotui.core.conversation import Asked
from nemotui.core.errors import Problem
from nemotui.core.model_server import ChatChunk
from nemotui.ui.widgets.question import Question
from nemotui.ui.widgets.transcript import Transcript
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio

HOSTILE = "[/x] [INFO] a[0] [bold]"


async def serving(c: Console) -> None:
    """A server that runs, and the Chat pane in front."""
    await c.serve()
    await c.press("5")
    await c.until("Ask nemotron-super")


def field(c: Console) -> Question:
    return c.pane("chat").query_one(Question)


async def test_an_answer_in_full_shows_its_thinking_apart_and_off_has_none(console: ConsoleFactory) -> None:
    async with console() as c:
        await serving(c)
        await c.press(*"Why?", "enter")
        await c.until("· stop")
        assert "❯ Why?" in c.text
        assert "▸ thought for" in c.text
        assert "first answer" in c.text
        await c.press("escape", "t")
        await c.until("▾ thought for")
        await c.press("i", "f7", "f7", *"And off?", "enter")
        await c.until("off · TTFT")
        await c.until(lambda: not c.main.states["chat"].answering)
        assert [bool(turn.reply.reasoning) for turn in c.main.states["chat"].turns] == [True, False]


async def test_escape_stops_an_answer_and_keeps_it_then_leaves_the_field(console: ConsoleFactory) -> None:
    async with console(speed=0.1) as c:
        await serving(c)
        field(c).post_message(Question.Sent("Tell me everything"))
        await c.until("thinking …")
        await c.press("escape")
        await c.until("in · stopped")
        assert c.main.states["chat"].turns[0].reply.reasoning
        assert field(c).has_focus
        await c.press("escape")
        assert c.pane("chat").has_focus


async def test_the_keys_of_the_screen_are_letters_while_one_types(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5", *"12?q", "space", "x")
        assert field(c).text == "12?q x"
        assert c.main.current == "chat"
        assert c.app.screen is c.main
        assert not c.main.paused
        await c.press("f7")
        await c.until("reasoning low")


async def test_a_question_without_a_server_stays_in_the_field(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5", *"Why?", "enter")
        assert field(c).text == "Why?"
        assert not c.main.states["chat"].turns
        await c.until("No server answers yet.")


async def test_a_paste_keeps_its_lines(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5")
        c.app.post_message(events.Paste("one\ntwo\nthree"))
        await c.pilot.pause()
        assert field(c).text == "one\ntwo\nthree"


async def test_commands_complete_and_set_what_the_border_says(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5", "slash")
        await c.until("/budget N|none")
        await c.press(*"bud", "tab", *"64", "enter")
        await c.until("reasoning full · budget 64 · F7")
        assert field(c).text == ""
        await c.press("slash", *"seed", "space", "x", "enter")
        await c.until("/seed N|none")
        assert field(c).text == "/seed x"
        assert c.main.states["chat"].conversation.settings.sampling.thinking_token_budget == 64


async def test_a_question_of_several_lines_comes_back_and_is_asked_anew(console: ConsoleFactory) -> None:
    async with console() as c:
        await serving(c)
        await c.press("f7", "f7", *"one", "ctrl+j", *"two", "enter")
        await c.until("· stop")
        assert [turn.question for turn in c.main.states["chat"].turns] == ["one\ntwo"]
        await c.press("up")
        assert field(c).text == "one\ntwo"
        await c.press("down")
        assert field(c).text == ""
        await c.until(lambda: c.main.states["chat"].kept is not None)
        stored = c.main.states["chat"].kept
        await c.press(*"draft", "escape", "e")
        await c.until("in the place of question 1 · Enter sends · Esc drops it")
        assert field(c).text == "one\ntwo"
        await c.press("escape")
        await c.until("Enter sends · Esc leaves")
        assert field(c).text == "draft"
        await c.press("escape", "e")
        await c.until("in the place of question 1")
        await c.press(*"!", "enter")
        await c.until(lambda: c.main.states["chat"].kept not in (None, stored))
        assert [turn.question for turn in c.main.states["chat"].turns] == ["one\ntwo!"]
        await c.press("escape", "n", "o")
        await c.until("Stored conversations")
        assert c.text.count("1 question") == 2
        assert "Enter Open  Esc Back" in c.text
        await c.press("j", "enter")
        await c.until(lambda: c.main.states["chat"].kept == stored)
        await c.until("❯ one")
        assert [turn.question for turn in c.main.states["chat"].turns] == ["one\ntwo"]


async def test_a_new_conversation_and_copies(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5", "escape")
        talk(
            c,
            "what?",
            ChatChunk(at=1, content="<think>hm</think> [it](http://a) is 42\n```py\na = 1\n```\n~~~\nb\n~~~"),
        )
        c.main._next("chat", None)
        await c.until("<think>hm</think> it (http://a) is 42")  # neither HTML that vanishes nor a link to click
        await c.until("code 2")
        copied = []
        for key in "yccc":
            await c.press(key)
            copied.append(c.app.clipboard)
        assert copied == [c.main.states["chat"].conversation.last_answer, "a = 1", "b", "a = 1"]
        await c.press("slash", *"copy", "space", *"all", "enter")
        assert c.app.clipboard == "a = 1\n\nb"
        await c.press("escape", "n")
        await c.until("No server answers yet.")
        assert not c.main.states["chat"].turns


async def test_an_image_shows_where_it_leads_and_a_table_of_too_many_columns_is_text(console: ConsoleFactory) -> None:
    wide = "\n".join(("|a" * 60 + "|", "|-" * 60 + "|", "|b" * 60 + "|"))
    async with console() as c:
        await c.press("5", "escape")
        talk(c, "what?", ChatChunk(at=1, content=f"![a cat](http://evil/x.png)\n\n|c|d|\n|-|-|\n|1|2|\n\n{wide}\n"))
        c.main._next("chat", None)
        await c.until("!a cat (http://evil/x.png)")
        await c.until("|b|b|b|")
        assert "|1|2|" not in c.text  # which has room as a table


async def test_a_conversation_that_another_console_went_on_with_is_stored_beside_it(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("5")
        talk(c, "what?", ChatChunk(at=1, content="this"))
        c.main._answer_ends(None)
        await c.until(lambda: c.main.states["chat"].kept is not None)
        kept, store = c.main.states["chat"].kept, c.main.b.conversations
        assert store is not None
        conversation, theirs = await store.open(kept.name)
        await store.save(conversation.after(Asked("theirs?")).after(None), theirs)
        talk(c, "mine?", ChatChunk(at=1, content="that"))
        c.main._answer_ends(None)
        await c.until("changed by somebody else")
        listed, _ = await store.listed(9)
        assert sorted(each.turns for each in listed) == [2, 2]
        assert (await store.open(kept.name))[0].turns[-1].question == "theirs?"


async def test_where_nothing_can_be_stored_that_is_told_once_and_again_when_asked_for(
    console: ConsoleFactory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    (tmp_path / "conversations").write_text("no folder")
    async with console() as c:
        await c.press("5")
        monkeypatch.setattr(c.app, "notify", lambda words, **_: told.append(words))
        for _ in range(2):
            talk(c, "what?", ChatChunk(at=1, content="this"))
            c.main._answer_ends(None)
            await c.main.store_all()
        assert [words[:34] for words in told] == ["the conversation cannot be written"]
        await c.press("escape", "S")
        await c.until(lambda: len(told) == 2)
        assert told[0] == told[1]


async def test_a_reader_who_scrolled_back_is_left_there(console: ConsoleFactory) -> None:
    async with console(size=(80, 24)) as c:
        await c.press("5")
        text = "".join(f"paragraph {n}\n\n" for n in range(60))
        talk(c, "what?", ChatChunk(at=1, content=text))
        await c.until("paragraph 59")
        await c.press("pageup", "pageup")
        await c.until(lambda: "paragraph 59" not in c.text)
        before = c.pane("chat").query_one(Transcript).scroll_offset.y
        talk(c, None, ChatChunk(at=1, content=text + "the last words"))
        c.main._next("chat", None)
        await c.pilot.pause(0.3)
        assert c.pane("chat").query_one(Transcript).scroll_offset.y == before
        await c.until("▼ new text below")
        await c.press("pagedown", "pagedown", "pagedown")
        await c.until("the last words")
        await c.until("─ Esc leaves")


@pytest.mark.parametrize("size", [(120, 40), (80, 24)])
async def test_words_from_outside_are_shown_as_they_are(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        await c.press("5")
        for text in (HOSTILE, "x" * 10_000, f"> - # {HOSTILE}\n\n```\n{HOSTILE}\n", f"|{HOSTILE}|\n|-|\n|[a](b)|"):
            talk(c, HOSTILE, ChatChunk(at=1, reasoning=text, content=text))
            await c.pilot.pause(0.2)
            c.main._next("chat", Problem("reset", HOSTILE, HOSTILE))
            await c.pilot.pause(0.2)
            await c.press("escape", "t", "t")
        assert c.text.count("a[0]") >= 1
        assert "\x1b" not in c.text
        c.pane("chat").query_one(Transcript).scroll_home(animate=False)
        await c.until("❯ [/x] [INFO]")


@pytest.mark.parametrize("size", [(60, 20), (40, 10), (10, 3)])
async def test_a_window_that_is_too_small_does_no_harm(console: ConsoleFactory, size: tuple[int, int]) -> None:
    async with console(size=size) as c:
        await c.press("5")
        talk(c, "what?", ChatChunk(at=1, content="|a|b|\n|-|-|\n|c|d|\n\n```\ncode\n```\n\n1. one\n"))
        c.main._next("chat", None)
        await c.pilot.pause(0.3)
        await c.pilot.resize_terminal(120, 40)
        await c.until("❯ what?")


def talk(c: Console, question: str | None, chunk: ChatChunk) -> None:
    """As if this was asked, and so much of the answer had come."""
    if question is not None:
        c.main._next("chat", Asked(question))
    reply = Reply(mode="full", sent_at=0).after(chunk)
    c.main._next("chat", ChatDelta(reasoning=chunk.reasoning, content=chunk.content, reply=reply))
