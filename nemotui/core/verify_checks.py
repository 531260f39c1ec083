"""The trust checks as judgements of answers alone: what came, what that means, and how to mend it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from nemotui.core.preflight_checks import Status
from nemotui.core.text import plain_line
from nemotui.core.verify_ask import Said
from nemotui.core.verify_text import KNOWN, call_in, marks_in, unsound

REASONING_FLAG: Final = "Start it with `--reasoning-parser nemotron_v3`."
TOOL_FLAGS: Final = "Start it with `--enable-auto-tool-choice --tool-call-parser qwen3_coder`."
_TEMPLATE: Final = "Serve the model's own chat template (no `--chat-template`) from its current revision."
_KERNELS: Final = (
    "Try other kernels (NVFP4: `--moe-backend flashinfer_cutlass` or `marlin`), `--kv-cache-dtype bfloat16`, "
    "or the FP8 variant, and check the weights: `nemotui pull`."
)
TOOL: Final = {
    "type": "function",
    "function": {
        "name": "get_time",
        "description": "The time now in a time zone.",
        "parameters": {
            "type": "object",
            "properties": {"tz": {"type": "string", "description": "for example UTC"}},
            "required": ["tz"],
        },
    },
}
TOOL_SAID: Final = "09:41"  # nothing that a model would guess


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustCheck:
    """One line: what was `sent`, what came (`found`), what it `means`, and how to `fix` it."""

    name: str
    status: Status
    sent: str
    found: str
    means: str = ""
    fix: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """A judgement without its question."""

    status: Status
    found: str
    means: str = ""
    fix: str = ""


def agree(streamed: Said, whole: Said) -> Verdict:
    """The same question, streamed and in one piece."""
    if streamed.parts != whole.parts:
        found = f"streamed: {_parts(streamed)}; whole: {_parts(whole)}"
        means = "A client that streams gets another answer than one that does not: a parser fails in one of them."
        return Verdict(status="fail", found=found, means=means, fix="Update vLLM, or use the mode that is right.")
    if streamed.words != whole.words:
        means = "Greedy answers may differ in rounding on a busy server; a lost piece of a stream looks the same."
        return Verdict(status="warn", found="the same parts in other words", means=means, fix="Verify an idle server.")
    return Verdict(status="ok", found=f"the same: {_parts(whole)}")


def thinking_off(answers: Sequence[Said]) -> Verdict:
    """With `enable_thinking` false nothing is thought."""
    thought = [a for a in answers if a.reasoning or a.thinking_tokens or marks_in(a.content or "")]
    if thought:
        found = f"{len(thought)} of {len(answers)} answers hold thinking ({_tokens(thought)} tokens)"
        means = "The mode is ignored: every answer is slower and costs more than was asked for."
        return Verdict(status="fail", found=found, means=means, fix=_TEMPLATE)
    return Verdict(status="ok", found=f"{len(answers)} answers without thinking")


def thinking_low(low: Sequence[Said], full: Sequence[Said]) -> Verdict:
    """Low effort thinks, and less than full."""
    if not _tokens(full):
        return Verdict(status="skipped", found="full thinking does not come apart, so there is nothing to compare")
    found = f"{_tokens(low)} thinking tokens with low effort, {_tokens(full)} in full"
    if not _tokens(low):
        means = "Low effort does not think at all: it is off under another name."
        return Verdict(status="fail", found=found, means=means, fix=_TEMPLATE)
    if _tokens(low) >= _tokens(full):
        means = "Low effort saves nothing: the chat template does not know it."
        return Verdict(status="fail", found=found, means=means, fix=_TEMPLATE)
    return Verdict(status="ok", found=found)


def thinking_apart(answers: Sequence[Said]) -> Verdict:
    """Thinking comes as `reasoning`, none of it in the content."""
    leaks = [mark for a in answers if (mark := marks_in(a.content or ""))]
    apart = sum(bool(a.reasoning) for a in answers)
    if leaks:
        found = f"{leaks[0]} stands in the content of {len(leaks)} of {len(answers)} answers"
        means = "Readers and programs get the thinking as if it were the answer."
        fix = f"Update vLLM: its parser loses the mark. {_OWN_PARSER}" if apart else REASONING_FLAG
        return Verdict(status="fail", found=found, means=means, fix=fix)
    if not apart:
        means = "Either it does not think, or the thinking is in the answer without a mark."
        return Verdict(status="fail", found="no answer came with reasoning", means=means, fix=REASONING_FLAG)
    if apart < len(answers):
        found = f"{len(answers) - apart} of {len(answers)} answers came without thinking"
        return Verdict(status="warn", found=found, means="The model may skip it; a lost part looks the same.")
    return Verdict(status="ok", found=f"{apart} answers with their thinking apart")


_OWN_PARSER: Final = "Or use no plugin file: `--reasoning-parser nemotron_v3` is built in."


def content(answers: Sequence[Said]) -> Verdict:
    """An answer that has ended says something."""
    empty = [a for a in answers if not a.content and not a.calls]
    cut = [a for a in empty if a.finish_reason == "length"]
    if len(empty) > len(cut):
        found = f"{len(empty) - len(cut)} of {len(answers)} answers ended without content (null or empty)"
        means = "Clients show nothing, or fail on null: the answer was lost, or taken for thinking."
        fix = 'Update vLLM; until then send `"chat_template_kwargs": {"force_nonempty_content": true}`.'
        return Verdict(status="fail", found=found, means=means, fix=fix)
    if cut:
        found = f"{len(cut)} of {len(answers)} answers ran out of tokens while thinking"
        means = "It thinks at length about short questions."
        return Verdict(status="warn", found=found, means=means, fix="Ask with more max_tokens, or low effort.")
    return Verdict(status="ok", found=f"{len(answers)} answers, none of them empty")


def budget(answer: Said, tokens: int, unbounded: Sequence[Said]) -> Verdict:
    """`thinking_token_budget` bounds the thinking; `unbounded` are answers without one."""
    thought = answer.thinking_tokens
    if not answer.reasoning and _tokens(unbounded) == 0:
        return Verdict(status="skipped", found="no thinking comes apart, so there is nothing to bound")
    if thought > tokens + 2:  # the mark that ends it, and the one that some versions count
        means = "The budget is ignored: a request can think until max_tokens."
        fix = "Use a vLLM that has thinking_token_budget, or low effort. `reasoning_budget` is another server's."
        return Verdict(status="fail", found=f"{thought} thinking tokens", means=means, fix=fix)
    if max((a.thinking_tokens for a in unbounded), default=0) <= tokens:
        found = f"{thought} thinking tokens, but it thinks no longer without a budget"
        return Verdict(status="warn", found=found, means="Whether the budget holds cannot be told.")
    return Verdict(status="ok", found=f"{thought} thinking tokens")


def tool_call(answer: Said) -> Verdict:
    """The tool is called, by name, with arguments that are JSON and hold what is required."""
    means = "Agents do not work on this server: the call is lost."
    if not answer.calls:
        if mark := call_in(answer.content or "") or call_in(answer.reasoning):
            found = f"the call stands in the text ({mark})"
            return Verdict(status="fail", found=found, means=means, fix=f"The parser does not fit. {TOOL_FLAGS}")
        found = f"no call came: {_parts(answer)}"
        fix = f"{TOOL_FLAGS} If it has them, update vLLM."
        return Verdict(status="fail", found=found, means=means, fix=fix)
    call = answer.calls[0]
    if call.name != "get_time":
        found = f"a call of {plain_line(call.name, limit=60)!r}, which was not offered"
        return Verdict(status="fail", found=found, means=means, fix=TOOL_FLAGS)
    try:
        arguments = json.loads(call.arguments)
    except (ValueError, RecursionError):
        arguments = None
    if not isinstance(arguments, dict) or not isinstance(arguments.get("tz"), str):
        found = f"arguments that do not fit: {plain_line(call.arguments, limit=80)!r}"
        return Verdict(status="fail", found=found, means=means, fix=f"The parser does not fit. {TOOL_FLAGS}")
    if answer.finish_reason not in ("tool_calls", None):
        found = f"the call came, but finish_reason is {plain_line(answer.finish_reason, limit=40)!r}"
        return Verdict(status="warn", found=found, means="Some clients do not look for the call then.")
    return Verdict(status="ok", found=f"get_time({plain_line(call.arguments, limit=60)})")


def tool_result(answer: Said) -> Verdict:
    """What a tool said is in the answer."""
    if TOOL_SAID.lstrip("0") in (answer.content or ""):
        return Verdict(status="ok", found=f"the answer has {TOOL_SAID}")
    means = "The model does not see what tools say, or does not use it: agents go round in circles."
    return Verdict(status="fail", found=f"{TOOL_SAID} is not in it: {_parts(answer)}", means=means, fix=_TEMPLATE)


def known_answers(answers: Sequence[tuple[int, Said]]) -> Verdict:
    """Short questions with known answers; each answer with the number of its question."""
    heard = [(KNOWN[number], said) for number, said in answers if said.content]
    wrong = [(known, said) for known, said in heard if not known.answered(said.content or "")]
    if not heard:
        return Verdict(status="skipped", found="no answer has content")
    found = f"{len(heard) - len(wrong)} of {len(heard)} right"
    if not wrong:
        return Verdict(status="ok", found=found)
    known, said = wrong[0]
    found += f"; to {known.question!r} it says {plain_line(' '.join((said.content or '').split()), limit=80)!r}"
    means = "Weights, kernels or quantization may be broken, though it reads fluently."
    status: Status = "fail" if len(wrong) * 4 > len(heard) else "warn"
    return Verdict(status=status, found=found, means=means, fix=_KERNELS)


def sound_text(answer: Said) -> Verdict:
    """A longer answer reads as a text."""
    if answer.content is None:
        return Verdict(status="skipped", found="no content came")
    if trouble := unsound(answer.content):
        means = "This is what broken kernels, weights or KV caches write."
        return Verdict(status="fail", found=trouble, means=means, fix=_KERNELS)
    return Verdict(status="ok", found=f"{len(answer.content.split())} words, none of them repeated without end")


def repeatable(first: Said, second: Said) -> Verdict:
    """The same greedy question twice."""
    if first.words == second.words:
        return Verdict(status="ok", found="the same text twice")
    means = "Greedy answers differ on a busy server; on an idle one kernels are not deterministic, or state leaks."
    fix = "Verify it while idle; then try `--no-enable-prefix-caching`."
    return Verdict(status="warn", found="two different texts", means=means, fix=fix)


def usage(whole: Said, streamed: Said) -> Verdict:
    """The counts are there, and add up."""
    fix = "Update vLLM; until then do not bill or budget by its counts."
    for kind, said in (("whole", whole), ("streamed", streamed)):
        if said.usage is None:
            means = "Costs and lengths cannot be counted."
            return Verdict(status="fail", found=f"no usage in the {kind} answer", means=means, fix=fix)
    counts, other = whole.usage, streamed.usage
    assert counts is not None
    assert other is not None
    thought = counts.reasoning_tokens
    wrong = ""
    if not counts.prompt_tokens or not counts.completion_tokens:
        wrong = f"{counts.prompt_tokens} prompt and {counts.completion_tokens} completion tokens for a real answer"
    elif whole.total_tokens != counts.prompt_tokens + counts.completion_tokens:
        wrong = f"{counts.prompt_tokens} + {counts.completion_tokens} is not {whole.total_tokens}"
    elif thought is not None and thought > counts.completion_tokens:
        wrong = f"{thought} thinking tokens among {counts.completion_tokens}"
    elif other.prompt_tokens != counts.prompt_tokens:
        wrong = f"{counts.prompt_tokens} prompt tokens whole, {other.prompt_tokens} streamed"
    elif whole.words == streamed.words and other.completion_tokens != counts.completion_tokens:
        wrong = f"{counts.completion_tokens} completion tokens whole, {other.completion_tokens} streamed"
    if wrong:
        return Verdict(status="fail", found=wrong, means="The counts do not add up.", fix=fix)
    said_thought = "" if thought is None else f", {thought} of them thinking"
    found = f"{counts.prompt_tokens} + {counts.completion_tokens}{said_thought} = {whole.total_tokens}"
    return Verdict(status="ok", found=found)


def _tokens(answers: Sequence[Said]) -> int:
    return sum(a.thinking_tokens if a.reasoning else 0 for a in answers)


def _parts(said: Said) -> str:
    there = [
        *(["thinking"] if said.reasoning else []),
        *(["content"] if said.content else ["no content"]),
        *(f"a call of {plain_line(call.name, limit=40)}" for call in said.calls),
    ]
    return f"{', '.join(there)} ({plain_line(said.finish_reason or 'no finish reason', limit=40)})"
