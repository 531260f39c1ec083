"""Run directories that other hands have changed: listed as broken, or read without what is wrong; never a crash."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.load import LoadProcess
from nemotui.adapters.runs import RunsFolder
from nemotui.adapters.sound import sound_environment, sound_result
from nemotui.catalog import load_catalog
from nemotui.cli.bench import bench_answer
from nemotui.core.compare import spread
from nemotui.core.report import markdown
from nemotui.core.report_html import html
from tests.recorded import RECORDED, rewrite

pytestmark = pytest.mark.anyio


def changed(path: Path, *where: str, value: Any) -> None:
    def change(document: Any) -> Any:
        holder = document
        for name in where[:-1]:
            holder = holder[name]
        holder[where[-1]] = value
        return document

    rewrite(path, change)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        (("completed",), "32"),
        (("completed",), 1e300),
        (("total_output_tokens",), []),
        (("max_concurrency",), {}),
        (("errors",), [1]),
        (("error_samples",), {"timeout": 3}),
        (("notes",), "one"),
        (("beside",), 5),
        (("clock", "notes"), [1]),
        (("metadata", "beside"), None),
        (("as_vllm", "mean_ttft_ms"), "fast"),
        (("error",), "it failed"),
    ],
)
def test_a_field_that_is_not_what_its_name_says_is_named(tmp_path: Path, where: tuple[str, ...], value: Any) -> None:
    shutil.copy(RECORDED / "result.json", tmp_path)
    changed(tmp_path / "result.json", *where, value=value)
    with pytest.raises(ValueError, match=rf"result.json: {where[0]}\S* is wrong: expected"):
        sound_result(json.loads((tmp_path / "result.json").read_text()))


@pytest.mark.parametrize(
    "wrong",
    [{"machine": "a box"}, {"machine": {"gpus": [None]}}, {"machine": {"gpus": 2}}, {"container": {"args": [1]}}],
)
def test_an_environment_is_checked_too(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"environment\.json"):
        sound_environment(wrong)


def test_what_a_run_writes_is_sound() -> None:
    for name, check in (("result.json", sound_result), ("environment.json", sound_environment)):
        document = json.loads((RECORDED / name).read_text())
        assert check(document) == document


async def test_a_request_without_a_token_or_a_failure_tells_no_noise(tmp_path: Path) -> None:
    shutil.copytree(RECORDED, tmp_path / "run")
    file = tmp_path / "run/requests.jsonl"
    file.write_text(file.read_text() + '{"index": 32, "scheduled_s": 1.0}\n')
    [run], _ = await RunsFolder(tmp_path).listed(1)
    assert await RunsFolder(tmp_path).noise(run) == {}


async def test_nulls_and_a_foreign_environment_keep_no_run_from_its_report(tmp_path: Path) -> None:
    names = [f"2026110{day}T100000Z-x" for day in (1, 2)]
    for name in names:
        shutil.copytree(RECORDED, tmp_path / name)
    result = json.loads((tmp_path / names[1] / "result.json").read_text())
    emptied = {**dict.fromkeys(result), "clock": {}, "completed": result["completed"]}
    (tmp_path / names[1] / "result.json").write_text(json.dumps(emptied))
    (tmp_path / names[1] / "environment.json").write_text('{"machine": {"gpus": [null]}}')
    folder, load = RunsFolder(tmp_path), LoadProcess(tmp_path, SystemClock(), load_catalog())
    bad, good = (await folder.listed(9))[0]
    assert len(await folder.repeats(good)) == 1
    assert spread(await folder.repeats(bad)) == {}
    told = await load.result(bad.path)
    report = await folder.report(bad, told)
    assert "32 requests" in bench_answer(told).text
    assert names[1] in markdown([report], [])
    assert names[1] in html([report], [])
