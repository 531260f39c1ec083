"""Where nothing fits: why, and what would help."""

from __future__ import annotations

from dataclasses import replace

from nemotui.core.memory import GIB
from nemotui.core.plan_json import recommendation_json
from nemotui.core.recommend import PlanRequest
from tests.core.machines import machine
from tests.core.plans import A100_40, H100, H200, row, rows, short


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

    def test_what_others_hold_of_the_fullest_gpu_is_told(self) -> None:
        document = recommendation_json(row(machine(H100, H100, held={1: 38 * GIB}), "FP8", 2))
        assert document["held_by_others"] == {"gpu": 1, "bytes": 38 * GIB, "by": "python pid 4242 holds 38.0 GiB"}
        assert recommendation_json(row(machine(H100, H100), "FP8", 2))["held_by_others"] is None

    def test_what_the_host_holds_of_the_memory_that_it_shares_is_no_stranger(self) -> None:
        box = machine("GB10")
        shared = replace(box.gpus[0], memory_free_bytes=(box.gpus[0].memory_free_bytes or 0) - 6 * GIB)
        held = row(replace(box, gpus=(shared,)), "NVFP4", 1).held
        assert held is not None
        assert held.by == "the host holds 6.0 GiB"

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
