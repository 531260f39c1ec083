"""Trust checks of a running server: what is fast and wrong is found before anybody relies on it.

They see HTTP only, on a server that is idle, and ask few and short questions but for the two about the context.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final, Generic, TypeVar

from nemotui.core import verify_checks as judge
from nemotui.core.chat import Mode, ToolCall
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError, UsageError
from nemotui.core.model_server import ModelServer, ServedModel
from nemotui.core.text import plain_line
from nemotui.core.verify_ask import MOST_TOKENS, Asker, Said
from nemotui.core.verify_checks import TOOL, TOOL_FLAGS, TOOL_SAID, TrustCheck, Verdict
from nemotui.core.verify_context import long_input, over_long_input
from nemotui.core.verify_messages import MESSAGES, judge_message, judge_stream
from nemotui.core.verify_text import KNOWN, LONG_QUESTION

CHECKS: Final = (
    *("served-name", "streaming", "usage", "repeatable", "thinking-apart", "content", "thinking-off", "thinking-low"),
    *("thinking-budget", "known-answers", "sound-text", "tool-call", "tool-call-streamed", "tool-result"),
    *("messages-api", "messages-streamed", "over-long-input", "long-input"),
)
_MODES: Final[tuple[Mode, ...]] = ("full", "off", "low")
_BUDGET: Final = 10  # tokens
_TOOL_QUESTION: Final = [{"role": "user", "content": "What time is it in UTC? Use the tool."}]
_WITH_TOOL: Final[Mapping[str, Any]] = {"tools": [TOOL], "tool_choice": "auto"}
_CALL_ID: Final = "call-0"

T = TypeVar("T")


def left_out(names: str | None) -> frozenset[str]:
    """The checks of a list such as `long-input,usage`. Raises `UsageError` for a name that none has."""
    found = frozenset(name.strip() for name in (names or "").split(",") if name.strip())
    if unknown := sorted(found - set(CHECKS)):
        known = ", ".join(CHECKS)
        raise UsageError("skip", f"no check is called {plain_line(unknown[0])!r}", f"There are: {known}.")
    return found


@dataclass(frozen=True, slots=True)
class _Question:
    """A check that is not made yet; `judged` asks what has not been asked for another."""

    name: str
    sent: str
    judged: Callable[[], Awaitable[Verdict]]


class _Once(Generic[T]):
    """An answer that several checks look at: asked for by the first, to be had, or raised, as often as it is needed."""

    def __init__(self, ask: Callable[[], Awaitable[T]]) -> None:
        self._ask = ask
        self._answer: Callable[[], T] | None = None

    async def __call__(self) -> T:
        if self._answer is None:
            self._answer = await _asked(self._ask())
        return self._answer()


async def verify(server: ModelServer, model: str, skip: Collection[str] = ()) -> AsyncGenerator[TrustCheck, None]:
    """Each check as it is made; nothing is sent of those in `skip`.

    Raises `NothingThereError` where no server answers; where it stops to in the middle the rest is skipped.
    """
    models = await server.models()
    served = next((m for m in models if m.id == model), None)
    room = served.max_model_len if served else None
    ask = Asker(server, model, most_tokens=min(MOST_TOKENS, room // 2) if room else MOST_TOKENS)
    gone = False
    for question in _questions(ask, models, room):
        if question.name in skip or gone:
            found = "left out, as was asked" if question.name in skip else "the server does not answer any more"
            yield TrustCheck(name=question.name, status="skipped", sent="", found=found)
            continue
        check = await checked(question.name, question.sent, question.judged)
        yield check
        if question.name == "served-name" and check.status == "fail":
            return  # nothing else can be asked
        gone = check.status == "fail" and await _gone(server)


async def _gone(server: ModelServer) -> bool:
    """Whether nobody is there any more: it says nothing of the model that the other checks fail then."""
    try:
        await server.models()
    except NothingThereError:
        return True
    except NemotuiError:
        return False  # busy, or ill: that is for the checks to find
    return False


def _questions(ask: Asker, models: Sequence[ServedModel], room: int | None) -> Iterator[_Question]:
    """In the order of `CHECKS`."""
    first = _Once(lambda: ask.whole(_user(0), "full"))
    yield _Question(
        "served-name", f"{ask.model!r} to /v1/models and as a request", lambda: _name(models, ask.model, first)
    )
    yield from _first_answers(ask, first)
    yield from _modes(ask)
    yield from _tools(ask)
    yield from _others(ask, room)


def _first_answers(ask: Asker, first: _Once[Said]) -> Iterator[_Question]:
    """One question, whole and streamed and again."""
    sent = f"{KNOWN[0].question!r}, greedy, full thinking"
    streamed = _Once(lambda: ask.streamed(_user(0), "full"))

    async def agree() -> Verdict:
        return judge.agree(await streamed(), await first())

    async def usage() -> Verdict:
        return judge.usage(await first(), await streamed())

    async def repeatable() -> Verdict:
        return judge.repeatable(await first(), await ask.whole(_user(0), "full"))

    yield _Question("streaming", f"{sent}: streamed and not", agree)
    yield _Question("usage", f"{sent}: its counts", usage)
    yield _Question("repeatable", f"{sent}: twice", repeatable)


def _modes(ask: Asker) -> Iterator[_Question]:
    """The same questions in each mode, and a budget."""
    full, off, low = (_Once(partial(_all_known, ask, mode)) for mode in _MODES)
    sent = f"{len(KNOWN)} short questions"

    async def apart() -> Verdict:
        return judge.thinking_apart(await full())

    async def content() -> Verdict:
        return judge.content([*await full(), *await off()])

    async def none() -> Verdict:
        return judge.thinking_off(await off())

    async def less() -> Verdict:
        return judge.thinking_low(await low(), await full())

    async def budget() -> Verdict:
        return await _budget(ask, await full())

    async def known() -> Verdict:
        return judge.known_answers([*enumerate(await full()), *enumerate(await off())])

    async def sound() -> Verdict:
        question = [{"role": "user", "content": LONG_QUESTION}]
        return judge.sound_text(await ask.streamed(question, "off", max_tokens=400))

    yield _Question("thinking-apart", f"{sent}, full thinking", apart)
    yield _Question("content", f"{sent}, full thinking and off", content)
    yield _Question("thinking-off", f"{sent} with enable_thinking false", none)
    yield _Question("thinking-low", f"{sent} with low_effort, and without", less)
    yield _Question("thinking-budget", f"thinking_token_budget {_BUDGET}", budget)
    yield _Question("known-answers", f"{sent} with known answers", known)
    yield _Question("sound-text", f"{LONG_QUESTION!r}, thinking off", sound)


def _tools(ask: Asker) -> Iterator[_Question]:
    """A call, whole and streamed, and what comes of its result."""
    sent = "a question with a tool, tool_choice auto"
    whole = _Once(lambda: tool_answer(ask))
    streamed = _Once(lambda: _with_tool(ask.streamed(_TOOL_QUESTION, "full", **_WITH_TOOL)))

    async def in_one() -> Verdict:
        return judge.tool_call(await whole())

    async def in_pieces() -> Verdict:
        return judge.tool_call(await streamed())

    yield _Question("tool-call", f"{sent}, not streamed", in_one)
    yield _Question("tool-call-streamed", f"{sent}, streamed", in_pieces)
    yield _Question("tool-result", f"the tool's result, {TOOL_SAID}", lambda: _result(ask, whole, streamed))


def _others(ask: Asker, room: int | None) -> Iterator[_Question]:
    """Anthropic's API, and the two ends of the context; last the one that some servers die of."""
    sent = f"{KNOWN[0].question!r} to /v1/messages"
    yield _Question("messages-api", sent, lambda: anthropic_answer(ask))
    yield _Question("messages-streamed", f"{sent}, streamed", lambda: anthropic_streamed(ask))
    for name, act, size in (("over-long-input", over_long_input, "110 %"), ("long-input", long_input, "95 %")):
        sent = f"a prompt of {size} of the context ({room or 'n/a'} tokens)"
        yield _Question(name, sent, partial(_long, act, ask, room))


async def _long(act: Callable[[Asker, int], Awaitable[Verdict]], ask: Asker, room: int | None) -> Verdict:
    if room is None:
        return Verdict(status="skipped", found="the server does not say how long its context is")
    return await act(ask, room)


async def _name(models: Sequence[ServedModel], model: str, first: _Once[Said]) -> Verdict:
    names = ", ".join(m.id for m in models[:8]) or "none"
    if all(m.id != model for m in models):
        means = "Requests for it get HTTP 404."
        fix = f"Ask for one of: {names}; or start it with `--served-model-name {model}`."
        return Verdict(status="fail", found=f"/v1/models lists {names}", means=means, fix=fix)
    await first()
    return Verdict(status="ok", found=f"it is listed, and answers (of {names})" if len(models) > 1 else "it answers")


def _message(ask: Asker) -> dict[str, Any]:
    return {"max_tokens": ask.most_tokens, "messages": _user(0)}


async def anthropic_answer(ask: Asker) -> Verdict:
    """One message to /v1/messages."""
    return judge_message(await ask.post(MESSAGES, _message(ask)))


async def anthropic_streamed(ask: Asker) -> Verdict:
    """The same as a stream, which is how Claude Code asks."""
    return judge_stream(await ask.events(MESSAGES, {**_message(ask), "stream": True}))


async def _budget(ask: Asker, unbounded: Sequence[Said]) -> Verdict:
    try:
        answer = await ask.streamed(_user(len(KNOWN) - 1), "full", thinking_token_budget=_BUDGET)
    except FailedError as error:
        if not error.problem.kind.startswith("http_4"):
            raise
        means = "A request that sets a budget is refused; it is not ignored."
        fix = f"Use a vLLM that has it (0.32 does). {judge.REASONING_FLAG}"
        return Verdict(status="warn", found=error.problem.message, means=means, fix=fix)
    return judge.budget(answer, _BUDGET, unbounded)


async def _result(ask: Asker, whole: _Once[Said], streamed: _Once[Said]) -> Verdict:
    calls: list[ToolCall] = []
    for answer in (whole, streamed):
        try:
            calls += (await answer()).calls[:1]
        except NemotuiError:
            continue
    if not calls:
        return Verdict(status="skipped", found="no call came whose result could be sent")
    function = {"name": calls[0].name, "arguments": calls[0].arguments}
    messages: list[Mapping[str, Any]] = [
        *_TOOL_QUESTION,
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": _CALL_ID, "type": "function", "function": function}],
        },
        {"role": "tool", "tool_call_id": _CALL_ID, "content": TOOL_SAID},
    ]
    return judge.tool_result(await ask.streamed(messages, "full", **_WITH_TOOL))


async def tool_answer(ask: Asker) -> Said:
    """What comes of a question with a tool, not streamed."""
    return await _with_tool(ask.whole(_TOOL_QUESTION, "full", **_WITH_TOOL))


async def _with_tool(answer: Awaitable[Said]) -> Said:
    """A refusal of `auto` is told with the flags that allow it."""
    try:
        return await answer
    except FailedError as error:
        problem = error.problem
        if not problem.kind.startswith("http_4"):
            raise
        raise FailedError(problem.kind, problem.message, TOOL_FLAGS) from None


async def _all_known(ask: Asker, mode: Mode) -> list[Said]:
    """All the short questions at once."""
    answers = (ask.streamed(_user(number), mode) for number in range(len(KNOWN)))
    said = await asyncio.gather(*answers, return_exceptions=True)
    for each in said:
        if isinstance(each, BaseException):
            raise each
    return [each for each in said if isinstance(each, Said)]


def _user(number: int) -> list[dict[str, Any]]:
    return [{"role": "user", "content": KNOWN[number].question}]


async def _asked(answer: Awaitable[T]) -> Callable[[], T]:
    """What came, to be had as often as it is needed, or what was raised."""
    try:
        value = await answer
    except NemotuiError as error:
        return _raising(error)
    return lambda: value


def _raising(error: NemotuiError) -> Callable[[], Any]:
    def again() -> Any:
        raise error

    return again


async def checked(name: str, sent: str, made: Callable[[], Verdict | Awaitable[Verdict]]) -> TrustCheck:
    """A judgement beside its question; a request that fails is a check that fails."""
    try:
        made_of = made()
        verdict = made_of if isinstance(made_of, Verdict) else await made_of
    except NemotuiError as error:
        problem = error.problem
        verdict = Verdict(status="fail", found=problem.message, means="The request was not answered.", fix=problem.fix)
    return TrustCheck(
        name=name,
        status=verdict.status,
        sent=sent,
        found=plain_line(verdict.found, limit=300),
        means=verdict.means,
        fix=verdict.fix,
    )
