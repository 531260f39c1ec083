"""The memory plan against the arithmetic by hand, a table of real boards, and real starts of vLLM."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.catalog import load_catalog
from nemotui.core.choices import KV_DTYPES
from nemotui.core.memory import GIB, UNIFIED_UTILIZATION, KvDtype, MemoryPlan, plan_memory

MIB = 1 << 20
MODEL = load_catalog().model
TOTAL_GIB = {
    "H100": 79.2,
    "A100-80": 79.2,
    "A100-40": 39.4,
    "H200": 139.8,
    "B200": 178.4,
    "B300": 267.9,
    "L40S": 44.5,
    "RTX PRO 6000": 95.0,
    "GB10": 119.7,
}


def plan(
    variant: str,
    kv: KvDtype,
    tp: int,
    total: float,
    *,
    mtp: int = 0,
    utilization: float = 0.92,
    prefix_caching: bool = True,
) -> MemoryPlan:
    found = MODEL.variant(variant)
    assert found is not None
    return plan_memory(
        MODEL,
        found,
        total=int(total),
        tensor_parallel_size=tp,
        kv_dtype=kv,
        mtp_tokens=mtp,
        utilization=utilization,
        prefix_caching=prefix_caching,
    )


def test_one_gpu_by_hand() -> None:
    """FP8 on one H200: 114.0 GiB of weights, and a state of 10240·3·2 + 128·64·128·4 bytes a layer."""
    m = plan("FP8", "fp8", 1, 150_109_880_320)
    assert m.kv_bytes_per_token == 2 * 2 * 128 * 1
    assert m.state_bytes == 61_440 + 4_194_304
    assert m.state_bytes_per_sequence / MIB == pytest.approx(162.3, abs=0.05)
    assert m.block_tokens == 8320  # 4,255,744 / 512 = 8312, up to a multiple of 16
    assert m.block_bytes == 8320 * 512 * 8
    assert m.budget == 138_101_089_894
    assert m.pool == 138_101_089_894 - 122_400_000_000 - 4 * GIB
    assert m.blocks == 334
    assert m.max_num_seqs == 256  # 0.8 · 334 = 267
    assert m.tight  # 10.6 of 139.8 GiB


def test_above_tp_2_the_kv_heads_are_copied() -> None:
    assert [plan("FP8", "fp8", tp, 80 * GIB).kv_bytes_per_token for tp in (1, 2, 4, 8)] == [512, 256, 256, 256]


@pytest.mark.parametrize(("tp", "mib"), [(1, 32.5), (2, 16.25), (4, 8.125), (8, 4.0625)])
def test_the_block_halves_with_each_doubling_of_tp(tp: int, mib: float) -> None:
    assert plan("FP8", "fp8", tp, 80 * GIB).block_bytes == mib * MIB


def test_ten_tokens_pin_eleven_blocks() -> None:
    assert plan("FP8", "fp8", 1, 140 * GIB).blocks_for(10) == 1 + 5 * 2
    assert plan("FP8", "fp8", 1, 140 * GIB, prefix_caching=False).blocks_for(10) == 1 + 5
    assert plan("FP8", "fp8", 1, 140 * GIB, mtp=3).blocks_for(10) == 1 + 5 * 5
    assert plan("FP8", "fp8", 1, 140 * GIB, mtp=3, prefix_caching=False).blocks_for(10) == 1 + 5 * 4


# count, chip, variant, KV dtype, weights GiB; then without and with three speculated tokens: pool GiB, blocks,
# full contexts at once, benchmark requests (8192 + 1024 tokens) at once. vLLM 0.33 rules, prefix caching on.
_Row = tuple[float, int, str, str]
CAPACITY: list[tuple[int, str, str, KvDtype, float, _Row, _Row | None]] = [
    (2, "H100", "FP8", "fp8", 57.0, (9.8, 620, "14.8", "51"), (7.1, 392, "6.9", "14")),
    (2, "H100", "NVFP4", "fp8", 34.7, (32.1, 2023, "48", "168"), (29.4, 1623, "28", "60")),
    (4, "H100", "BF16", "fp8", 56.2, (10.7, 1345, "18", "103"), (9.3, 1026, "11.7", "36")),
    (4, "H100", "FP8", "fp8", 28.5, (38.4, 4833, "65", "371"), (37.0, 4080, "46", "145")),
    (1, "H200", "NVFP4", "fp8", 69.5, (55.1, 1736, "41", "145"), (49.6, 1371, "24", "51")),
    (1, "H200", "FP8", "fp8", 114.0, (10.6, 334, "8.0", "28"), (5.1, 141, "2.5", "5.2")),
    (2, "H200", "FP8", "fp8", 57.0, (65.6, 4133, "98", "344"), (62.9, 3474, "61", "128")),
    (2, "H200", "BF16", "bfloat16", 112.4, (10.2, 644, "8.7", "49"), (7.5, 413, "4.7", "14")),
    (1, "B200", "NVFP4", "fp8", 69.5, (90.6, 2855, "68", "238"), (85.1, 2353, "41", "87")),
    (2, "B200", "NVFP4", "fp8", 34.7, (123.4, 7774, "185", "647"), (120.6, 6667, "117", "246")),
    (1, "B200", "FP8", "fp8", 114.0, (46.1, 1453, "35", "121"), (40.6, 1123, "20", "42")),
    (2, "B200", "FP8", "fp8", 57.0, (101.1, 6371, "151", "530"), (98.4, 5436, "95", "201")),
    (1, "B300", "FP8", "fp8", 114.0, (128.5, 4047, "96", "337"), (123.0, 3398, "60", "126")),
    (1, "B300", "BF16", "bfloat16", 224.8, (17.7, 556, "7.5", "43"), (12.2, 336, "3.8", "12")),
    (4, "A100-80", "BF16", "bfloat16", 56.2, (10.7, 1345, "9.8", "89"), (9.3, 1026, "6.8", "34")),
    (8, "A100-40", "BF16", "bfloat16", 28.1, (2.2, 542, "2.1", "29"), (1.5, 323, "1.2", "10")),
    (4, "A100-40", "NVFP4", "bfloat16", 17.4, (12.9, 1622, "11.8", "108"), (11.5, 1269, "8.5", "42")),
    (4, "L40S", "NVFP4", "fp8", 17.4, (17.6, 2214, "30", "170"), (16.2, 1787, "20", "63")),
    (4, "L40S", "FP8", "fp8", 28.5, (6.4, 810, "11", "62"), (5.1, 558, "6.3", "19")),
    (1, "RTX PRO 6000", "NVFP4", "fp8", 69.5, (13.9, 437, "10.4", "36"), (8.4, 232, "4.1", "8.6")),
    (2, "RTX PRO 6000", "FP8", "fp8", 57.0, (24.4, 1536, "37", "128"), (21.6, 1196, "21", "44")),
    (1, "GB10", "NVFP4", "fp8", 69.5, (22.3, 701, "17", "58"), None),
]


@pytest.mark.parametrize(
    ("count", "chip", "variant", "kv", "weights", "mtp", "row"),
    [
        (count, chip, variant, kv, weights, mtp, row)
        for count, chip, variant, kv, weights, plain, speculated in CAPACITY
        for mtp, row in ((0, plain), (3, speculated))
        if row
    ],
)
def test_the_capacity_table(
    count: int, chip: str, variant: str, kv: KvDtype, weights: float, mtp: int, row: _Row
) -> None:
    utilization = UNIFIED_UTILIZATION if chip == "GB10" else 0.92
    m = plan(variant, kv, count, TOTAL_GIB[chip] * GIB, mtp=mtp, utilization=utilization)
    pool, blocks, full, typical = row
    # The table's weights are without the 5.48 GiB of MTP, and its figures are rounded to what is printed.
    assert m.weights / GIB == pytest.approx(weights + (5.48 / count if mtp else 0), abs=0.06)
    assert m.pool / GIB == pytest.approx(pool, abs=0.1)
    assert m.blocks == pytest.approx(blocks, rel=0.01)
    for printed, tokens in ((full, 262_144), (typical, 9_216)):
        last_digit = 0.1 if "." in printed else 1
        assert m.live_requests(tokens) == pytest.approx(float(printed), rel=0.01, abs=last_digit)


def test_one_h100_holds_no_variant() -> None:
    m = plan("NVFP4", "fp8", 1, 79.2 * GIB)
    assert m.pool / GIB == pytest.approx(-0.6, abs=0.06)
    assert m.blocks == 0
    assert m.max_num_seqs == 0
    assert not m.fits(1)


class TestRealStart:
    """vLLM 0.24.0 on a real H200 with dummy weights: what its log and `vllm:cache_config_info` said."""

    TOTAL = 150_109_880_320

    def test_fp8(self) -> None:
        m = plan("FP8", "fp8", 1, self.TOTAL)
        assert m.weights / GIB == pytest.approx(114.21, rel=0.002)
        assert m.block_tokens == 8320
        assert m.block_bytes == 32.5 * MIB
        assert m.blocks == pytest.approx(331, rel=0.01)
        assert self.taught(m, "FP8", pool_gib=10.52).blocks == 331

    def test_nvfp4(self) -> None:
        m = plan("NVFP4", "fp8", 1, self.TOTAL)
        assert m.weights / GIB == pytest.approx(68.27, rel=0.02)
        assert m.block_tokens == 8320
        assert m.blocks == pytest.approx(1757, rel=0.015)
        assert self.taught(m, "NVFP4", pool_gib=55.79).blocks == 1757

    def test_release_0_24_logs_one_thing_and_holds_another(self) -> None:
        """Its log said 1.72x for 262,144 tokens; running requests held 6 blocks, 7 past 8,320 tokens: 47 of 9,216."""
        found = MODEL.variant("FP8")
        assert found is not None
        m = plan_memory(
            MODEL, found, total=self.TOTAL, tensor_parallel_size=1, kv_dtype="fp8", all_states=True, overhead=0
        )
        assert (m.blocks_for(10), m.blocks_for(8320), m.blocks_for(8321)) == (6, 6, 7)
        assert 331 / m.blocks_to_start(262_144) == pytest.approx(1.72, abs=0.005)
        assert 331 // m.blocks_for(9216) == 47

    def test_two_h100_had_524_blocks_at_nine_tenths(self) -> None:
        m = plan("FP8", "fp8", 2, 79.2 * GIB, utilization=0.9)
        assert m.blocks == pytest.approx(524, rel=0.01)
        assert m.max_num_seqs == 256  # where the default of 1024 kills the start

    @staticmethod
    def taught(before: MemoryPlan, variant: str, *, pool_gib: float) -> MemoryPlan:
        found = MODEL.variant(variant)
        assert found is not None
        # The log rounds to hundredths of a GiB.
        overhead = before.budget - before.weights - round(pool_gib * GIB)
        return plan_memory(MODEL, found, total=before.total, tensor_parallel_size=1, kv_dtype="fp8", overhead=overhead)


totals = st.integers(16 * GIB, 300 * GIB)
sizes = st.sampled_from([1, 2, 4, 8])
variants = st.sampled_from(["NVFP4", "FP8", "BF16"])
kv_dtypes: st.SearchStrategy[KvDtype] = st.sampled_from(["fp8", "bfloat16"])
speculated = st.integers(0, 7)
contexts = st.integers(1, 1_048_576)


@given(totals, st.integers(0, 100 * GIB), sizes, variants, kv_dtypes, speculated)
def test_more_memory_never_means_fewer_blocks(
    total: int, more: int, tp: int, variant: str, kv: KvDtype, mtp: int
) -> None:
    less, larger = (plan(variant, kv, tp, t, mtp=mtp) for t in (total, total + more))
    assert 0 <= less.blocks <= larger.blocks
    assert 0 <= less.max_num_seqs <= larger.max_num_seqs <= 256


@given(totals, st.sampled_from([(1, 2), (2, 4), (4, 8)]), variants, kv_dtypes, speculated)
def test_more_gpus_never_mean_fewer_blocks(
    total: int, steps: tuple[int, int], variant: str, kv: KvDtype, mtp: int
) -> None:
    fewer, more = (plan(variant, kv, tp, total, mtp=mtp) for tp in steps)
    assert more.weights < fewer.weights
    assert more.blocks >= fewer.blocks


@given(totals, sizes, variants, kv_dtypes, contexts, contexts)
def test_a_longer_request_never_needs_less(
    total: int, tp: int, variant: str, kv: KvDtype, one: int, other: int
) -> None:
    m = plan(variant, kv, tp, total)
    shorter, longer = sorted((one, other))
    assert m.blocks_for(shorter) <= m.blocks_for(longer)
    assert m.live_requests(shorter) >= m.live_requests(longer)
    assert m.fits(shorter) or not m.fits(longer)


@given(totals, sizes, variants, kv_dtypes, speculated, contexts)
def test_what_fits_satisfies_every_inequality(
    total: int, tp: int, variant: str, kv: KvDtype, mtp: int, context: int
) -> None:
    m = plan(variant, kv, tp, total, mtp=mtp)
    if m.fits(context):
        assert m.weights + m.overhead + m.blocks * m.block_bytes <= m.budget <= m.total
        assert m.blocks_for(context) <= m.blocks
        assert 1 <= m.max_num_seqs <= m.blocks
        assert m.block_tokens * m.kv_bytes_per_token >= m.state_bytes  # a block holds a state


@given(totals, sizes, variants, kv_dtypes)
def test_speculation_costs(total: int, tp: int, variant: str, kv: KvDtype) -> None:
    without, with_mtp = plan(variant, kv, tp, total), plan(variant, kv, tp, total, mtp=3)
    assert with_mtp.blocks <= without.blocks
    assert with_mtp.blocks_for(1) > without.blocks_for(1)


@given(totals, sizes, st.integers(1, 8), variants, kv_dtypes)
def test_copies_share_the_experts_and_nothing_else(total: int, tp: int, dp: int, variant: str, kv: KvDtype) -> None:
    found = MODEL.variant(variant)
    assert found is not None
    alone, copies = (
        plan_memory(MODEL, found, total=total, tensor_parallel_size=tp, data_parallel_size=n, kv_dtype=kv, overhead=0)
        for n in (1, dp)
    )
    experts = MODEL.routed_parameters * found.weight_bits / 8
    assert copies.weights * tp == pytest.approx(found.loaded_bytes - experts + experts / dp, abs=tp)
    assert copies.blocks >= alone.blocks
    assert copies.block_bytes == alone.block_bytes


@given(totals, sizes, variants, kv_dtypes, st.integers(0, 20 * GIB), st.integers(0, 20 * GIB))
def test_more_overhead_never_means_more_blocks(
    total: int, tp: int, variant: str, kv: KvDtype, one: int, other: int
) -> None:
    found = MODEL.variant(variant)
    assert found is not None
    less, more = (
        plan_memory(MODEL, found, total=total, tensor_parallel_size=tp, kv_dtype=kv, overhead=overhead)
        for overhead in sorted((one, other))
    )
    assert more.blocks <= less.blocks


@given(totals, st.floats(0.1, 1), st.floats(0.1, 1), sizes, variants)
def test_a_larger_share_never_means_fewer_blocks(total: int, one: float, other: float, tp: int, variant: str) -> None:
    less, more = (plan(variant, "fp8", tp, total, utilization=u) for u in sorted((one, other)))
    assert 0 <= less.blocks <= more.blocks


@given(totals, sizes, variants, contexts)
def test_half_the_bytes_a_token_never_means_fewer_requests(total: int, tp: int, variant: str, context: int) -> None:
    """A block holds a state either way, so that its bytes stay alike and its tokens double, to a granule."""
    fp8, bf16 = (plan(variant, kv, tp, total) for kv in KV_DTYPES)
    assert fp8.block_tokens == pytest.approx(2 * bf16.block_tokens, abs=16)
    assert fp8.blocks_for(context) <= bf16.blocks_for(context)
