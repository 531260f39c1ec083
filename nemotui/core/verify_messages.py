"""The trust checks of Anthropic's API: what /v1/messages replies, in one piece and as a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from nemotui.core.text import plain_line
from nemotui.core.verify_ask import mapping_of
from nemotui.core.verify_checks import REASONING_FLAG, Verdict
from nemotui.core.verify_text import marks_in

MESSAGES: Final = "/v1/messages"
_MEANS: Final = "Claude Code and other clients of Anthropic's API do not work on this server."
_FIX: Final = f"Update vLLM. {REASONING_FLAG}"
_TEXTS: Final = {"text_delta": "text", "thinking_delta": "thinking"}  # kind of a delta → where its text stands


def judge_message(reply: Mapping[str, Any]) -> Verdict:
    """A reply of /v1/messages: a text block, a stop reason, and usage."""
    blocks = reply.get("content")
    blocks = [b for b in blocks if isinstance(b, dict)] if isinstance(blocks, list) else []
    text = " ".join(b["text"] for b in blocks if b.get("type") == "text" and isinstance(b.get("text"), str))
    counts = reply.get("usage")
    missing = [
        what
        for what, there in (
            ("a text", text.strip()),
            ("a stop_reason", isinstance(reply.get("stop_reason"), str)),
            ("usage", isinstance(counts, dict) and counts.get("input_tokens") and counts.get("output_tokens")),
        )
        if not there
    ]
    if missing:
        found = f"a reply without {' and '.join(missing)}"
        return Verdict(status="fail", found=found, means=_MEANS, fix=_FIX)
    if mark := marks_in(text):
        return Verdict(status="fail", found=f"{mark} stands in the text", means=_MEANS, fix=REASONING_FLAG)
    kinds = dict.fromkeys(plain_line(str(block.get("type")), limit=20) for block in blocks[:4])
    return Verdict(status="ok", found=f"blocks of {' and '.join(kinds)}, {plain_line(reply['stop_reason'], limit=20)}")


def judge_stream(events: Sequence[Mapping[str, Any]]) -> Verdict:
    """The events of a streamed reply: in Anthropic's order, and together a message as above."""
    if error := next((event for event in events if event.get("type") == "error"), None):
        told = error.get("error")
        said = told.get("message") if isinstance(told, dict) else told
        found = f"the server broke off: {plain_line(str(said), limit=200)}"
        return Verdict(status="fail", found=found, means=_MEANS, fix="See `nemotui logs` for what the server says.")
    if wrong := _out_of_order(events):
        return Verdict(status="fail", found=wrong, means=_MEANS, fix="Update vLLM.")
    verdict = judge_message(assembled(events))
    if verdict.status != "ok":
        return verdict
    return Verdict(status="ok", found=f"{len(events)} events: {verdict.found}")


def _out_of_order(events: Sequence[Mapping[str, Any]]) -> str:
    """What is wrong with the frame of the stream, "" where nothing is. `ping` may stand anywhere."""
    kinds = [plain_line(str(event.get("type")), limit=40) for event in events if event.get("type") != "ping"]
    if not kinds:
        return "no event came"
    if kinds[0] != "message_start":
        return f"the stream begins with {kinds[0]}, not with message_start"
    if kinds[-1] != "message_stop":
        return f"the stream ends with {kinds[-1]}, not with message_stop"
    opened: object = None
    for event, kind in zip((event for event in events if event.get("type") != "ping"), kinds, strict=True):
        if kind == "content_block_start":
            opened = event.get("index")
        elif kind == "content_block_delta" and (opened is None or event.get("index") != opened):
            return "a piece came for a block that is not open"
        elif kind == "content_block_stop":
            opened = None
    return ""


def assembled(events: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The message that the events of a stream make; what is of another kind in them counts as not there."""
    blocks: dict[int, dict[str, Any]] = {}
    message: dict[str, Any] = {"usage": {}}
    for event in events:
        index = event.get("index")
        number = index if isinstance(index, int) else -1
        match event.get("type"):
            case "message_start":
                _count(message["usage"], mapping_of(event.get("message")).get("usage"))
            case "content_block_start":
                blocks[number] = {"text": "", "thinking": "", **mapping_of(event.get("content_block"))}
            case "content_block_delta":
                delta = mapping_of(event.get("delta"))
                name = _TEXTS.get(str(delta.get("type")), "")
                piece, block = delta.get(name), blocks.get(number, {})
                if isinstance(piece, str) and isinstance(block.get(name), str):
                    block[name] += piece
            case "message_delta":
                message["stop_reason"] = mapping_of(event.get("delta")).get("stop_reason")
                _count(message["usage"], event.get("usage"))
    return {**message, "content": list(blocks.values())}


def _count(counts: dict[str, Any], usage: object) -> None:
    """Later counts take the place of earlier ones."""
    counts.update({name: value for name, value in mapping_of(usage).items() if value is not None})
