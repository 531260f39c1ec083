"""Stored runs from the command line: the list, the comparison and its gate, the reports."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.recorded import RECORDED, rewrite


def slow_down(run: Path, factor: float) -> None:
    rewrite(run / "result.json", lambda result: {**result, "output_throughput": result["output_throughput"] / factor})


@pytest.fixture
def folder(state: Path) -> Path:
    """Two runs of the same figures, the second 6 % slower, and what else may lie in a runs folder."""
    runs = state / "runs"
    for name, slower in (("20261101T100000Z-before", 1.0), ("20261102T100000Z-after", 1.06)):
        shutil.copytree(RECORDED, runs / name)
        slow_down(runs / name, slower)
    (runs / "notes").mkdir()
    truncated = runs / "20261103T100000Z-truncated"
    shutil.copytree(RECORDED, truncated)
    (truncated / "result.json").write_bytes((truncated / "result.json").read_bytes()[:200])
    older = runs / "20250101T100000Z-older"
    shutil.copytree(RECORDED, older)
    rewrite(older / "spec.json", lambda s: {k: v for k, v in s.items() if k in ("base_url", "input_len", "output_len")})
    rewrite(older / "result.json", lambda r: {k: v for k, v in r.items() if k != "clock"})
    return runs


def test_the_list_has_all_that_lies_there_newest_first(nemotui: Run, folder: Path) -> None:
    listed = nemotui("runs", "--json").document
    assert [run["status"] for run in listed["runs"]] == ["broken", "broken", "finished", "finished", "finished"]
    assert listed["runs"][2]["name"].endswith("after")
    assert listed["runs"][2]["mean_ttft_ms"] == pytest.approx(250.5, abs=0.1)
    assert listed["runs"][4]["clock_trusted"] is None
    assert nemotui("runs", "--limit", "2").out.splitlines()[-1] == "3 older runs are not shown: --limit N"
    assert [run["name"] for run in nemotui("runs", "--containing", "fter", "--json").document["runs"]] == [
        "20261102T100000Z-after"
    ]


def test_a_run_that_was_stopped_says_so(nemotui: Run, folder: Path) -> None:
    rewrite(folder / "20261102T100000Z-after/result.json", lambda r: {**r, "complete": False})
    assert "20261102T100000Z-after  incomplete" in nemotui("runs", "--containing", "fter").out


def test_a_folder_that_cannot_be_listed_is_no_defect_of_ours(nemotui: Run, state: Path) -> None:
    state.mkdir(parents=True)
    (state / "runs").write_text("a file in its place")
    answer = nemotui("runs", "--json")
    assert (answer.code, answer.document["error"]["kind"]) == (1, "runs_folder")


def test_an_empty_folder_says_what_to_do(nemotui: Run) -> None:
    ran = nemotui("runs")
    assert ran.code == 0
    assert "nemotui bench" in ran.out
    assert "--demo" not in ran.out


def test_runs_of_a_pretend_machine_are_pointed_to(nemotui: Run, state: Path) -> None:
    shutil.copytree(RECORDED, state / "demo/runs/20261101T100000Z-tried")
    assert "nemotui runs --demo" in nemotui("runs").out
    assert "20261101T100000Z-tried" in nemotui("runs", "--demo").out
    assert nemotui("runs", "--demo", "latest").code == 0


def test_a_run_gets_another_label_and_is_deleted_when_that_is_said(nemotui: Run, folder: Path) -> None:
    labelled = nemotui("runs", "20261102", "--label", "the slow one", "--json").document
    assert labelled["runs"][0]["label"] == "the slow one"
    assert nemotui("runs", "20261102", "--delete").code == 2
    assert (folder / "20261102T100000Z-after").exists()
    assert nemotui("runs", "20261102", "--delete", "--yes").code == 0
    assert not (folder / "20261102T100000Z-after").exists()
    assert nemotui("runs", str(folder / "notes"), "--delete", "--yes").code == 2
    assert (folder / "notes").exists()


def test_the_gate_passes_and_fails_by_exit_code(nemotui: Run, folder: Path) -> None:
    passed = nemotui("compare", "20261101", "20261102", "--fail-if", "output_throughput<-10%")
    assert passed.code == 0
    assert "ok    output_throughput<-10%: -5.7%" in passed.out
    failed = nemotui("compare", "20261101", "20261102", "--fail-if", "output_throughput<-5%", "--json")
    assert failed.code == 1
    document = failed.document
    assert document["error"]["kind"] == "gate"
    assert document["gate"][0]["broken"] is True
    (comparison,) = document["comparisons"]
    figures = {figure["name"]: figure for figure in comparison["figures"]}
    assert figures["output_throughput"]["verdict"] == "worse"
    assert figures["mean_ttft_ms"]["verdict"] == "within noise"


def test_what_cannot_be_compared_is_said(nemotui: Run, folder: Path) -> None:
    assert nemotui("compare", "20261101").code == 2
    assert nemotui("compare", "20261101", "nobody").code == 2
    assert nemotui("compare", "20261101", "20261102", "--fail-if", "speed<1").code == 2
    broken = nemotui("compare", "20261101", "20261103", "--json")
    assert broken.code == 1
    assert broken.document["error"]["kind"] == "broken_run"
    published = nemotui("compare", "published", "20261101")
    assert published.code == 0
    assert "cannot be ranked: input_len" in published.out


@pytest.mark.parametrize(
    ("name", "begins"),
    [("r.html", "<!doctype html>"), ("r.md", "# nemotui"), ("r.csv", "run,date,"), ("r.json", "{\n  ")],
)
def test_a_report_is_written_in_the_form_of_its_ending(
    nemotui: Run, folder: Path, tmp_path: Path, name: str, begins: str
) -> None:
    ran = nemotui("report", "20261101", "--file", name)
    assert ran.code == 0
    assert (tmp_path / name).read_text().startswith(begins)


def test_a_report_goes_to_standard_output_and_says_where_it_cannot_be_written(nemotui: Run, folder: Path) -> None:
    assert nemotui("report", "20261101", "20261102").out.startswith("# nemotui benchmark report")
    assert nemotui("report", "20261101", "--file", "nowhere/r.md").code == 1
    assert nemotui("report", "20261101", "20261102", "--format", "vllm-json").code == 2


def test_an_older_runs_report_has_what_it_knows(nemotui: Run, folder: Path) -> None:
    ran = nemotui("report", "20250101")
    assert ran.code == 0
    assert "| TTFT | 250.5 |" in ran.out


SMALL = ("--demo", "--input-len", "16", "--output-len", "8", "--num-prompts", "4")


def test_a_sweep_measures_each_load_and_draws_them(nemotui: Run, state: Path) -> None:
    ran = nemotui("bench", *SMALL, "--sweep", "1,2", "--json")
    *events, last = ran.lines
    points = [event for event in events if event["event"] == "point"]
    assert [point["load"] for point in points] == [1, 2]
    assert last["points"][1]["output_throughput"] > 0
    assert last["points"][1]["per_gpu"] == pytest.approx(last["points"][1]["output_throughput"] / 2)
    assert (ran.code == 0) is (last["error"] is None)
    first, second = sorted((state / "demo/runs").iterdir())
    # Any run of it tells the others.
    told = nemotui("report", second.name, "--sweep", "--demo").out
    # As the sweep itself says it: by the directory, which need not be in the folder that is looked into.
    assert nemotui("report", str(first), "--sweep").out == told
    assert told.index("## The sweep") < told.index(first.name) < told.index(second.name)


def test_a_run_that_is_of_no_sweep_has_no_report_of_one(nemotui: Run, state: Path) -> None:
    assert nemotui("report", str(RECORDED), "--sweep").code == 2


def test_goodput_is_searched_up_to_the_concurrency_that_is_asked(nemotui: Run, state: Path) -> None:
    ran = nemotui("bench", *SMALL, "--goodput", "ttft:60000,e2el:60000", "--max-concurrency", "2", "--json")
    last = ran.lines[-1]
    assert [probe["load"] for probe in last["probes"]][-1] in (1, 2)
    assert all(probe["run"].startswith(str(state)) for probe in last["probes"])
    assert "this server" in nemotui("bench", *SMALL, "--goodput", "ttft:0.001", "--max-concurrency", "2").err


@pytest.mark.parametrize(
    "wrong", [("--sweep", "1,x"), ("--sweep", "0"), ("--goodput", "ttft"), ("--sweep", "1", "--detach")]
)
def test_what_is_no_sweep_is_refused(nemotui: Run, wrong: tuple[str, ...]) -> None:
    assert nemotui("bench", "--base-url", "http://127.0.0.1:9", *wrong).code == 2


def test_the_runs_of_two_clients_become_one(nemotui: Run, folder: Path) -> None:
    names = ("20261101T100000Z-before", "20261102T100000Z-after")
    for name in names:
        rewrite(
            folder / name / "result.json", lambda r: {**r, "started_unix_s": 1.79e9, "clock_ahead_of_server_s": 0.1}
        )
    merged = nemotui("report", *names, "--merge", "--json").document["merged"]
    assert merged["completed"] == 64
    assert merged["p99_ttft_ms"] == pytest.approx(284.65, abs=0.1)
    assert merged["merged"] == list(names)
    older = nemotui("report", names[0], "20250101", "--merge")
    assert older.code == 1
    assert "these runs did not ask the same" in older.err
    assert nemotui("report", names[0], "--merge").code == 2
    assert nemotui("report", names[0], "20261101", "--merge").code == 2
