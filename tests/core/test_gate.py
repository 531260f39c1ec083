"""The gate: what breaks a rule, what may never pass, and what is no rule."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.compare import Comparison, Figure
from nemotui.core.errors import UsageError
from nemotui.core.gate import judge, parse_rule

COMPARISON = Comparison(
    a="a",
    b="b",
    caveats=(),
    figures=(
        Figure(name="output_throughput", a=1000.0, b=940.0, change=-0.06, noise=0.02, verdict="worse"),
        Figure(name="p99_ttft_ms", a=500.0, b=520.0, change=0.04, noise=None, verdict="unknown"),
        Figure(name="mean_ttfa_ms", a=None, b=None, change=None, noise=None, verdict="unknown"),
    ),
)


@pytest.mark.parametrize(
    ("rule", "broken"),
    [
        ("output_throughput<-5%", True),
        ("output_throughput<-7%", False),
        ("output_throughput < 950", True),
        ("output_throughput<900", False),
        ("p99_ttft_ms>+10%", False),
        ("p99_ttft_ms>+3.5%", True),
        ("p99_ttft_ms>500", True),
        ("mean_ttfa_ms>+1%", None),  # what is not known is no pass
        ("mean_itl_ms>+1%", None),
    ],
)
def test_a_rule_is_broken_beyond_its_limit(rule: str, broken: bool | None) -> None:
    (judged,) = judge(COMPARISON, [parse_rule(rule)])
    assert judged.broken is broken


def test_no_rule_passes_on_runs_that_did_not_do_the_same() -> None:
    unlike = replace(COMPARISON, unlike=("b has failed requests",))
    assert [j.broken for j in judge(unlike, [parse_rule("output_throughput<-7%"), parse_rule("p99_ttft_ms>500")])] == [
        None,
        None,
    ]


@pytest.mark.parametrize(
    "text", ["", "output_throughput", "output_throughput<", "output_throughput=5%", "a<b", "x<5%5"]
)
def test_what_is_no_rule_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_rule(text)


def test_a_figure_that_is_misspelt_is_named() -> None:
    with pytest.raises(UsageError) as caught:
        parse_rule("p99_ttf_ms>5%")
    assert "p99_ttft_ms" in caught.value.problem.fix
