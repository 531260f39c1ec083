"""One plan in words: why this verdict, how it fills a GPU's memory, and its command flag by flag."""

from __future__ import annotations

import shlex
import textwrap

from textual.content import Content

from nemotui.core.guide import differences
from nemotui.core.judge import Held
from nemotui.core.measured import MeasuredStart
from nemotui.core.memory import GIB, MemoryPlan
from nemotui.core.plan import Plan, docker_run, plan_flags
from nemotui.core.predict import Prediction
from nemotui.core.recommend import Recommendation
from nemotui.core.show import band, gib, gpu_list, number, shell
from nemotui.ui.states.deploy import Choice
from nemotui.ui.widgets.bar import stacked
from nemotui.ui.widgets.plans import verdict_words

_BAR = 100  # cells, at most
_SOURCES = {
    "published": "published for this hardware",
    "measured": "measured here",
    "computed": "computed",
}


def plan_words(choice: Choice, width: int) -> Content:
    """What it is and why, wrapped to `width` cells."""
    plan = choice.plan
    if plan is None:
        command = shell(docker_run(choice.spec), width) if choice.spec else ""
        return Content.assemble(("The container that --no-gpu asks for\n\n", "bold"), (command, "$muted"))
    words, colour = verdict_words(choice)
    copies = f" × {plan.data_parallel_size} copies" if plan.data_parallel_size > 1 else ""
    where = f" on GPU {gpu_list(choice.gpus)}" if choice.gpus else ""
    title = Content.assemble(
        (f"{plan.variant}, TP {plan.tensor_parallel_size}{copies}{where}", "bold"),
        f", {plan.max_model_len:,} tokens of context  ",
        (words, f"${colour}"),
    )
    why = [_paragraph("· ", reason, width, "$foreground") for reason in plan.reasons]
    if plan.would_fit_if:
        why.append(_paragraph("→ ", plan.would_fit_if, width, "bold $accent"))
    sentence = _paragraph("", plan.summary, width, "$accent")
    # What a refusal is about comes first; what a plan would give stands where a small screen still has room for it.
    parts = [title, *why] if plan.verdict == "no" else [title, sentence]
    if plan.predicted:
        parts += _expected(plan.predicted, width)
    if plan.memory:
        parts += [Content(""), *_memory(plan.memory, plan.held, min(width, _BAR))]
        parts += [Content(""), *_at_once(plan)] if plan.memory.blocks else []
    parts += [] if plan.verdict == "no" else [Content(""), *why]
    if plan.measured and plan.planned:
        parts += [Content(""), *_beside(plan.planned, plan.measured, plan.max_model_len)]
    return Content("\n").join(parts)


def command_words(choice: Choice, width: int) -> Content | None:
    """Its command flag by flag, and beside the guide's; None where there is none."""
    plan = choice.plan.plan if choice.plan else None
    if plan is None:
        return None
    return Content("\n").join([*flags_words(plan, width), Content(""), *guide_words(plan, width)])


def _paragraph(sign: str, text: str, width: int, style: str) -> Content:
    lines = textwrap.wrap(text, max(20, width), initial_indent=sign, subsequent_indent=" " * len(sign))
    return Content.styled("\n".join(lines), style)


def _memory(memory: MemoryPlan, held: Held | None, width: int) -> list[Content]:
    """One GPU's memory as a bar, the fullest where others hold some, its legend, and what the pool is enough for."""
    parts = [
        (held.count if held else 0, "░", "$warning", "others"),
        (memory.weights, "█", "$primary", "weights"),
        (memory.overhead, "▓", "$secondary", "vLLM"),
        (max(0, memory.pool), "▒", "$accent", "requests"),
    ]
    unused = memory.total - sum(size for size, *_ in parts)
    lacking = max(-unused, -memory.pool)
    legend = [Content.assemble((sign, style), f" {name} {size / GIB:.1f}") for size, sign, style, name in parts if size]
    if lacking > 0:
        legend.append(Content.styled(f"✖ {lacking / GIB:.1f} over", "$error"))
    else:
        legend.append(Content.assemble(("─", "$muted"), f" spare {unused / GIB:.1f}"))
    whose = f"GPU {held.gpu}" if held else "each GPU"
    return [
        Content.assemble(
            (f"Memory of {whose}, {memory.total / GIB:.1f} GiB: ", "$muted"),
            f"{memory.blocks:,} blocks of {memory.block_tokens:,} tokens" if memory.blocks else "no room to serve",
        ),
        stacked([(size, sign, style) for size, sign, style, _ in parts], memory.total, width),
        Content("  ").join([Content.styled("GiB", "$muted"), *legend]),
        *([Content.assemble(("  ░ ", "$warning"), (held.by, "$muted"))] if held else []),
    ]


def _expected(predicted: Prediction, width: int) -> list[Content]:
    """What the published benchmark would give, and where that comes from."""
    ttft = (predicted.mean_ttft_ms[0] / 1e3, predicted.mean_ttft_ms[1] / 1e3)
    why = f": {predicted.weaker}" if predicted.weaker else ""
    return [
        Content.assemble(
            f"{band(predicted.output_throughput, 'tokens/s')}   TTFT {band(ttft, 's')}   ",
            f"ITL {band(predicted.mean_itl_ms, 'ms')}",
        ),
        _paragraph(
            "",
            f"expected with prompts of 8,192 tokens, answers of 1,024, 32 at once; {_SOURCES[predicted.source]},"
            f" ×/÷ {predicted.factor:g}{why}",
            width,
            "$muted",
        ),
    ]


def _at_once(plan: Recommendation) -> list[Content]:
    """How many requests of which length run at once."""
    counts = [
        (f"{tokens:,}", f"{count:,.0f}" if count >= 100 else f"{count:,.1f}") for tokens, count in plan.live_requests
    ]
    head, row = (f"{name:<18}" for name in ("Tokens a request", "Memory holds"))
    for tokens, count in counts:
        cells = max(len(tokens), len(count)) + 3
        head, row = head + tokens.rjust(cells), row + count.rjust(cells)
    limit = f"   --max-num-seqs lets {plan.most_at_once:,} run" if plan.capped else ""
    return [Content.styled(head, "$muted"), Content.assemble(row, (limit, "$muted"))]


def _beside(planned: MemoryPlan, start: MeasuredStart, context: int) -> list[Content]:
    """What was planned and what the last start here had."""
    logged = int(planned.live_requests(context) * context)
    took = start.overhead(planned)
    rows = [
        ("weights", gib(planned.weights), gib(start.weights_bytes)),
        ("vLLM besides", gib(planned.overhead), gib(took)),
        ("KV cache memory", gib(planned.pool), gib(start.kv_cache_bytes)),
        ("blocks", number(planned.blocks), number(start.blocks)),
        ("tokens a block", number(planned.block_tokens), number(start.block_tokens)),
        ("KV cache size, as vLLM logs it", number(logged), number(start.kv_cache_tokens)),
    ]
    title = f"Last start here, vLLM {start.version or 'n/a'}"
    head = f"{title:<32}{'planned':>12}{'got':>12}"
    return [
        Content.styled(head, "$muted"),
        *(Content(f"{name:<32}{before:>12}{got:>12}") for name, before, got in rows),
    ]


def flags_words(plan: Plan, width: int) -> list[Content]:
    """Every flag of the command, why, and who says so."""
    lines = [Content.styled("Each flag, and where it comes from", "bold")]
    for flag in plan_flags(plan):
        why = textwrap.wrap(f"{flag.why} [{flag.source}]", max(20, width - 4))
        words = textwrap.wrap(shlex.join(flag.words), max(20, width - 4), break_on_hyphens=False)
        lines.append(Content.styled("\n".join(f"  {line}" for line in words), "$primary"))
        lines.append(Content.styled("\n".join(f"    {line}" for line in why), "$muted"))
    return lines


def guide_words(plan: Plan, width: int) -> list[Content]:
    """What the published guide has in its place."""
    lines = [Content.styled("Different from the published guide", "bold")]
    for difference in differences(plan):
        said, here = difference.published or "not there", difference.here or "left out"
        lines.append(Content.assemble(f"  {said}", (" → ", "$accent"), here))
        why = textwrap.wrap(difference.why, max(20, width - 4))
        lines.append(Content.styled("\n".join(f"    {line}" for line in why), "$muted"))
    return lines
