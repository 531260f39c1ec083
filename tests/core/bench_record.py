"""One request whose chunk times are known, and what was asked."""

from __future__ import annotations

from nemotui.core.bench import BenchSpec, RequestRecord

SPEC = BenchSpec(base_url="http://127.0.0.1:8000", model="m", input_len=8, output_len=4, num_prompts=2)

# Role chunk at 1 ms, three reasoning and content chunks at 100, 110 and 130 ms, the finish in a chunk of its own at
# 131 ms, usage at 132 ms. Two of the four tokens came in the chunk at 130 ms.
RECORD = RequestRecord(
    index=0,
    scheduled_s=1.0,
    sent_s=1.5,
    ttfb_us=1_000,
    ttft_us=100_000,
    ttfa_us=110_000,
    e2el_us=131_000,
    end_us=132_000,
    token_us=(100_000, 110_000, 130_000),
    other_us=(1_000, 131_000),
    prompt_tokens=20,
    completion_tokens=4,
    finish_reason="length",
)
