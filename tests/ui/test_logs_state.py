"""The Logs pane's state: bounded, counted, one container at a time."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.errors import Problem
from nemotui.core.logs import LogLine, head
from nemotui.core.ports import Container
from nemotui.core.watch import ServerSample
from nemotui.ui.states.logs import KEPT, LogsState
from nemotui.ui.widgets.log_words import nothing_words

CONTAINER = Container(id="0a1b", name="nemotui", image="vllm", state="running", labels={})


def lines(count: int, begin: int = 0) -> tuple[LogLine, ...]:
    return tuple(LogLine(f"line {number}") for number in range(begin, begin + count))


def test_batches_follow_each_other() -> None:
    state = LogsState().after(CONTAINER).after(lines(2)).after(lines(1, 2))
    assert [line.text for line in state.lines] == ["line 0", "line 1", "line 2"]
    assert (state.total, state.dropped) == (3, 0)


def test_only_the_oldest_are_dropped_and_their_number_is_known() -> None:
    state = LogsState().after(lines(KEPT)).after(lines(5, KEPT))
    assert len(state.lines) == KEPT
    assert (state.lines[0].text, state.lines[-1].text) == ("line 5", f"line {KEPT + 4}")
    assert (state.total, state.dropped) == (KEPT + 5, 5)


def test_a_batch_larger_than_what_is_kept_leaves_its_end() -> None:
    state = LogsState().after(lines(3 * KEPT))
    assert state.lines[0].text == f"line {2 * KEPT}"
    assert state.dropped == 2 * KEPT


def test_a_new_container_clears_and_the_same_one_only_changes_its_state() -> None:
    state = LogsState().after(CONTAINER).after(lines(2))
    assert state.after(CONTAINER) is state
    exited = replace(CONTAINER, state="exited", exit_code=1)
    assert (state.after(exited).container, state.after(exited).total) == (exited, 2)
    assert state.after(replace(CONTAINER, id="ffff")).total == 0


def test_without_a_container_the_engine_says_why_until_it_answers() -> None:
    problem = Problem("no_permission", "You may not use Docker's socket", "Run `newgrp docker`.")
    unseen = ServerSample(at=1, base_url="http://127.0.0.1:8000", engine_problem=problem)
    state = LogsState().after(unseen)
    assert nothing_words(state).plain == f"Nobody knows what runs here.\n{problem}"
    assert "Nothing has been started" in nothing_words(state.after(replace(unseen, engine_problem=None))).plain
    assert state.after(CONTAINER).problem is None
    assert LogsState().after(CONTAINER).after(unseen).problem is None  # its log says itself what becomes of it


def test_trouble_keeps_the_lines_and_passes_with_the_next_batch() -> None:
    problem = Problem("no_engine", "the engine went away", "")
    state = LogsState().after(lines(1)).after(problem)
    assert (state.problem, state.total) == (problem, 1)
    assert state.after(lines(1, 1)).problem is None


@pytest.mark.parametrize(
    ("line", "level", "words"),
    [
        ("(APIServer pid=1) INFO 10-10 12:00:00 [api.py:12] hello", "info", "hello"),
        ("(Worker_TP0 pid=22) WARNING 01-01 00:00:00 [f.py:1] slow", "warning", "slow"),
        ("(EngineCore pid=3) ERROR 01-01 00:00:00 [core.py:9] Traceback", "error", "Traceback"),
        ("CRITICAL 01-01 00:00:00 [x.py:1] end", "error", "end"),
        ('INFO:     127.0.0.1 - "GET /health"', "info", '127.0.0.1 - "GET /health"'),
        ("DEBUG 01-01 00:00:00 [x.py:1] fine", "debug", "fine"),
        ("INFORMATION about nothing", "info", "INFORMATION about nothing"),
        ("a word about an ERROR", "info", "a word about an ERROR"),
        ("", "info", ""),
    ],
)
def test_the_head_of_a_line_tells_its_level(line: str, level: str, words: str) -> None:
    found, length, _ = head(line)
    assert (found, line[length:]) == (level, words)
