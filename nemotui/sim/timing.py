"""How fast the pretend server is: fitted to a published row, or scaled from the nearest one."""

from __future__ import annotations

from nemotui.core.chip import Chip
from nemotui.core.models import Catalog, PublishedRow, VariantName
from nemotui.sim.batching import Timing

# The published rows are means at 32 at once, so they fix a decode step of 32 but not how it splits into a part that
# every step pays (weights read once, launches, all-reduce) and a part for each request. Assumed: the fixed part is as
# large as 16 requests' own, so a step of one takes 35 % of a step of 32. Nobody has published a second point.
BASE_IN_REQUESTS = 16


def fit(row: PublishedRow) -> Timing:
    """Solve a published row for the three constants of `Timing`.

    In a closed loop of c equal requests all prompts of a wave are prefilled one after another, then all decode
    together. With p seconds a prompt and d seconds a decode step of c:

        mean TTFT = p * (c + 1) / 2
        mean ITL  = d + p * (c - 1) / 2 / (output_len - 1)     (early prompts wait for the late ones)

    and throughput follows; it is within 4 % of the published figure in every row, the rest being the rounding of ITL
    to whole milliseconds.
    """
    c = row.max_concurrency
    p = row.mean_ttft_ms / 1000 / ((c + 1) / 2)
    d = row.mean_itl_ms / 1000 - p * (c - 1) / 2 / (row.output_len - 1)
    per_request = d / (BASE_IN_REQUESTS + c)
    return Timing(
        prefill_tokens_per_s=row.input_len / p,
        decode_base_s=BASE_IN_REQUESTS * per_request,
        decode_per_request_s=per_request,
    )


def timing_for(catalog: Catalog, chip: Chip, variant: VariantName, tensor_parallel_size: int) -> Timing:
    """The fitted row of this hardware, or the most alike row scaled to it.

    Prefill scales with dense BF16 FLOPs, decode with memory bandwidth and the size of a weight, each summed over the
    GPUs. A stand-in for a demo, no prediction.
    """
    row = min(
        catalog.published,
        key=lambda r: (r.chip != chip.name, r.variant != variant, abs(r.count - tensor_parallel_size)),
    )
    fitted = fit(row)
    if (row.chip, row.variant, row.tensor_parallel_size) == (chip.name, variant, tensor_parallel_size):
        return fitted
    theirs = next(c for c in catalog.chips if c.name == row.chip)
    flops = chip.bf16_flops * tensor_parallel_size / (theirs.bf16_flops * row.count)
    bandwidth = chip.bandwidth_bytes_per_s * tensor_parallel_size / (theirs.bandwidth_bytes_per_s * row.count)
    slower = _bits(catalog, variant) / _bits(catalog, row.variant) / bandwidth
    return Timing(
        prefill_tokens_per_s=fitted.prefill_tokens_per_s * flops,
        decode_base_s=fitted.decode_base_s * slower,
        decode_per_request_s=fitted.decode_per_request_s * slower,
    )


def _bits(catalog: Catalog, variant: VariantName) -> float:
    found = catalog.model.variant(variant)
    assert found is not None  # every published row names a variant of the model; the catalogue checks that
    return found.weight_bits
