"""What nemotui recommends on which machine, in which order, and what it says where nothing fits."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nemotui.core.errors import NothingThereError, UsageError
from nemotui.core.hardware import Machine
from nemotui.core.memory import GIB
from nemotui.core.plan import ALL_GPUS, GPU_IMAGE, container_spec
from nemotui.core.plan_json import recommendation_json
from nemotui.core.predict import middle
from nemotui.core.recommend import (
    PlanRequest,
    Recommendation,
    plan_without_gpu,
    recommend,
)
from nemotui.core.request import Goal
from tests.core.machines import CATALOG, machine

H100, H200, B200, A100, A100_40 = "H100 80GB SXM", "H200", "B200", "A100 80GB SXM", "A100 40GB SXM"
ANYTHING = PlanRequest()


def rows(of: Machine, request: PlanRequest = ANYTHING) -> tuple[Recommendation, ...]:
    return recommend(of, CATALOG, request)


def short(row: Recommendation) -> str:
    copies = f"×{row.data_parallel_size}" if row.data_parallel_size > 1 else ""
    return f"{row.variant} TP{row.tensor_parallel_size}{copies} {row.verdict}"


def row(of: Machine, variant: str, tp: int, request: PlanRequest = ANYTHING) -> Recommendation:
    return next(r for r in rows(of, request) if (r.variant, r.tensor_parallel_size) == (variant, tp))


class TestOrder:
    @pytest.mark.parametrize(
        ("chips", "first"),
        [
            ((B200, B200), ["NVFP4 TP2 fits", "FP8 TP2 fits", "NVFP4 TP1 fits", "NVFP4 TP1×2 fits"]),
            ((B200,), ["NVFP4 TP1 fits", "FP8 TP1 fits"]),
            ((H100, H100), ["FP8 TP2 fits", "NVFP4 TP2 experimental"]),
            ((A100,) * 4, ["BF16 TP4 fits", "NVFP4 TP2×2 experimental", "NVFP4 TP4 experimental"]),
            ((H200,), ["FP8 TP1 tight", "NVFP4 TP1 experimental"]),
            ((A100_40,) * 8, ["BF16 TP8 tight"]),
            (("RTX PRO 6000 Blackwell",), ["NVFP4 TP1 fits"]),
            (("GB10",), ["NVFP4 TP1 fits"]),
            (("L40S",) * 4, ["FP8 TP4 fits", "NVFP4 TP4 experimental"]),
        ],
    )
    def test_best_first(self, chips: tuple[str, ...], first: list[str]) -> None:
        assert [short(r) for r in rows(machine(*chips))][: len(first)] == first

    def test_published_rows_come_first_among_those_that_fit(self) -> None:
        found = rows(machine(*(B200,) * 8))
        fitting = [r.published for r in found if r.verdict == "fits"]
        assert fitting == sorted(fitting, reverse=True)
        assert found[0].published
        assert sum(fitting) == 3

    def test_verdicts_never_mix(self) -> None:
        order = ["fits", "tight", "experimental", "no"]
        ranks = [order.index(r.verdict) for r in rows(machine(*(H200,) * 8))]
        assert ranks == sorted(ranks)


class TestGoals:
    def test_throughput_wants_the_most_tokens(self) -> None:
        found = [r for r in rows(machine(*(H200,) * 8)) if r.verdict == "fits" and r.predicted]
        rates = [middle(r.predicted.output_throughput) for r in found if r.predicted]
        assert rates == sorted(rates, reverse=True)

    def test_latency_wants_the_shortest_time_between_tokens(self) -> None:
        found = [r.predicted for r in rows(machine(*(H200,) * 4), PlanRequest(goal="latency")) if r.verdict == "fits"]
        shortest = min(middle(p.mean_ttft_ms) for p in found if p)
        times = [middle(p.mean_itl_ms) for p in found if p and middle(p.mean_ttft_ms) <= 2 * shortest]
        assert len(times) > 2
        assert times == sorted(times)

    @pytest.mark.parametrize("chip", [H100, H200, B200, A100])
    def test_latency_wants_no_plan_first_whose_first_token_is_late(self, chip: str) -> None:
        """For one verdict, published or not: no row above three times the shortest TTFT before one below it."""
        found = [r for r in rows(machine(*(chip,) * 8), PlanRequest(goal="latency", max_num_seqs=16)) if r.predicted]
        shortest = min(middle(r.predicted.mean_ttft_ms) for r in found if r.predicted)
        keys = [
            (["fits", "tight", "experimental"].index(r.verdict), middle(r.predicted.mean_ttft_ms) > 3 * shortest)
            for r in found
            if r.predicted
        ]
        assert keys == sorted(keys)

    def test_capacity_wants_the_most_full_contexts(self) -> None:
        found = [r for r in rows(machine(*(H200,) * 8), PlanRequest(goal="capacity")) if r.verdict == "fits"]
        live = [r.live_requests[-1][1] for r in found]
        assert live == sorted(live, reverse=True)

    @pytest.mark.parametrize("goal", ["throughput", "latency", "capacity"])
    def test_no_goal_moves_a_plan_past_a_better_verdict_or_a_published_one(self, goal: Goal) -> None:
        verdicts = ["fits", "tight", "experimental", "no"]
        found = rows(machine(*(B200,) * 8), PlanRequest(goal=goal))
        order = [(verdicts.index(r.verdict), not r.published) for r in found]
        assert order == sorted(order)


class TestWholeBox:
    eight = machine(*(H200,) * 8)

    def test_every_size_that_leaves_gpus_idle_is_also_offered_as_copies(self) -> None:
        fp8 = {(r.tensor_parallel_size, r.data_parallel_size) for r in rows(self.eight, PlanRequest(variant="FP8"))}
        assert fp8 == {(1, 1), (1, 8), (2, 1), (2, 4), (4, 1), (4, 2), (8, 1)}

    def test_copies_say_what_they_give_and_cost(self) -> None:
        copies = next(r for r in rows(self.eight) if (r.tensor_parallel_size, r.data_parallel_size) == (2, 4))
        assert copies.plan is not None
        assert len(copies.plan.gpus) == 8
        gives, costs = (next(r for r in copies.reasons if r.startswith(word)) for word in ("gives: ", "costs: "))
        assert "4 copies behind one port" in gives
        assert "nobody has published this layout" in costs

    def test_the_copies_share_the_routed_experts(self) -> None:
        """vLLM spreads them over all GPUs: (122.4 − 112.74·¾) / 2 = 18.92 GB a GPU, in place of 61.2."""
        copies = next(r for r in rows(self.eight) if (r.variant, r.data_parallel_size) == ("FP8", 4))
        assert copies.memory is not None
        assert copies.memory.weights == pytest.approx(18.92e9, rel=1e-3)

    def test_busy_gpus_hold_no_copy(self) -> None:
        found = rows(machine(*(H200,) * 8, held={5: 38 * GIB}), PlanRequest(variant="FP8"))
        assert {r.data_parallel_size for r in found if r.tensor_parallel_size == 2} == {1, 3}

    def test_where_copies_were_asked_for_nothing_else_is_offered(self) -> None:
        assert {r.data_parallel_size for r in rows(self.eight, PlanRequest(data_parallel_size=2))} == {2}


class TestTwoH100:
    best = rows(machine(H100, H100))[0]

    def test_the_plan(self) -> None:
        plan = self.best.plan
        assert plan is not None
        assert plan.gpus == ("GPU-0000", "GPU-1000")
        assert plan.max_model_len == 262_144
        assert plan.max_num_seqs == 256
        assert plan.kv_cache_dtype == "fp8"
        assert plan.gpu_memory_utilization == 0.92

    def test_the_reasons_have_numbers(self) -> None:
        assert self.best.reasons == (
            "2 × NVIDIA H100 80GB HBM3, compute capability 9.0, 79.6 GiB each",
            "the fullest has 79.1 GiB free, 72.8 GiB are needed",
            "NVLink connects every pair",
            "of each GPU weights take 57.0 GiB, vLLM about 6.0 GiB, and requests 9.8 GiB of 72.8 GiB: 618 blocks",
            "published: 1,116 output tokens/s (2×H100 FP8)",
        )

    def test_its_json(self) -> None:
        document = recommendation_json(self.best)
        assert document["memory"] == {
            "total_bytes_per_gpu": 84_979_744_768,
            "budget_bytes_per_gpu": 78_181_365_186,
            "weights_bytes_per_gpu": 61_200_000_000,
            "kv_cache_bytes_per_gpu": 78_181_365_186 - 61_200_000_000 - 6 * GIB,
            "blocks": 618,
            "block_tokens": 8320,
            "block_bytes": 8320 * 256 * 8,
            "state_bytes_per_sequence": 40 * (5120 * 3 * 2 + 64 * 64 * 128 * 4),
            "overhead_bytes_per_gpu": 6 * GIB,
        }
        # n(L) = ⌈L/8320⌉ + 10 blocks a request: 11, 12, 14 and 42 of 618.
        assert document["live_requests"] == [
            {"tokens": 1024, "requests": 56.2},
            {"tokens": 9216, "requests": 51.5},
            {"tokens": 32_768, "requests": 44.1},
            {"tokens": 262_144, "requests": 14.7},
        ]
        assert document["predicted"]["source"] == "published"
        assert document["predicted"]["output_throughput"] == pytest.approx((1116 / 1.1, 1116 * 1.1))
        assert document["command"][:3] == ["docker", "run", "-d"]
        assert set(document) >= {
            *("variant", "model", "tensor_parallel_size", "gpus", "verdict", "published", "reasons", "would_fit_if"),
            *("memory", "max_num_seqs", "max_model_len", "predicted", "command"),
        }


class TestNothingFits:
    def test_one_h100_says_why_and_what_would_help(self) -> None:
        found = rows(machine(H100))
        assert [short(r) for r in found] == ["NVFP4 TP1 no", "FP8 TP1 no", "BF16 TP1 no"]
        assert found[0].reasons == (
            "weights take 69.5 GiB and vLLM about 4.0 GiB of each GPU;"
            " one request of 262,144 tokens needs 42 blocks, what is left of 72.8 GiB holds 0",
        )
        assert [r.would_fit_if for r in found] == [
            "needs 2 of this GPU",
            "needs 2 of this GPU",
            "needs 4 of this GPU",
        ]
        assert all(r.plan is None and r.predicted is None for r in found)
        assert recommendation_json(found[0])["command"] == []

    def test_a_busy_gpu_is_named_with_its_holder(self) -> None:
        busy = row(machine(H100, H100, held={1: 38 * GIB}), "FP8", 2)
        assert short(busy) == "FP8 TP2 no"
        assert busy.gpus == ("GPU-0000", "GPU-1000")
        assert busy.reasons == ("GPU 1: 41.1 GiB are free, 72.8 GiB are needed",)
        assert busy.would_fit_if == "fits if GPU 1 were free: python pid 4242 holds 38.0 GiB"

    def test_a_smaller_share_is_offered_where_it_is_enough(self) -> None:
        # 76.1 of 139.8 GiB are free: 0.54 of it is 75.5, less 57.0 of weights and 6.0 overhead 12.5.
        shared = row(machine(H200, H200, held={0: int(63.7 * GIB)}), "FP8", 2)
        assert shared.would_fit_if == (
            "fits with --gpu-memory-utilization 0.54 or if GPU 0 were free: python pid 4242 holds 63.7 GiB"
        )
        assert row(
            machine(H200, H200, held={0: int(63.7 * GIB)}), "FP8", 2, PlanRequest(gpu_memory_utilization=0.54)
        ).plan

    def test_other_gpus_are_taken_where_one_is_busy(self) -> None:
        best = rows(machine(H100, H100, H100, held={0: 38 * GIB}))[0]
        assert (short(best), best.gpus) == ("FP8 TP2 fits", ("GPU-1000", "GPU-2000"))

    def test_a_lost_gpu_is_named(self) -> None:
        refused = row(machine(*(H100,) * 4, lost=(3,)), "BF16", 4)
        assert refused.would_fit_if == "fits if GPU 3 could be used"
        assert "GPU 3: its state is lost" in refused.reasons[0]

    def test_a_shorter_context_is_offered(self) -> None:
        refused = row(machine(*(A100_40,) * 8), "BF16", 8, PlanRequest(context=1_048_576))
        assert refused.verdict == "no"
        # 542 blocks of 1,040 tokens, of which ten hold a request's states
        assert refused.would_fit_if == "fits with --context 131072"

    def test_less_speculation_is_offered(self) -> None:
        # 220 blocks without it; the weights of MTP and nine states a request leave too few.
        refused = row(machine(*(A100_40,) * 4), "FP8", 4, PlanRequest(mtp=7, context=4096))
        assert refused.verdict == "no"
        assert refused.would_fit_if == "fits with --mtp 0"

    def test_more_sequences_than_blocks_are_refused_as_vllm_would(self) -> None:
        refused = row(machine(H100, H100), "FP8", 2, PlanRequest(max_num_seqs=1024))
        assert refused.reasons == ("vLLM refuses to start: 1024 sequences at once, and memory for 618 blocks",)
        assert refused.would_fit_if == "fits with --max-num-seqs 256"

    def test_several_troubles_are_said_together(self) -> None:
        refused = row(machine(H100, H100, held={0: 40 * GIB}), "FP8", 2, PlanRequest(max_num_seqs=1024))
        assert len(refused.reasons) == 2
        assert refused.would_fit_if == (
            "fits with --max-num-seqs 256, and if GPU 0 were free: python pid 4242 holds 40.0 GiB"
        )

    def test_an_old_gpu_is_gated(self) -> None:
        old = machine(H100, H100)
        gpus = tuple(replace(gpu, compute_capability="7.0") for gpu in old.gpus)
        refused = row(replace(old, gpus=gpus), "FP8", 2)
        assert refused.reasons[0] == "FP8 needs compute capability 8.0, and this GPU has 7.0"
        assert refused.would_fit_if is None

    def test_unknown_memory_is_no_plan(self) -> None:
        strange = machine(H100)
        gpu = replace(
            strange.gpus[0],
            name="NVIDIA Nothing",
            memory_total_bytes=None,
            memory_reserved_bytes=None,
            unknown={"memory_total_bytes": "not supported"},
        )
        refused = rows(replace(strange, gpus=(gpu,)))[0]
        assert refused.memory is None
        assert refused.reasons == ("the GPU's memory is unknown: not supported",)


class TestSettings:
    def test_ampere_keeps_its_kv_cache_in_bfloat16(self) -> None:
        best = rows(machine(*(A100,) * 4))[0]
        assert best.plan is not None
        assert best.plan.kv_cache_dtype == "bfloat16"
        assert "the KV cache is bfloat16: FP8 needs compute capability 8.9" in best.reasons

    def test_memory_shared_with_the_host_is_used_less(self) -> None:
        best = rows(machine("GB10"))[0]
        assert best.plan is not None
        assert best.plan.gpu_memory_utilization == 0.8
        assert best.memory is not None
        assert best.memory.blocks == pytest.approx(701, rel=0.01)

    def test_the_catalogue_helps_where_the_driver_does_not_say_what_it_keeps(self) -> None:
        said = machine(H200)
        silent = replace(said, gpus=(replace(said.gpus[0], memory_reserved_bytes=None),))
        assert rows(silent)[0].memory == rows(said)[0].memory

    def test_flags_narrow_the_rows(self) -> None:
        found = rows(machine(*(H200,) * 4), PlanRequest(variant="FP8", tensor_parallel_size=2, gpus=("2", "GPU-3000")))
        assert [(short(r), r.gpus) for r in found] == [("FP8 TP2 fits", ("GPU-2000", "GPU-3000"))]

    def test_copies_take_disjoint_groups(self) -> None:
        found = rows(machine(*(H200,) * 4), PlanRequest(variant="FP8", tensor_parallel_size=2, data_parallel_size=2))
        plan = found[0].plan
        assert plan is not None
        assert plan.gpus == ("GPU-0000", "GPU-1000", "GPU-2000", "GPU-3000")
        assert (plan.tensor_parallel_size, plan.data_parallel_size) == (2, 2)

    def test_a_long_context_is_not_verified_by_us(self) -> None:
        long = row(machine(B200, B200), "NVFP4", 2, PlanRequest(context=1_000_000))
        assert long.verdict == "fits"
        assert "a context above 262,144 tokens is not verified by us" in long.reasons

    def test_sequences_close_to_the_blocks_are_tight(self) -> None:
        # 80 % of 618 blocks are 494.
        most, close = (row(machine(H100, H100), "FP8", 2, PlanRequest(max_num_seqs=n)) for n in (494, 495))
        assert (most.verdict, close.verdict) == ("fits", "tight")
        assert close.reasons[-2] == (
            "little room: --max-num-seqs 495 is above 80% of the estimated 618 blocks,"
            " and above their number vLLM refuses to start"
        )

    def test_a_share_with_nothing_left_beside_it_is_tight(self) -> None:
        asked = (row(machine(B200), "NVFP4", 1, PlanRequest(gpu_memory_utilization=u)) for u in (0.95, 0.96))
        most, close = asked
        assert (most.verdict, close.verdict) == ("fits", "tight")
        # 4 % of 178.35 GiB
        assert "little room: u = 0.96 leaves 7.1 GiB of each GPU, and 1.5 GiB beyond vLLM's share were seen in use" in (
            close.reasons
        )

    def test_kv_dtype_utilization_and_prefix_caching_are_reckoned_with(self) -> None:
        asked = PlanRequest(kv_cache_dtype="bfloat16", gpu_memory_utilization=0.9, prefix_caching=False)
        found = row(machine(H100, H100), "FP8", 2, asked)
        assert found.memory is not None
        assert found.memory.block_tokens == 4160  # 2,127,872 / (2 · 1 · 128 · 2) = 4,156, up to a multiple of 16
        assert found.memory.budget == int(84_979_744_768 * 0.9)
        assert found.memory.blocks_for(10) == 1 + 5
        assert found.plan is not None
        args = container_spec(found.plan).args
        assert args[args.index("--kv-cache-dtype") + 1] == "bfloat16"
        assert args[args.index("--gpu-memory-utilization") + 1] == "0.9"
        assert "--no-enable-prefix-caching" in args

    def test_an_fp8_kv_cache_is_refused_where_the_gpu_has_none(self) -> None:
        refused = row(machine(*(A100,) * 4), "BF16", 4, PlanRequest(kv_cache_dtype="fp8"))
        assert refused.verdict == "no"
        assert refused.would_fit_if == "fits with --kv-cache-dtype bfloat16"

    def test_an_older_image_has_its_own_gates_and_rules(self) -> None:
        old = PlanRequest(image="vllm/vllm-openai:v0.24.0")
        refused = row(machine(*(A100,) * 2), "FP8", 2, old)
        assert refused.reasons[0] == "FP8 needs compute capability 8.9, and this GPU has 8.0"
        assert refused.would_fit_if == "fits with a newer image"
        held = row(machine(H200), "FP8", 1, old)
        assert held.memory is not None
        assert held.memory.blocks_for(9216) == 7  # 12 with 0.33
        # vLLM 0.24 reckons 6 · ⌈262144/1040⌉ = 1,518 blocks for one request before it starts, and there are 542.
        assert row(machine(*(A100_40,) * 8), "BF16", 8, old).would_fit_if == "fits with --context 65536"

    def test_expert_parallelism_is_a_flag_and_a_word_of_caution(self) -> None:
        found = row(machine(H100, H100), "FP8", 2, PlanRequest(expert_parallel=True))
        assert found.plan is not None
        assert "--enable-expert-parallel" in container_spec(found.plan).args
        assert any("whole experts on each GPU" in reason for reason in found.reasons)

    def test_mtp_leaves_fewer_blocks(self) -> None:
        plain, speculated = (row(machine(H100, H100), "FP8", 2, PlanRequest(mtp=n)) for n in (0, 3))
        assert plain.memory is not None
        assert speculated.memory is not None
        assert (plain.memory.blocks, speculated.memory.blocks) == (618, 391)
        assert speculated.verdict == "tight"

    def test_nothing_was_published_with_speculation(self) -> None:
        plain, speculated = (row(machine(B200, B200), "NVFP4", 2, PlanRequest(mtp=n)) for n in (0, 3))
        assert plain.predicted is not None
        assert speculated.predicted is not None
        assert (plain.published, plain.predicted.source) == (True, "published")
        assert (speculated.published, speculated.predicted.source) == (False, "computed")

    @pytest.mark.parametrize(
        "asked",
        [
            PlanRequest(context=9215),
            PlanRequest(max_num_seqs=31),
            PlanRequest(kv_cache_dtype="bfloat16"),
            PlanRequest(expert_parallel=True),
            PlanRequest(gpu_memory_utilization=0.89),
            PlanRequest(gpu_memory_utilization=0.96),
            PlanRequest(extra_args=("--enforce-eager",)),
        ],
        ids=str,
    )
    def test_with_other_settings_it_is_not_what_was_published(self, asked: PlanRequest) -> None:
        found = row(machine(B200, B200), "NVFP4", 2, asked)
        assert found.predicted is not None
        assert (found.published, found.predicted.source) == (False, "computed")

    @pytest.mark.parametrize(
        "asked", [PlanRequest(context=9216), PlanRequest(max_num_seqs=32), PlanRequest(gpu_memory_utilization=0.9)]
    )
    def test_what_leaves_the_published_run_as_it_was_is_published(self, asked: PlanRequest) -> None:
        assert row(machine(B200, B200), "NVFP4", 2, asked).published

    def test_the_smallest_gpu_of_the_group_decides_not_of_the_product(self) -> None:
        three = machine(H200, H200, H200)
        small = replace(three.gpus[0], memory_total_bytes=80 * GIB, memory_free_bytes=79 * GIB)
        found = row(replace(three, gpus=(small, *three.gpus[1:])), "FP8", 2)
        alone = row(machine(H200, H200), "FP8", 2)
        assert found.gpus == ("GPU-1000", "GPU-2000")
        assert found.memory == alone.memory

    @pytest.mark.parametrize(
        ("box", "variant", "tp", "weaker"),
        [
            (machine(H200, H200), "FP8", 2, None),
            (machine(H200, H200), "NVFP4", 2, "Marlin kernels"),
            (machine(*("L40S",) * 4, link="PHB"), "FP8", 4, "links over PCIe"),
            (machine("GB10"), "NVFP4", 1, "memory shared with the host"),
        ],
    )
    def test_an_estimate_like_no_published_row_is_wider_and_says_so(
        self, box: Machine, variant: str, tp: int, weaker: str | None
    ) -> None:
        found = row(box, variant, tp, PlanRequest(data_parallel_size=1)).predicted
        assert found is not None
        assert found.source == "computed"
        assert found.factor == (1.5 if weaker else 1.35)
        assert found.output_throughput[1] / found.output_throughput[0] == pytest.approx(found.factor**2)
        assert found.weaker == (f"nothing was published with {weaker}" if weaker else None)

    def test_a_mixed_box_uses_the_kind_that_does_best(self) -> None:
        found = rows(machine(H100, "L40S", "L40S", "RTX PRO 6000 Blackwell", link="PHB"))
        assert (short(found[0]), found[0].gpus) == ("NVFP4 TP1 fits", ("GPU-3000",))

    def test_an_unlisted_chip_is_planned_by_what_the_driver_says(self) -> None:
        known = machine(H200)
        unknown = rows(replace(known, gpus=(replace(known.gpus[0], name="NVIDIA H999"),)))[0]
        assert short(unknown) == "FP8 TP1 tight"
        assert unknown.predicted is None

    def test_a_local_folder_is_mounted_and_named_as_it_was_given(self) -> None:
        request = PlanRequest(model_path="/data/nemotron-FP8", model_mount="/data/nemotron-FP8")
        found = rows(machine(H100, H100), request)
        assert {r.variant for r in found} == {"FP8"}
        assert found[0].plan is not None
        assert container_spec(found[0].plan).volumes[0].target == "/data/nemotron-FP8"
        assert found[0].model == "/data/nemotron-FP8"


def test_as_published_is_shown_though_it_dies_on_two_h100() -> None:
    found = row(machine(H100, H100), "FP8", 2, PlanRequest(as_published=True))
    assert found.verdict == "no"
    assert found.reasons[0] == "vLLM refuses to start: 1024 sequences at once, and memory for 618 blocks"
    assert any("tool parser" in reason for reason in found.reasons)
    assert found.plan is not None
    assert found.plan.image == GPU_IMAGE
    assert found.plan.gpus == ALL_GPUS
    assert "--max-num-seqs" not in container_spec(found.plan).args


def test_as_published_asks_ampere_for_what_it_lacks() -> None:
    found = row(machine(*(A100,) * 4), "FP8", 4, PlanRequest(as_published=True))
    assert found.reasons[0] == "this checkpoint asks for an FP8 KV cache, which compute capability 8.0 does not have"


def test_as_published_starts_on_two_b200() -> None:
    found = rows(machine(B200, B200), PlanRequest(as_published=True))[0]
    assert short(found) == "NVFP4 TP2 fits"


class TestWithoutGpu:
    request = PlanRequest(
        no_gpu=True,
        image="vllm/vllm-openai:cpu-test",
        model_path="/models/tiny-nemotron-h-chat",
        context=4096,
        extra_args=("--enforce-eager",),
    )

    def test_the_plan(self) -> None:
        plan = plan_without_gpu(self.request, CATALOG)
        assert plan.gpus == ()
        assert plan.model == "/models/tiny-nemotron-h-chat"
        assert plan.served_model_name == "nemotron-super"
        assert plan.max_model_len == 4096
        assert plan.kv_cache_dtype is None
        assert plan.model_mount is None

    def test_it_needs_an_image_and_a_model(self) -> None:
        with pytest.raises(UsageError, match="--image REF --model-path"):
            plan_without_gpu(replace(self.request, model_path=None), CATALOG)


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (PlanRequest(tensor_parallel_size=3), "--tp 3 cannot share the model's 32 attention heads"),
        (PlanRequest(tensor_parallel_size=0), "--tp 0 cannot share"),
        (PlanRequest(tensor_parallel_size=16), "among the GPUs of one host. Use 1, 2, 4, 8."),
        (PlanRequest(tensor_parallel_size=4), "--tp 4 needs 4 GPUs, and there are 2"),
        (PlanRequest(tensor_parallel_size=2, data_parallel_size=2), "--tp 2 with --dp 2 needs 4 GPUs"),
        (PlanRequest(tensor_parallel_size=2, gpus=("1",)), "--tp 2 needs 2 GPUs, and named are 1"),
        (PlanRequest(gpus=("7",)), "--gpus '7' is no GPU of this machine. There are: 0 (GPU-0000), 1 (GPU-1000)."),
        (PlanRequest(gpus=("GPU-",)), "--gpus 'GPU-' fits several GPUs"),
        (PlanRequest(gpus=("0", "GPU-0000")), "names a GPU twice"),
        (PlanRequest(gpus=("",)), "--gpus '' is no GPU"),
        (PlanRequest(gpus=("9" * 5000,)), "is no GPU of this machine"),
        (PlanRequest(gpus=()), "none at all"),
        (PlanRequest(context=0), "--context 0 is out of range. Use 1 to 1048576."),
        (PlanRequest(context=10**9), "--context 1000000000 is out of range"),
        (PlanRequest(max_num_seqs=0), "--max-num-seqs 0 is out of range"),
        (PlanRequest(mtp=8), "--mtp 8 is out of range. Use 0 to 7."),
        (PlanRequest(port=70_000), "--port 70000 is out of range"),
        (PlanRequest(data_parallel_size=0), "--dp 0 is out of range"),
        (PlanRequest(bind="everywhere"), "--bind 'everywhere' is not an IP address"),
        (PlanRequest(name="a b"), "--name 'a b' is no name for a container"),
        (PlanRequest(image="--privileged"), "--image '--privileged' names nothing"),
        (PlanRequest(variant="INT4"), "--variant 'INT4' is none of this model's"),
        (PlanRequest(model_path="/data/model"), "--model-path '/data/model' does not say which variant it is"),
        (PlanRequest(no_gpu=True, gpus=("0",)), "--no-gpu goes with neither --gpus nor --as-published"),
        (PlanRequest(as_published=True, context=4096), "--as-published is the published command unchanged"),
        (PlanRequest(as_published=True, prefix_caching=False), "--as-published is the published command unchanged"),
        (PlanRequest(gpu_memory_utilization=1.5), "--gpu-memory-utilization 1.5 is out of range. Use 0.1 to 1."),
        (PlanRequest(gpu_memory_utilization=float("nan")), "--gpu-memory-utilization nan is out of range"),
    ],
)
def test_a_wrong_flag_is_refused_with_what_to_give(request_: PlanRequest, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        rows(machine(H100, H100), request_)
    assert said in str(caught.value)


def test_gpus_that_differ_cannot_share_a_model() -> None:
    with pytest.raises(UsageError, match="2 GPUs of one product are needed"):
        rows(machine(H100, H200), PlanRequest(tensor_parallel_size=2))


def test_a_machine_without_a_gpu_is_nothing_to_act_on() -> None:
    with pytest.raises(NothingThereError, match="no NVIDIA GPU"):
        rows(Machine())


chips = st.sampled_from([H100, H200, B200, A100, A100_40, "L40S", "GB10"])
asked = st.builds(
    PlanRequest,
    context=st.one_of(st.none(), st.integers(1, 1_048_576)),
    max_num_seqs=st.one_of(st.none(), st.integers(1, 2048)),
    mtp=st.one_of(st.none(), st.integers(0, 7)),
    gpu_memory_utilization=st.one_of(st.none(), st.floats(0.1, 1)),
    prefix_caching=st.one_of(st.none(), st.booleans()),
    goal=st.sampled_from(["throughput", "latency", "capacity"]),
)


@given(chips, st.integers(1, 8), st.dictionaries(st.integers(0, 7), st.integers(0, 30 * GIB), max_size=3), asked)
@settings(deadline=None, max_examples=60)
def test_whatever_is_said_to_run_satisfies_every_inequality_on_every_gpu_that_it_names(
    chip: str, count: int, held: dict[int, int], request_: PlanRequest
) -> None:
    box = machine(*(chip,) * count, held=held)
    free = {gpu.uuid: gpu.memory_free_bytes or 0 for gpu in box.gpus}
    for found in rows(box, request_):
        if found.verdict == "no":
            assert found.plan is None
            assert found.reasons
            continue
        memory, plan = found.memory, found.plan
        assert memory is not None
        assert plan is not None
        assert len(set(plan.gpus)) == plan.tensor_parallel_size * plan.data_parallel_size
        assert all(free[uuid] >= memory.budget for uuid in plan.gpus)
        assert memory.weights + memory.overhead + memory.blocks * memory.block_bytes <= memory.budget <= memory.total
        assert memory.blocks >= memory.blocks_for(plan.max_model_len)
        assert 1 <= plan.max_num_seqs <= memory.blocks
        if found.verdict == "fits":
            assert memory.pool >= memory.total / 10
            assert memory.live_requests(9216) >= 32
            assert plan.max_num_seqs <= 0.8 * memory.blocks
            assert plan.gpu_memory_utilization <= 0.95


@given(chips, st.integers(1, 7))
@settings(deadline=None, max_examples=25)
def test_another_gpu_never_makes_the_best_verdict_worse(chip: str, count: int) -> None:
    ranks = ["fits", "tight", "experimental", "no"]
    fewer, more = (rows(machine(*(chip,) * n))[0].verdict for n in (count, count + 1))
    assert ranks.index(more) <= ranks.index(fewer)
