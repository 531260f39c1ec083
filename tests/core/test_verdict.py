"""The sentence under a result, and what is said beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from nemotui.core.verdict import cautions, server_says, verdict

RESULT: Mapping[str, Any] = {
    "complete": True,
    "reason": None,
    "completed": 512,
    "failed": 0,
    "cancelled": 0,
    "errors": {},
    "num_prompts": 512,
    "time_scaled": False,
    "time_scale": 1.0,
    "output_throughput": 1050.4,
    "mean_ttft_ms": 103.0,
    "mean_itl_ms": 12.04,
    "clock": {"trusted": True, "notes": []},
    "metadata": {},
    "notes": [],
    "published": {
        "row": "2×H100 FP8",
        "comparable": True,
        "reason": None,
        "output_throughput_ratio": 0.94,
        "mean_ttft_ms_ratio": 0.92,
        "mean_itl_ms_ratio": 1.1,
    },
}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({}, "94 % of the published throughput; TTFT 8 % better; ITL 10 % worse; clock trusted"),
        ({"published": None}, "1,050 output tok/s; clock trusted"),
        ({"published": {**RESULT["published"], "comparable": False}}, "1,050 output tok/s; clock trusted"),
        ({"clock": {"trusted": False, "notes": ["x"]}, "published": None}, "1,050 output tok/s; clock not trusted"),
        (
            {"failed": 3, "errors": {"timeout": 2, "reset": 1, "cancelled": 9}, "published": None},
            "3 of 512 requests failed (2 timeout, 1 reset); 1,050 output tok/s; clock trusted",
        ),
        (
            {"complete": False, "completed": 12, "reason": "the run was stopped", "published": None},
            "not complete, the run was stopped: 12 of 512 requests are measured; 1,050 output tok/s; clock trusted",
        ),
        ({"time_scaled": True, "time_scale": 50.0}, "time scaled × 50, so no figure is a measurement; clock trusted"),
        (
            {"complete": False, "completed": 0, "output_throughput": None, "published": None},
            "not complete, requests are missing: 0 of 512 requests are measured; clock trusted",
        ),
    ],
)
def test_a_result_in_a_sentence(change: Mapping[str, Any], sentence: str) -> None:
    assert verdict({**RESULT, **change}) == sentence


def test_a_ratio_of_about_one_is_no_difference() -> None:
    published = {**RESULT["published"], "mean_ttft_ms_ratio": 1.004, "mean_itl_ms_ratio": None}
    assert verdict({**RESULT, "published": published}) == (
        "94 % of the published throughput; TTFT as published; clock trusted"
    )


def test_nothing_is_said_of_a_clean_run() -> None:
    assert cautions(RESULT) == []


def test_whatever_makes_a_figure_doubtful_is_said() -> None:
    told = {
        **RESULT,
        "metadata": {"server": "pretend", "beside": ["20261127-other"]},
        "approximate_prompts": "no /tokenize",
        "notes": ["an answer had 5 tokens"],
        "clock": {"trusted": False, "notes": ["use TPOT"]},
        "cancelled": 8,
        "server_side": {"restarted": True, "other_requests": 12},
    }
    assert cautions(told) == [
        "a pretend server answered: no figure here is a measurement",
        "prompts are of about that length: no /tokenize",
        "an answer had 5 tokens",
        "use TPOT",
        "8 requests were cancelled when the run ended and count nowhere",
        "another benchmark, 20261127-other, was going on there",
        "the server was restarted in the middle of the run",
        "the server answered 12 requests of others meanwhile: it was shared",
    ]


def test_another_benchmark_is_named_once() -> None:
    notes = ["other runs used this server meanwhile (20261127-other): the figures are of all together"]
    told = {**RESULT, "metadata": {"beside": ["20261127-other", "20261127-third"]}, "notes": notes}
    assert cautions(told) == [*notes, "another benchmark, 20261127-third, was going on there"]


def test_the_servers_figures_stand_beside_the_clients() -> None:
    assert server_says(RESULT) is None
    seen = {"mean_ttft_ms": 101.2, "mean_itl_ms": 12.0, "requests": 512}
    assert server_says({**RESULT, "server_side": seen}) == (
        "says mean TTFT 101 ms, client 103 ms; mean ITL 12.0 ms, client 12.0 ms"
    )
    assert "far apart" in (server_says({**RESULT, "server_side": {**seen, "mean_ttft_ms": 50.0}}) or "")
    others = server_says({**RESULT, "server_side": {**seen, "mean_ttft_ms": 50.0, "requests": 500}}) or ""
    assert others.endswith("of 500 requests")
    bursts = {**RESULT, "tokens_per_chunk": 3.0, "mean_tpot_ms": 4.0, "server_side": {**seen, "mean_itl_ms": 4.1}}
    assert "mean ITL 4.1 ms, client's TPOT 4.0 ms" in (server_says(bursts) or "")
    stopped = {**RESULT, "complete": False, "server_side": {**seen, "mean_ttft_ms": 50.0}}
    assert "far apart" not in (server_says(stopped) or "")
    assert server_says({**RESULT, "server_side": {"mean_ttft_ms": None, "mean_itl_ms": None}}) is None
