"""One plan in words: why this verdict, how it fills a GPU's memory, and its command flag by flag."""

from __future__ import annotations

import shlex
import textwrap

from textual.content import Content

from nemotui.core.guide import differences
from nemotui.core.measured import MeasuredStart
from nemotui.core.memory import GIB, MemoryPlan
from nemotui.core.plan import Plan, docker_run, plan_flags
from nemotui.core.predict import Prediction
from nemotui.core.recommend import Recommendation
from nemotui.core.show import band, gib, number, shell
from nemotui.ui.states.deploy import Choice
from nemotui.ui.widgets.bar import stacked
from nemotui.ui.widgets.plans import gpu_list, verdict_words

_BAR = 100  # cells, at most
_SOURCES = {
    "published": "published for this hardware",
    "measured": "measured here",
    "computed": "computed",
}


def plan_words(choice: Choice, width: int) -> Content:
    """The whole of it, wrapped to `width` cells."""
    plan = choice.plan
    if plan is None:
        command = shell(docker_run(choice.spec), width) if choice.spec else ""
        return Content.assemble(("The container that --no-gpu asks for\n\n", "bold"), (command, "$muted"))
    words, colour = verdict_words(choice)
    copies = f" × {plan.data_parallel_size} copies" if plan.data_parallel_size > 1 else ""
    where = f" on GPU {gpu_list(choice.gpus)}" if choice.gpus else ""
    parts = [
        Content.assemble(
            (f"{plan.variant}, TP {plan.tensor_parallel_size}{copies}{where}", "bold"),
            f", {plan.max_model_len:,} tokens of context  ",
            (words, f"${colour}"),
        ),
        *(_paragraph("· ", reason, width, "$foreground") for reason in plan.reasons),
    ]
    if plan.would_fit_if:
        parts.append(_paragraph("→ ", plan.would_fit_if, width, "bold $accent"))
    if plan.predicted:
        parts += [Content(""), *_expected(plan.predicted)]
    if plan.memory:
        parts += [Content(""), *_memory(plan.memory, min(width, _BAR))]
        parts += [Content(""), *_at_once(plan)] if plan.memory.blocks else []
    if plan.measured and plan.planned:
        parts += [Content(""), *_beside(plan.planned, plan.measured, plan.max_model_len)]
    if plan.plan:
        parts += [Content(""), *_flags(plan.plan, width), Content(""), *_guide(plan.plan, width)]
    return Content("\n").join(parts)


def _paragraph(sign: str, text: str, width: int, style: str) -> Content:
    lines = textwrap.wrap(text, max(20, width), initial_indent=sign, subsequent_indent=" " * len(sign))
    return Content.styled("\n".join(lines), style)


def _memory(memory: MemoryPlan, width: int) -> list[Content]:
    """One GPU's memory as a bar, its legend, and what the pool is enough for."""
    parts = [
        (memory.weights, "█", "$primary", "weights"),
        (memory.overhead, "▓", "$secondary", "vLLM"),
        (max(0, memory.pool), "▒", "$accent", "requests"),
    ]
    unused = memory.total - sum(size for size, *_ in parts)
    whole = max(memory.total, memory.total - unused)
    legend = [Content.assemble((sign, style), f" {name} {size / GIB:.1f}") for size, sign, style, name in parts if size]
    if memory.pool < 0:
        legend.append(Content.styled(f"✖ {-memory.pool / GIB:.1f} too much", "$error"))
    else:
        legend.append(Content.assemble(("─", "$muted"), f" left alone {unused / GIB:.1f}"))
    return [
        Content.assemble(
            (f"Memory of each GPU, {memory.total / GIB:.1f} GiB: ", "$muted"),
            f"{memory.blocks:,} blocks of {memory.block_tokens:,} tokens" if memory.blocks else "no room to serve",
        ),
        stacked([(size, sign, style) for size, sign, style, _ in parts], whole, width),
        Content.assemble(("GiB  ", "$muted"), Content("   ").join(legend)),
    ]


def _expected(predicted: Prediction) -> list[Content]:
    """What the published benchmark would give, and where that comes from."""
    why = f": {predicted.weaker}" if predicted.weaker else ""
    ttft = (predicted.mean_ttft_ms[0] / 1e3, predicted.mean_ttft_ms[1] / 1e3)
    return [
        Content.styled("Expected with prompts of 8,192 tokens, answers of 1,024, 32 at once", "$muted"),
        Content.assemble(
            band(predicted.output_throughput, "tokens/s"),
            f"   TTFT {band(ttft, 's')}   ITL {band(predicted.mean_itl_ms, 'ms')}   ",
            (f"{_SOURCES[predicted.source]}, ×/÷ {predicted.factor:g}{why}", "$muted"),
        ),
    ]


def _at_once(plan: Recommendation) -> list[Content]:
    """How many requests of which length run at once."""
    counts = [
        (f"{tokens:,}", f"{count:,.0f}" if count >= 100 else f"{count:,.1f}") for tokens, count in plan.live_requests
    ]
    head, row = (f"{name:<18}" for name in ("Tokens a request", "At once"))
    for tokens, count in counts:
        cells = max(len(tokens), len(count)) + 3
        head, row = head + tokens.rjust(cells), row + count.rjust(cells)
    return [Content.styled(head, "$muted"), Content(row)]


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


def _flags(plan: Plan, width: int) -> list[Content]:
    """Every flag of the command, why, and who says so."""
    lines = [Content.styled("Each flag, and where it comes from", "bold")]
    for flag in plan_flags(plan):
        why = textwrap.wrap(f"{flag.why} [{flag.source}]", max(20, width - 4))
        lines.append(Content.styled(f"  {shlex.join(flag.words)}", "$primary"))
        lines.append(Content.styled("\n".join(f"    {line}" for line in why), "$muted"))
    return lines


def _guide(plan: Plan, width: int) -> list[Content]:
    """What the published guide has in its place."""
    lines = [Content.styled("Different from the published guide", "bold")]
    for difference in differences(plan):
        said, here = difference.published or "not there", difference.here or "left out"
        lines.append(Content.assemble(f"  {said}", (" → ", "$accent"), here))
        why = textwrap.wrap(difference.why, max(20, width - 4))
        lines.append(Content.styled("\n".join(f"    {line}" for line in why), "$muted"))
    return lines
