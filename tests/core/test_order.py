"""Which plan comes first, by verdict, by what was published, and by the goal."""

from __future__ import annotations

import pytest

from nemotui.core.choices import Goal
from nemotui.core.predict import middle
from nemotui.core.recommend import PlanRequest
from tests.core.machines import machine
from tests.core.plans import A100, A100_40, B200, H100, H200, rows, short


class TestOrder:
    @pytest.mark.parametrize(
        ("chips", "first"),
        [
            ((B200, B200), ["NVFP4 TP2 fits", "FP8 TP2 fits", "NVFP4 TP1 fits", "FP8 TP1 fits"]),
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
