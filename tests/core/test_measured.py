"""What a start and a benchmark on this machine teach the next plan on it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nemotui.core.hardware import Machine
from nemotui.core.measured import MeasuredBench, MeasuredStart, measured_bench, measured_start
from nemotui.core.memory import GIB
from nemotui.core.model_server import ServerMetrics
from nemotui.core.models import Catalog
from nemotui.core.plan import container_spec
from nemotui.core.plan_json import recommendation_json
from nemotui.core.ports import Container
from nemotui.core.recommend import PlanRequest, Recommendation, recommend
from nemotui.core.startup import Figures, StartupTracker
from tests.core.machines import CATALOG, machine

TWO = machine("H100 80GB SXM", "H100 80GB SXM")
# A start with 611 blocks where 618 were planned.
SAID = StartupTracker(figures=Figures(version="0.33.0", weights_bytes=int(57.06 * GIB), kv_cache_bytes=int(9.70 * GIB)))
COUNTED = ServerMetrics(num_gpu_blocks=611, block_size=8320)
SHAPE = {"input_len": 8192, "output_len": 1024, "max_concurrency": 32, "request_rate": None, "time_scale": 1.0}
RESULT = {"completed": 512, "failed": 0, "output_throughput": 1003.0, "mean_ttft_ms": 5000.0, "mean_itl_ms": 26.0}


def best(of: Machine = TWO, catalog: Catalog = CATALOG, **asked: Any) -> Recommendation:
    request = PlanRequest(variant="FP8", tensor_parallel_size=2, data_parallel_size=1, **asked)
    return recommend(of, catalog, request)[0]


def container(**asked: Any) -> Container:
    plan = best(**asked).plan
    assert plan is not None
    spec = container_spec(plan)
    return Container(
        id="0a", name=spec.name, image=spec.image, state="running", labels=dict(spec.labels), args=spec.args
    )


def start(of: Machine = TWO, **asked: Any) -> MeasuredStart:
    found = measured_start(container(**asked), of, SAID, COUNTED, at=1000.0)
    assert found is not None
    return found


def knowing(*starts: MeasuredStart, benchmarks: tuple[MeasuredBench, ...] = ()) -> Catalog:
    return replace(CATALOG, starts=starts, benchmarks=benchmarks)


class TestStart:
    def test_planned_beside_got(self) -> None:
        found = best(catalog=knowing(start()))
        assert found.memory is not None
        assert found.planned is not None
        assert (found.planned.blocks, found.memory.blocks) == (618, 611)
        # 78,181,365,186 bytes of budget less 61.2 GB of weights less 9.70 GiB (within the block 611)
        assert found.memory.overhead / GIB == pytest.approx(72.81 - 57.00 - 9.70, abs=0.02)
        assert "measured here at u = 0.92: planned 618 blocks, got 611; besides the weights vLLM took 6.1 GiB" in (
            " ".join(found.reasons)
        )

    def test_its_json_has_both(self) -> None:
        measured = recommendation_json(best(catalog=knowing(start())))["measured"]
        assert (measured["planned_blocks"], measured["blocks"], measured["version"]) == (618, 611, "0.33.0")
        assert recommendation_json(best())["measured"] is None

    def test_the_newest_start_counts(self) -> None:
        older = replace(start(), at=1.0, blocks=500, kv_cache_bytes=8 * GIB)
        found = best(catalog=knowing(older, start()))
        assert found.memory is not None
        assert found.memory.blocks == 611

    def test_what_one_utilization_taught_is_reckoned_with_at_another(self) -> None:
        found = best(catalog=knowing(start()), gpu_memory_utilization=0.9)
        assert found.memory is not None
        assert found.memory.overhead == pytest.approx(6.11 * GIB, rel=0.01)
        assert found.memory.budget == int(84_979_744_768 * 0.9)

    @pytest.mark.parametrize(
        "asked",
        [
            {"context": 32_768},
            {"max_num_seqs": 16},
            {"kv_cache_dtype": "bfloat16"},
            {"prefix_caching": False},
            {"port": 9000, "name": "other"},
        ],
        ids=str,
    )
    def test_what_fills_the_pool_leaves_the_overhead_as_it_was(self, asked: dict[str, Any]) -> None:
        found = best(catalog=knowing(start()), **asked)
        assert found.memory is not None
        assert found.planned is not None
        assert found.measured == start()
        assert found.memory.overhead == pytest.approx(6.11 * GIB, rel=0.01)

    @pytest.mark.parametrize(
        "asked",
        [
            {"image": "vllm/vllm-openai:v0.24.0"},
            {"mtp": 3},
            {"expert_parallel": True},
            {"extra_args": ("--enforce-eager",)},
            {"extra_args": ("--max-num-batched-tokens=32768",)},
        ],
        ids=str,
    )
    def test_what_moves_the_overhead_learns_nothing_of_it(self, asked: dict[str, Any]) -> None:
        assert best(catalog=knowing(start()), **asked).measured is None

    @pytest.mark.parametrize(
        ("asked", "again"),
        [
            ({"expert_parallel": True}, {"expert_parallel": True, "context": 4096}),
            (
                {"extra_args": ("--max-num-batched-tokens", "16384")},
                {"extra_args": ("--max-num-batched-tokens=16384",)},
            ),
        ],
        ids=str,
    )
    def test_a_start_with_such_a_flag_teaches_the_next_with_it(
        self, asked: dict[str, Any], again: dict[str, Any]
    ) -> None:
        assert best(catalog=knowing(start(**asked)), **again).measured is not None

    def test_a_start_is_set_beside_a_plan_with_its_own_share_of_the_memory(self) -> None:
        found = best(catalog=knowing(start()), gpu_memory_utilization=0.9)
        assert found.planned is not None
        assert found.memory is not None
        assert found.planned.blocks == 618
        assert found.memory.budget < found.planned.budget
        assert any("measured here at u = 0.92: planned 618 blocks, got 611" in reason for reason in found.reasons)

    def test_blocks_of_another_size_are_not_compared(self) -> None:
        found = best(catalog=knowing(start()), kv_cache_dtype="bfloat16")
        assert any(reason.startswith("measured here at u = 0.92; besides") for reason in found.reasons)

    def test_another_machine_learns_nothing_of_it(self) -> None:
        other = replace(TWO, gpus=tuple(replace(gpu, uuid=f"GPU-f{gpu.index}") for gpu in TWO.gpus), links=())
        assert best(other, knowing(start())).measured is None

    def test_figures_that_contradict_each_other_teach_nothing(self) -> None:
        absurd = replace(start(), kv_cache_bytes=500 * GIB, blocks=None)
        found = best(catalog=knowing(absurd))
        assert found.memory == found.planned

    def test_without_a_block_count_the_log_is_enough(self) -> None:
        silent = measured_start(container(), TWO, SAID, None, at=1000.0)
        assert silent is not None
        found = best(catalog=knowing(silent))
        assert found.memory is not None
        assert found.memory.blocks == int(9.70 * GIB) // (16_640 * 1024)

    def test_a_foreign_container_and_a_mixed_box_teach_nothing(self) -> None:
        foreign = replace(container(), labels={})
        assert measured_start(foreign, TWO, SAID, COUNTED, at=1.0) is None
        assert measured_start(container(), machine("H100 80GB SXM", "L40S"), SAID, COUNTED, at=1.0) is None
        assert measured_start(container(), TWO, StartupTracker(), COUNTED, at=1.0) is None

    @pytest.mark.parametrize(
        "extra",
        [("--speculative-config", "["), ("--speculative-config", "3"), ("--gpu-memory-utilization", "much")],
    )
    def test_arguments_that_nobody_can_read_teach_nothing(self, extra: tuple[str, str]) -> None:
        strange = replace(container(), args=(*container().args, *extra))
        assert measured_start(strange, TWO, SAID, COUNTED, at=1.0) is None


class TestBench:
    def test_what_was_measured_here_is_expected_again(self) -> None:
        bench = measured_bench(container(), TWO, SHAPE, RESULT)
        assert bench is not None
        found = best(catalog=knowing(benchmarks=(bench,))).predicted
        assert found is not None
        assert found.source == "measured"
        assert found.output_throughput == pytest.approx((1003 / 1.1, 1003 * 1.1))
        assert found.mean_itl_ms == pytest.approx((26 / 1.1, 26 * 1.1))

    @pytest.mark.parametrize(
        "asked",
        [
            {"max_num_seqs": 16},
            {"kv_cache_dtype": "bfloat16"},
            {"gpu_memory_utilization": 0.9},
            {"expert_parallel": True},
            {"prefix_caching": False},
            {"context": 8192},
            {"extra_args": ("--enforce-eager",)},
        ],
        ids=str,
    )
    def test_other_settings_are_not_what_was_measured(self, asked: dict[str, Any]) -> None:
        bench = measured_bench(container(), TWO, SHAPE, RESULT)
        edited = measured_bench(container(**asked), TWO, SHAPE, RESULT)
        assert bench is not None
        assert edited is not None
        found = best(catalog=knowing(benchmarks=(bench,)), **asked).predicted
        assert found is not None
        assert found.source != "measured"
        own = best(catalog=knowing(benchmarks=(edited,)), **asked).predicted
        assert own is not None
        assert own.source == "measured"

    @pytest.mark.parametrize("asked", [{"max_num_seqs": 64}, {"context": 131_072}], ids=str)
    def test_what_the_measured_shape_cannot_feel_leaves_it_measured(self, asked: dict[str, Any]) -> None:
        bench = measured_bench(container(), TWO, SHAPE, RESULT)
        assert bench is not None
        found = best(catalog=knowing(benchmarks=(bench,)), **asked).predicted
        assert found is not None
        assert found.source == "measured"

    def test_a_speculating_plan_has_its_own(self) -> None:
        bench = measured_bench(container(mtp=3), TWO, SHAPE, RESULT)
        assert bench is not None
        known = knowing(benchmarks=(bench,))
        plain, speculating = best(catalog=known).predicted, best(catalog=known, mtp=3).predicted
        assert plain is not None
        assert speculating is not None
        assert (plain.source, speculating.source) == ("published", "measured")

    @pytest.mark.parametrize(
        ("spec", "result"),
        [
            ({"input_len": 1024}, {}),
            ({"request_rate": 4.0}, {}),
            ({"time_scale": 10.0}, {}),
            ({}, {"failed": 1}),
            ({}, {"completed": 32}),
            ({}, {"mean_itl_ms": 0}),
            ({}, {"mean_itl_ms": None}),
            ({}, {"output_throughput": "fast"}),
        ],
    )
    def test_another_shape_or_half_a_run_is_no_measurement(self, spec: dict[str, Any], result: dict[str, Any]) -> None:
        assert measured_bench(container(), TWO, SHAPE | spec, RESULT | result) is None
