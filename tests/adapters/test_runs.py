"""The runs folder, whatever lies in it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nemotui.adapters.runs import RunsFolder
from nemotui.core.bench import BenchSpec, Failure, RequestRecord, TimelinePoint
from nemotui.core.errors import FailedError, UsageError
from nemotui.rundir import RunDirectory, RunWriter

pytestmark = pytest.mark.anyio

# 2026-11-24 06:41:02 UTC
NOW = 1795502462
SPEC = BenchSpec(base_url="http://127.0.0.1:8000", label="first run / α")


def create(folder: Path, *, label: str | None = None, now: float = NOW) -> RunDirectory:
    return RunDirectory.create(folder, BenchSpec(base_url="http://h", label=label), {"gpus": 2}, now=now)


async def test_a_directory_is_named_by_time_and_label_and_is_private(tmp_path: Path) -> None:
    directory = RunDirectory.create(tmp_path / "runs", SPEC, {"gpus": 2}, now=NOW)
    assert directory.path.name == "20261124T064102Z-first-run-α"
    assert {path.stat().st_mode & 0o777 for path in (directory.path, directory.path.parent)} == {0o700}
    assert (directory.spec(), directory.environment()) == (SPEC, {"gpus": 2})


@pytest.mark.parametrize(
    ("label", "name"),
    [("../../etc", "etc"), (None, "1024x128"), ("§§", "run"), ("x" * 99, "x" * 48), ("B200 ΔT 速い", "B200-ΔT-速い")],
)
async def test_no_label_leaves_the_folder(tmp_path: Path, label: str | None, name: str) -> None:
    assert create(tmp_path, label=label).path == tmp_path / f"20261124T064102Z-{name}"


async def test_two_runs_in_one_second(tmp_path: Path) -> None:
    names = [create(tmp_path, label="a").path.name for _ in range(3)]
    assert names == [f"20261124T064102Z-a{suffix}" for suffix in ("", "-2", "-3")]
    assert [run.name for run in (await RunsFolder(tmp_path).listed(9))[0]] == names[::-1]


async def test_a_half_written_last_line_is_not_there_yet(tmp_path: Path) -> None:
    directory = create(tmp_path)
    writer = RunWriter(directory)
    records = [
        RequestRecord(index=0, scheduled_s=0.5, sent_s=0.5, token_us=(1, 2)),
        RequestRecord(index=1, scheduled_s=0.5, failure=Failure(kind="refused", message="no")),
    ]
    for record in records:
        writer.request(record)
    writer.point(TimelinePoint(phase="run", elapsed_s=0.25, errors={"refused": 1}))
    writer.close()
    with (directory.path / "requests.jsonl").open("ab") as file:
        file.write(b'not json\n{"index": 2, "sched')
    assert list(directory.requests()) == records

    points, offset = directory.timeline()
    assert list(points) == [TimelinePoint(phase="run", elapsed_s=0.25, errors={"refused": 1})]
    assert list(directory.timeline(offset)[0]) == []


async def test_status_follows_the_process_and_the_result(tmp_path: Path) -> None:
    directory = create(tmp_path)
    assert directory.status() == "interrupted"  # nobody has claimed it
    directory.claim(os.getpid())
    assert directory.status() == "running"
    directory.write_result({"completed": 1})
    assert directory.status() == "finished"


async def test_another_process_with_the_same_number_is_not_the_writer(tmp_path: Path) -> None:
    directory = create(tmp_path)
    (directory.path / "state.json").write_text(f'{{"pid": {os.getpid()}, "start_ticks": 1}}')
    assert (directory.pid(), directory.status()) == (None, "interrupted")


async def test_the_list_is_newest_first_and_nothing_breaks_it(tmp_path: Path) -> None:
    create(tmp_path, label="old", now=NOW - 60).write_result({"completed": 3, "run": "/where/it/was"})
    create(tmp_path, label="new")
    broken = create(tmp_path, label="broken", now=NOW - 120)
    (broken.path / "spec.json").write_text('{"base_url": "ftp://x"}')
    half = create(tmp_path, label="half", now=NOW - 180)
    (half.path / "result.json").write_bytes(b'{"completed": ')
    (tmp_path / "foreign\x1b[31m").mkdir()
    (tmp_path / "a file").touch()
    runs = {run.name: run for run in (await RunsFolder(tmp_path).listed(9))[0]}
    assert [(name, run.status) for name, run in runs.items()] == [
        ("foreign", "broken"),
        ("20261124T064102Z-new", "interrupted"),
        ("20261124T064002Z-old", "finished"),
        ("20261124T063902Z-broken", "broken"),
        ("20261124T063802Z-half", "broken"),
    ]
    old = runs["20261124T064002Z-old"]
    assert old.result == {"completed": 3, "run": old.path}
    assert all(run.problem for run in runs.values() if run.status == "broken")


async def test_find_by_name_beginning_directory_or_latest(tmp_path: Path) -> None:
    for label, age in (("a", 60), ("b", 0)):
        create(tmp_path, label=label, now=NOW - age)
    folder = RunsFolder(tmp_path)
    for name in ("20261124T064102Z-b", "20261124T0641", "latest", str(tmp_path / "20261124T064102Z-b")):
        assert (await folder.find(name)).name == "20261124T064102Z-b"
    with pytest.raises(UsageError, match="2 runs begin with '2026'"):
        await folder.find("2026")
    with pytest.raises(UsageError, match="no run is called 'x'"):
        await folder.find("x")
    with pytest.raises(UsageError, match="is not a run directory"):
        await folder.find(str(tmp_path / "x"))


async def test_a_label_is_the_newest_run_that_has_it(tmp_path: Path) -> None:
    for age in (120, 60):
        create(tmp_path, label="before", now=NOW - age)
    last = create(tmp_path, label="other", now=NOW)
    folder = RunsFolder(tmp_path)
    assert (await folder.find("before")).name == "20261124T064002Z-before"
    await folder.label(await folder.find(last.path.name), "before")
    assert (await folder.find("before")).name == last.path.name
    with pytest.raises(UsageError, match="no run is called 'befor'"):
        await folder.find("befor")


async def test_no_folder_no_runs(tmp_path: Path) -> None:
    assert await RunsFolder(tmp_path / "none").listed(9) == ([], 0)


async def test_a_folder_that_cannot_be_listed_is_said(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file in its place")
    folder = RunsFolder(tmp_path / "runs")
    for asked in (folder.listed(9), folder.find("latest"), folder.running()):
        with pytest.raises(FailedError, match="cannot be listed: Not a directory"):
            await asked


async def test_what_is_kept_of_a_run_follows_its_files(tmp_path: Path) -> None:
    directory = create(tmp_path, label="before")
    directory.write_result({"completed": 1})
    folder = RunsFolder(tmp_path)
    [run], _ = await folder.listed(9, "BEFORE")
    await folder.label(run, "after")
    directory.write_result({"completed": 2})
    [found], _ = await folder.listed(9, "after")
    assert found.spec is not None
    assert (found.spec.label, (found.result or {})["completed"]) == ("after", 2)


async def test_a_project_with_a_spec_json_is_no_run_to_delete(tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "spec.json").write_text('{"openapi": "3.1"}')
    folder = RunsFolder(tmp_path / "runs")
    with pytest.raises(FailedError, match="is no run directory"):
        await folder.delete(await folder.find(str(project)))
    assert project.exists()
