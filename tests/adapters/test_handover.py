"""A recipe that takes long: its output followed, kept with its score, ended with all that it started."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.handover import HandoverRuns
from nemotui.core.errors import FailedError, NothingThereError
from nemotui.core.handover import RunBegun, RunEnded, RunEvent, RunOutput
from tests.waiting import alive, until_there

pytestmark = pytest.mark.anyio


def only(folder: Path, name: str) -> str:
    """The file of this name in the one run that there is."""
    (path,) = folder.glob(f"*/{name}")
    return path.read_text()


async def ran(folder: Path, recipe: str) -> tuple[list[RunEvent], RunEnded]:
    async with aclosing(HandoverRuns(folder, SystemClock()).run("tau-bench", recipe, (), {"model": "m"})) as events:
        seen = [event async for event in events]
    assert isinstance(seen[-1], RunEnded)
    return seen, seen[-1]


async def test_output_score_and_recipe_are_kept(tmp_path: Path) -> None:
    seen, ended = await ran(tmp_path / "runs", r"printf 'a\e[31mb\n'; printf '10%%\r100%%\naccuracy 0.4'; pwd > here")
    lines = [line for event in seen if isinstance(event, RunOutput) for line in event.lines]
    assert lines == ["ab", "100%", "accuracy 0.4"]
    assert (ended.exit_code, ended.score, ended.ok) == (0, {"accuracy": 0.4}, True)
    directory = Path(ended.directory)
    assert isinstance(seen[0], RunBegun)
    assert seen[0].directory == ended.directory
    assert (directory / "here").read_text().strip() == str(directory)
    assert b"100%" in (directory / "output.log").read_bytes()
    result = json.loads((directory / "result.json").read_text())
    assert (result["client"], result["model"], result["score"]) == ("tau-bench", "m", {"accuracy": 0.4})


async def test_a_log_of_metrics_comes_before_what_was_printed(tmp_path: Path) -> None:
    log = '{"results": {"scores": [{"metrics": {"accuracy": {"value": 0.25}}}]}}'
    _, ended = await ran(
        tmp_path, f"echo accuracy 0.4; mkdir -p $INSPECT_LOG_DIR; echo '{log}' > $INSPECT_LOG_DIR/x.json"
    )
    assert ended.score == {"accuracy": 0.25}


async def test_one_that_fails_is_told_by_its_exit_code(tmp_path: Path) -> None:
    _, ended = await ran(tmp_path, "echo broken >&2; exit 3")
    assert (ended.exit_code, ended.ok, ended.score) == (3, False, None)


async def test_closed_early_it_is_ended_with_all_that_it_started_and_what_it_printed_is_kept(tmp_path: Path) -> None:
    recipe = "sleep 600 & echo $!; wait"
    runs = HandoverRuns(tmp_path, SystemClock())
    child = None
    async with aclosing(runs.run("tau-bench", recipe, (), {})) as events:
        async for event in events:
            if isinstance(event, RunOutput):
                child = int(event.lines[0])
                break
    assert child is not None
    await until_there(lambda: not alive(child))
    assert json.loads(only(tmp_path, "result.json"))["stopped"] is True
    assert only(tmp_path, "output.log").strip() == str(child)


async def test_a_line_without_end_is_cut_into_pieces(tmp_path: Path) -> None:
    seen, ended = await ran(tmp_path, "head -c 300000 /dev/zero | tr '\\0' x")
    lines = [line for event in seen if isinstance(event, RunOutput) for line in event.lines]
    assert ended.ok
    assert all(len(line) <= 2000 for line in lines)


async def test_a_program_that_is_missing_is_told_before_anything_is_made(tmp_path: Path) -> None:
    with pytest.raises(NothingThereError, match="no-such-program is not installed here"):
        async for _ in HandoverRuns(tmp_path / "runs", SystemClock()).run("x", "true", ("no-such-program",), {}):
            pass
    assert not (tmp_path / "runs").exists()


async def test_where_nothing_can_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedError, match="cannot be made"):
        async for _ in HandoverRuns(tmp_path / "file", SystemClock()).run("x", "true", (), {}):
            pass
