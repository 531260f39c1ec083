"""One plan in words: why this verdict, what would change it, and how it fills a GPU's memory."""

from __future__ import annotations

import textwrap

from textual.content import Content

from nemotui.core.memory import GIB, TYPICAL_TOKENS, MemoryPlan
from nemotui.core.plan import docker_run
from nemotui.core.show import shell
from nemotui.ui.states.deploy import Choice
from nemotui.ui.widgets.bar import stacked
from nemotui.ui.widgets.plans import gpu_list, verdict_words

_BAR = 100  # cells, at most


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
    if plan.memory:
        parts += [Content(""), *_memory(plan.memory, min(width, _BAR))]
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
    live = memory.live_requests(TYPICAL_TOKENS)
    return [
        Content.assemble(
            (f"Memory of each GPU, {memory.total / GIB:.1f} GiB: ", "$muted"),
            f"room for {live:,.0f} requests of {TYPICAL_TOKENS:,} tokens at once" if live >= 1 else "no room to serve",
        ),
        stacked([(size, sign, style) for size, sign, style, _ in parts], whole, width),
        Content.assemble(("GiB  ", "$muted"), Content("   ").join(legend)),
    ]
