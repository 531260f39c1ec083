"""Trust checks of a running server: what is fast and wrong is found before anybody relies on it.

They see HTTP only, on a server that is idle, and ask few and short questions but for the two about the context.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from nemotui.core import verify_checks as judge
from nemotui.core.chat import Mode, ToolCall
from nemotui.core.errors import FailedError, NemotuiError
from nemotui.core.ports import ModelServer, ServedModel
from nemotui.core.text import plain_line
from nemotui.core.verify_ask import MOST_TOKENS, Asker, Said
from nemotui.core.verify_checks import TOOL, TOOL_FLAGS, TOOL_SAID, TrustCheck, Verdict
from nemotui.core.verify_context import long_input, over_long_input
from nemotui.core.verify_text import KNOWN, LONG_QUESTION

_BUDGET: Final = 10  # tokens
_TOOL_QUESTION: Final = [{"role": "user", "content": "What time is it in UTC? Use the tool."}]
_WITH_TOOL: Final[Mapping[str, Any]] = {"tools": [TOOL], "tool_choice": "auto"}
_CALL_ID: Final = "call-0"

T = TypeVar("T")


async def verify(server: ModelServer, model: str) -> AsyncGenerator[TrustCheck, None]:
    """Each check as it is made. Raises `NothingThereError` where no server answers."""
    models = await server.models()
    served = next((m for m in models if m.id == model), None)
    room = served.max_model_len if served else None
    ask = Asker(server, model, most_tokens=min(MOST_TOKENS, room // 2) if room else MOST_TOKENS)
    first = await _asked(ask.whole(_user(0), "full"))
    name = await checked(
        "served-name", f"{model!r} to /v1/models and as a request", lambda: _name(models, model, first)
    )
    yield name
    if name.status == "fail":
        return  # nothing else can be asked
    for group in (_first_answers(ask, first), _modes(ask), _tools(ask), _others(ask, room)):
        async for check in group:
            yield check


async def _first_answers(ask: Asker, first: Callable[[], Said]) -> AsyncGenerator[TrustCheck, None]:
    """One question, whole and streamed and again."""
    sent = f"{KNOWN[0].question!r}, greedy, full thinking"
    streamed = await _asked(ask.streamed(_user(0), "full"))
    yield await checked("streaming", f"{sent}: streamed and not", lambda: judge.agree(streamed(), first()))
    yield await checked("usage", f"{sent}: its counts", lambda: judge.usage(first(), streamed()))
    again = await _asked(ask.whole(_user(0), "full"))
    yield await checked("repeatable", f"{sent}: twice", lambda: judge.repeatable(first(), again()))


async def _modes(ask: Asker) -> AsyncGenerator[TrustCheck, None]:
    """The same questions in each mode, and a budget."""
    full = await _asked(_questions(ask, "full"))
    sent = f"{len(KNOWN)} short questions"
    yield await checked("thinking-apart", f"{sent}, full thinking", lambda: judge.thinking_apart(full()))
    off = await _asked(_questions(ask, "off"))
    yield await checked("content", f"{sent}, full thinking and off", lambda: judge.content([*full(), *off()]))
    yield await checked("thinking-off", f"{sent} with enable_thinking false", lambda: judge.thinking_off(off()))
    low = await _asked(_questions(ask, "low"))
    yield await checked(
        "thinking-low", f"{sent} with low_effort, and without", lambda: judge.thinking_low(low(), full())
    )
    yield await checked("thinking-budget", f"thinking_token_budget {_BUDGET}", lambda: _budget(ask, full()))
    both = f"{sent} with known answers"
    yield await checked("known-answers", both, lambda: judge.known_answers([*enumerate(full()), *enumerate(off())]))
    long = await _asked(ask.streamed([{"role": "user", "content": LONG_QUESTION}], "off", max_tokens=400))
    yield await checked("sound-text", f"{LONG_QUESTION!r}, thinking off", lambda: judge.sound_text(long()))


async def _tools(ask: Asker) -> AsyncGenerator[TrustCheck, None]:
    """A call, whole and streamed, and what comes of its result."""
    sent = "a question with a tool, tool_choice auto"
    whole = await _asked(tool_answer(ask))
    yield await checked("tool-call", f"{sent}, not streamed", lambda: judge.tool_call(whole()))
    streamed = await _asked(_with_tool(ask.streamed(_TOOL_QUESTION, "full", **_WITH_TOOL)))
    yield await checked("tool-call-streamed", f"{sent}, streamed", lambda: judge.tool_call(streamed()))
    yield await checked("tool-result", f"the tool's result, {TOOL_SAID}", lambda: _result(ask, whole, streamed))


async def _others(ask: Asker, room: int | None) -> AsyncGenerator[TrustCheck, None]:
    """Anthropic's API, and the two ends of the context; last the one that some servers die of."""
    yield await checked("messages-api", f"{KNOWN[0].question!r} to /v1/messages", lambda: anthropic_answer(ask))
    for name, act, size in (("over-long-input", over_long_input, "110 %"), ("long-input", long_input, "95 %")):
        sent = f"a prompt of {size} of the context ({room or 'n/a'} tokens)"
        if room is None:
            said = "the server does not say how long its context is"
            yield TrustCheck(name=name, status="skipped", sent=sent, found=said)
        else:
            yield await checked(name, sent, lambda act=act, room=room: act(ask, room))  # type: ignore[misc]


def _name(models: Sequence[ServedModel], model: str, first: Callable[[], Said]) -> Verdict:
    names = ", ".join(m.id for m in models[:8]) or "none"
    if all(m.id != model for m in models):
        means = "Requests for it get HTTP 404."
        fix = f"Ask for one of: {names}; or start it with `--served-model-name {model}`."
        return Verdict(status="fail", found=f"/v1/models lists {names}", means=means, fix=fix)
    first()
    return Verdict(status="ok", found=f"it is listed, and answers (of {names})" if len(models) > 1 else "it answers")


async def anthropic_answer(ask: Asker) -> Verdict:
    """One message to /v1/messages."""
    return judge.anthropic(await ask.post("/v1/messages", {"max_tokens": ask.most_tokens, "messages": _user(0)}))


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


async def _result(ask: Asker, whole: Callable[[], Said], streamed: Callable[[], Said]) -> Verdict:
    calls: list[ToolCall] = []
    for answer in (whole, streamed):
        try:
            calls += answer().calls[:1]
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


async def _questions(ask: Asker, mode: Mode) -> list[Said]:
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
