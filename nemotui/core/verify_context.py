"""The trust checks about the length of the context: an input that nearly fills it, and one that cannot fit."""

from __future__ import annotations

from typing import Final

from nemotui.core.errors import FailedError
from nemotui.core.verify_ask import LONG_PATIENCE_S, Asker, Said
from nemotui.core.verify_checks import Verdict

_LINE: Final = "The quick brown fox runs past the lazy dog, along the river and home.\n"
_FEW, _SOME = 1, 5  # lines to learn from how many tokens one has
_FILLED: Final = 0.95
_ANSWER_TOKENS: Final = 4
_REFUSED: Final = ("http_400", "http_413", "http_422")


async def tokens_a_line(ask: Asker) -> tuple[float, float]:
    """What this server's tokenizer makes of a line, and of a request without any. Raises `FailedError`."""
    few, some = [(await _lines(ask, count)).usage for count in (_FEW, _SOME)]
    if few is None or some is None or some.prompt_tokens <= few.prompt_tokens:
        raise FailedError("no_usage", "the server does not count the tokens of a prompt")
    line = (some.prompt_tokens - few.prompt_tokens) / (_SOME - _FEW)
    return line, few.prompt_tokens - _FEW * line


async def long_input(ask: Asker, room: int) -> Verdict:
    """A prompt of most of `room` tokens is read whole."""
    line, base = await tokens_a_line(ask)
    wanted = int((room * _FILLED - base - _ANSWER_TOKENS) / line)
    if wanted <= _SOME:
        return Verdict(status="skipped", found=f"a context of {room} tokens has no room for a long input")
    try:
        answer = await _lines(ask, wanted)
    except FailedError as error:
        if await ask.server.healthy():
            raise
        means = "One long input ends the server for everybody."
        fix = f"Lower --max-model-len below {room}, try `--no-enable-prefix-caching`, and see `nemotui logs`."
        found = f"the server died of it: {error.problem.message}"
        return Verdict(status="fail", found=found, means=means, fix=fix)
    read = answer.usage.prompt_tokens if answer.usage else 0
    if read < room * (_FILLED - 0.1):
        return _cut(f"only {read} tokens were read")
    return Verdict(status="ok", found=f"{read} of {room} tokens were read")


async def over_long_input(ask: Asker, room: int) -> Verdict:
    """A prompt of more than `room` tokens is refused, and the refusal says why."""
    line, _ = await tokens_a_line(ask)
    try:
        answer = await _lines(ask, int(room * 1.1 / line) + 1)
    except FailedError as error:
        problem = error.problem
        if problem.kind not in _REFUSED:
            means = "An input that is too long must not look like a broken server."
            return Verdict(status="fail", found=problem.message, means=means, fix="Update vLLM.")
        if not any(word in problem.message.lower() for word in ("context", "length", "token", "too long")):
            means = "Users cannot tell what is wrong with their input."
            return Verdict(status="warn", found=problem.message, means=means, fix="Update vLLM.")
        return Verdict(status="ok", found=f"refused: {problem.message}")
    read = answer.usage.prompt_tokens if answer.usage else None
    return _cut(f"an answer, with {read} tokens read")


def _cut(found: str) -> Verdict:
    means = "The input was cut without a word: answers miss what stood in the rest."
    fix = "Look for a proxy or a truncation setting (`truncate_prompt_tokens`) before the model."
    return Verdict(status="fail", found=found, means=means, fix=fix)


async def _lines(ask: Asker, count: int) -> Said:
    messages = [{"role": "user", "content": _LINE * count}]
    return await ask.whole(messages, "off", LONG_PATIENCE_S, max_tokens=_ANSWER_TOKENS)
