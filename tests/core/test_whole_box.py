"""What one plan leaves idle, and what copies give and cost."""

from __future__ import annotations

import pytest

from nemotui.core.memory import GIB
from nemotui.core.recommend import PlanRequest
from tests.core.machines import machine
from tests.core.plans import H100, H200, row, rows


class TestWholeBox:
    eight = machine(*(H200,) * 8)

    def test_every_size_that_leaves_gpus_idle_is_also_offered_as_copies(self) -> None:
        fp8 = {(r.tensor_parallel_size, r.data_parallel_size) for r in rows(self.eight, PlanRequest(variant="FP8"))}
        assert fp8 == {(1, 1), (1, 8), (2, 1), (2, 4), (4, 1), (4, 2), (8, 1)}

    def test_copies_say_what_they_give_and_cost(self) -> None:
        copies = next(r for r in rows(self.eight) if (r.variant, r.data_parallel_size) == ("FP8", 4))
        assert copies.plan is not None
        assert len(copies.plan.gpus) == 8
        gives, costs = (next(r for r in copies.reasons if r.startswith(word)) for word in ("gives: ", "costs: "))
        assert "4 copies behind one port, about ×2.1 the tokens/s of one, 2,561 against 1,245 as computed" in gives
        assert "26,464 blocks in all against 4,135" in gives
        assert "weights take 17.6 GiB of each in place of 57.0 GiB" in gives
        assert "the 6,616 blocks of its copy and no others" in costs
        assert "cached in one copy alone" in costs
        assert "nobody has published this layout" in costs

    def test_one_copy_says_what_it_leaves_idle_and_what_copies_would_give(self) -> None:
        assert (
            "6 equal GPUs that are free stay idle; 4 copies (--dp 4) would give about ×2.1 the tokens/s of one,"
            " as computed"
        ) in row(self.eight, "FP8", 2, PlanRequest(data_parallel_size=1)).reasons
        assert not any("idle" in reason for reason in row(self.eight, "FP8", 8).reasons)

    def test_the_copies_share_the_routed_experts(self) -> None:
        """vLLM spreads them over all GPUs: (122.4 − 112.74·¾) / 2 = 18.92 GB a GPU, in place of 61.2."""
        copies = next(r for r in rows(self.eight) if (r.variant, r.data_parallel_size) == ("FP8", 4))
        assert copies.memory is not None
        assert copies.memory.weights == pytest.approx(18.92e9, rel=1e-3)

    def test_no_more_run_at_once_than_max_num_seqs_lets(self) -> None:
        """4 copies have memory for 2,205 requests of 9,216 tokens, and each runs 256 at most."""
        copies = next(r for r in rows(self.eight) if (r.variant, r.data_parallel_size) == ("FP8", 4))
        assert (copies.capped, copies.most_at_once) == (True, 1024)
        assert copies.summary == "computed; 4 copies in step, unpublished; 1,024 requests of 9,216 tokens at once"
        two = row(machine(H100, H100), "FP8", 2)
        assert (two.capped, two.most_at_once) == (False, 256)

    def test_busy_gpus_hold_no_copy_and_the_experts_shares_stay_even(self) -> None:
        """Seven are free: three groups of two, of which two hold copies."""
        found = rows(machine(*(H200,) * 8, held={5: 38 * GIB}), PlanRequest(variant="FP8"))
        copies = {r.tensor_parallel_size: r for r in found if r.data_parallel_size > 1}
        assert {tp: r.data_parallel_size for tp, r in copies.items()} == {1: 4, 2: 2}
        assert [r for r in copies[2].reasons if "idle" in r] == ["2 equal GPUs that are free stay idle"]
        assert "GPU-5000" not in {uuid for r in copies.values() for uuid in r.gpus}

    def test_copies_are_experimental_and_come_after_what_is_known_to_work(self) -> None:
        found = rows(self.eight)
        assert {r.verdict for r in found if r.data_parallel_size > 1} == {"experimental"}
        assert (found[0].variant, found[0].tensor_parallel_size, found[0].data_parallel_size) == ("FP8", 8, 1)
        both = next(r for r in found if (r.variant, r.data_parallel_size) == ("NVFP4", 4))
        assert both.unpublished == ("Marlin kernels", "4 copies in step")
        assert both.predicted is not None
        assert both.predicted.weaker == "nothing was published with Marlin kernels or 4 copies in step"

    def test_an_odd_number_of_copies_may_be_asked_for(self) -> None:
        three = row(self.eight, "FP8", 1, PlanRequest(data_parallel_size=3))
        assert (three.verdict, three.plan and three.plan.data_parallel_size) == ("experimental", 3)

    def test_where_copies_were_asked_for_nothing_else_is_offered(self) -> None:
        assert {r.data_parallel_size for r in rows(self.eight, PlanRequest(data_parallel_size=2))} == {2}
