"""Reports: every form says the same of a run, and nothing in a run is obeyed by what shows the report."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import asdict
from typing import Any

import pytest

from nemotui.core.compare import compare
from nemotui.core.goodput import Fault
from nemotui.core.report import ReportRun, as_csv, markdown, vllm_json
from nemotui.core.report_html import html
from nemotui.core.svg import Series, chart, log_ticks, ticks
from nemotui.core.sweep import SweepPoint, Swept
from nemotui.core.verdict import verdict
from nemotui.rundir import RunDirectory
from tests.core.test_sweep import CURVE
from tests.core.virtual_runs import measured
from tests.recorded import RECORDED

RUN = RunDirectory(RECORDED)
HOSTILE = "<script>alert(1)</script> | [x](javascript:y) `z` =1+1"


def run(name: str = "first", **changed: Any) -> ReportRun:
    result = {**RUN.result(), "published": None, "vllm_bench": None, **changed}
    return ReportRun(
        name=name,
        result={**result, "verdict": verdict(result)},
        environment=RUN.environment(),
        timeline=tuple(RUN.timeline()[0]),
    )


def test_markdown_has_the_verdict_the_table_and_the_setup() -> None:
    text = markdown([run()], [])
    assert "## first\n\n**661 output tok/s; clock trusted**" in text
    assert "| TTFT | 250.5 | 278.7 | 284.1 | 284.4 | 284.6 |" in text
    assert "| GPUs | 2 × NVIDIA H100 80GB HBM3 |" in text
    assert "nemotron\\_v3" in text


def test_a_comparison_is_in_markdown_and_in_html() -> None:
    comparison = compare(measured("before", 1), measured("after", 2, slower=1.2))
    for text in (markdown([run()], [comparison]), html([run()], [comparison])):
        assert "after beside before" in text
        assert "worse" in text
        assert "p95" not in text.split("## first")[0].split("<h2>first")[0]  # the few that matter


def test_a_sweep_is_in_markdown_and_in_html_with_its_knee_and_what_does_not_count() -> None:
    late = SweepPoint(**{**asdict(CURVE[1]), "load": 64, "fault": Fault(word="clock untrusted", why="read late")})
    whole = Swept(points=[*CURVE[:4], late], earlier=CURVE[:1], published=CURVE[2])
    page = html([run()], [], whole)
    for text in (markdown([run()], [], whole), page):
        assert "The knee is at 16 users" in text
        assert "clock untrusted with 64 at once: read late" in text
    assert page.count("<svg") == html([run()], []).count("<svg") + 1
    assert all(
        f"</i>{name}<" in page for name in ("a load", "the knee", "does not count", "an earlier sweep", "published")
    )


def test_csv_has_a_row_a_run_and_every_figure() -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv([run(), run("second", label=HOSTILE)]))))
    assert [row["run"] for row in rows] == ["first", "second"]
    assert float(rows[0]["mean_ttft_ms"]) == pytest.approx(250.47, abs=0.01)
    assert rows[0]["clock_trusted"] == "True"


def test_a_spreadsheet_takes_no_cell_for_a_formula() -> None:
    (row,) = csv.DictReader(io.StringIO(as_csv([run("=cmd()")])))
    assert row["run"] == "'=cmd()"


def test_the_json_of_vllm_has_the_figures_as_it_counts_them() -> None:
    document = json.loads(json.dumps(vllm_json(run().result)))
    assert document["mean_itl_ms"] == RUN.result()["as_vllm"]["mean_itl_ms"]
    assert document["max_concurrency"] == 8
    assert "clock" not in document


def test_nothing_in_a_run_becomes_markup() -> None:
    hostile = run(HOSTILE, model_id=HOSTILE, label=HOSTILE)
    page = html([hostile], [])
    assert "<script" not in page
    assert "alert(1)" in page
    text = markdown([hostile], [])
    assert "<script" not in text.replace("\\<", "")
    assert "[x](" not in text.replace("\\[x\\]", "")


def test_the_page_asks_for_nothing_from_elsewhere() -> None:
    page = html([run()], [])
    assert "http://" not in page.replace("http://127.0.0.1", "")
    assert "https://" not in page
    assert "default-src 'none'" in page


def test_a_chart_of_nothing_says_so() -> None:
    assert "nothing was measured" in chart("TTFT", "s", "ms", [Series(name="p50", points=[(1.0, None)])])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [(0, 6.2, [0, 2, 4, 6, 8]), (0, 0, [0, 0.2]), (0, 950, [0, 200, 400, 600, 800, 1000])],
)
def test_ticks_are_round_and_enclose(low: float, high: float, expected: list[float]) -> None:
    assert ticks(low, high)[: len(expected)] == expected
    assert ticks(low, high)[-1] >= high


def test_logarithmic_ticks_enclose_and_stay_few() -> None:
    assert log_ticks(7, 300) == [5, 10, 20, 50, 100, 200, 500]
    assert log_ticks(0.01, 90_000)[0] <= 0.01
    assert len(log_ticks(0.01, 90_000)) <= 10
    assert log_ticks(5, 5) == [5, 10]
