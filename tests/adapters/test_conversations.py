"""Conversations on disk: as they were, whole, and never over somebody else's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.conversations import ConversationsFolder
from nemotui.core.chat import ChatSettings, Sampling
from nemotui.core.chat_text import as_markdown
from nemotui.core.conversation import Asked, Conversation
from nemotui.core.errors import FailedError, UsageError
from nemotui.core.model_server import ChatChunk, ToolCallDelta
from nemotui.core.stores import KeptConversation
from tests.core.test_conversation import ANSWER, BROKEN, END, THOUGHT, THOUGHT_MORE, USAGE, after, answered

pytestmark = pytest.mark.anyio


class Noon(SystemClock):
    def now(self) -> float:
        return 1_795_000_000.0


def folder(path: Path) -> ConversationsFolder:
    return ConversationsFolder(path / "conversations", Noon())


def on_disk(kept: KeptConversation) -> Path:
    return Path(kept.path)


def talk() -> Conversation:
    call = ChatChunk(at=12.6, tool_calls=(ToolCallDelta(index=0, name="look", arguments="{}"),))
    settings = ChatSettings(mode="low", system="Be brief.", sampling=Sampling(seed=7, thinking_token_budget=64))
    whole = answered(THOUGHT, THOUGHT_MORE, ANSWER, call, END, USAGE)
    return after(settings, Asked("What now?", model="super", at=5.0), *whole, None, Asked("And?"), BROKEN)


async def test_it_comes_back_as_it_was_with_times_that_mean_something(tmp_path: Path) -> None:
    store = folder(tmp_path)
    kept = await store.save(talk())
    said, again = await folder(tmp_path).open(kept.name)
    assert again == kept
    assert said.settings == talk().settings
    assert [turn.question for turn in said.turns] == ["What now?", "And?"]
    assert said.turns[1].problem == BROKEN
    first, before = said.turns[0].reply, talk().turns[0].reply
    assert first is not None
    assert before is not None
    assert (first.sent_at, first.ttft_ms, first.ttfa_ms, first.thinking_s) == (0.0, 500.0, 2500.0, 2.0)
    assert first.as_json() == before.as_json()
    assert as_markdown(said) == as_markdown(talk())


async def test_it_is_two_files_that_only_their_owner_reads(tmp_path: Path) -> None:
    kept = await folder(tmp_path).save(talk())
    path = on_disk(kept)
    assert path.name == "20261118T110640Z-What-now.json"
    assert path.with_suffix(".md").read_text() == as_markdown(talk())
    assert {each.stat().st_mode & 0o777 for each in path.parent.iterdir() if each.suffix in (".json", ".md")} == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(path.read_bytes())["conversation"]["turns"][0]["reply"]["reasoning"] == "hm so"


async def test_two_consoles_never_have_one_name(tmp_path: Path) -> None:
    names = [(await folder(tmp_path).save(talk())).name for _ in range(3)]
    assert len(set(names)) == 3
    named = [(await folder(tmp_path).save(talk(), name="../My talk!")).name for _ in range(2)]
    assert named == ["My-talk", "My-talk-2"]


async def test_a_second_save_goes_to_the_same_files_unless_they_were_changed(tmp_path: Path) -> None:
    store = folder(tmp_path)
    kept = await store.save(talk())
    longer = talk().after(Asked("More?")).after(None)
    kept = await store.save(longer, kept)
    assert len((await store.open("latest"))[0].turns) == 3
    _, other = await folder(tmp_path).open(kept.name)
    await folder(tmp_path).save(longer.after(Asked("Other?")).after(None), other)
    with pytest.raises(FailedError, match="changed by somebody else"):
        await store.save(longer, kept)
    assert (await store.open(kept.name))[0].turns[-1].question == "Other?"


async def test_a_markdown_file_that_was_edited_counts_as_changed(tmp_path: Path) -> None:
    kept = await folder(tmp_path).save(talk())
    on_disk(kept).with_suffix(".md").write_text("my notes")
    with pytest.raises(FailedError, match="changed"):
        await folder(tmp_path).save(talk(), kept)


async def test_what_is_no_conversation_is_listed_as_such_and_left_alone(tmp_path: Path) -> None:
    store = folder(tmp_path)
    await store.save(talk())
    place = tmp_path / "conversations"
    for name, data in (
        ("cut", b'{"kind": "nemotui con'),
        ("foreign", b'{"kind": "other"}'),
        ("list", b"[1]"),
        ("bytes", b"\xff\xfe"),
        ("deep", b"[" * 100_000),
        ("wrong", b'{"kind": "nemotui conversation", "title": "x", "conversation": {"turns": [{"question": 1}]}}'),
        ("evil\x1b]0;owned\x07", b"{}"),
    ):
        (place / f"{name}.json").write_bytes(data)
    (place / "gone.json").symlink_to("nowhere")
    listed, left = await store.listed(100)
    assert left == 0
    sound = [each for each in listed if each.problem is None]
    assert [(each.title, each.turns, each.model) for each in sound] == [("What now?", 2, "super")]
    assert len(listed) == 8
    assert not any("\x1b" in each.name + (each.problem or "") for each in listed)
    with pytest.raises(FailedError, match="cannot be opened"):
        await store.open("wrong")
    assert (place / "cut.json").read_bytes() == b'{"kind": "nemotui con'


async def test_of_many_the_newest_are_listed(tmp_path: Path) -> None:
    store = folder(tmp_path)
    for number in range(4):
        kept = await store.save(Conversation().after(Asked(f"n{number}")).after(None))
        os.utime(kept.path, (number, number))
    listed, left = await store.listed(2)
    assert ([each.title for each in listed], left) == (["n3", "n2"], 2)


async def test_text_of_a_stored_file_is_made_plain(tmp_path: Path) -> None:
    kept = await folder(tmp_path).save(talk())
    path = on_disk(kept)
    path.write_bytes(path.read_bytes().replace(b"forty", b"for\\u001b]0;owned\\u0007ty\\u202e"))
    said, _ = await folder(tmp_path).open(str(path))
    assert said.turns[0].reply is not None
    assert said.turns[0].reply.content == "forty"


async def test_what_is_not_there_or_cannot_be_written_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"no conversation '\.\./x'"):
        await folder(tmp_path).open("../x")
    (tmp_path / "conversations").write_text("a file")
    with pytest.raises(FailedError, match="cannot be written"):
        await folder(tmp_path).save(talk())
