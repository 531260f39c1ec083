"""Laws that hold for whatever is asked on whatever box."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nemotui.core.memory import GIB
from nemotui.core.recommend import PlanRequest
from tests.core.machines import machine
from tests.core.plans import A100, A100_40, B200, H100, H200, rows

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
