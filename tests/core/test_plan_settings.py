"""How a setting, a board or a folder changes the plan."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.hardware import Machine
from nemotui.core.memory import GIB
from nemotui.core.plan import container_spec
from nemotui.core.recommend import PlanRequest
from tests.core.machines import machine
from tests.core.plans import A100, A100_40, B200, H100, H200, row, rows, short


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
        most, close = (row(machine(B200), "NVFP4", 1, PlanRequest(gpu_memory_utilization=u)) for u in (0.95, 0.96))
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
