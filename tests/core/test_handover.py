"""What a client's own benchmark told: its score, or that it told none."""

from __future__ import annotations

import json

import pytest

from nemotui.core.handover import RunEnded, score_of_lines, score_of_log


def test_the_metrics_among_what_was_printed() -> None:
    lines = ["Running 10 samples", "│ accuracy   0.400 │", "stderr: 0.163", "accuracy 0.5", "the mean temperature 20"]
    assert score_of_lines(lines) == {"accuracy": 0.5, "stderr": 0.163}
    assert score_of_lines(["nothing", "accuracy high"]) is None


def test_the_metrics_of_a_log() -> None:
    log = {"results": {"scores": [{"name": "tau", "metrics": {"accuracy": {"value": 0.4}, "n": {"value": True}}}]}}
    assert score_of_log(json.dumps(log)) == {"accuracy": 0.4}


@pytest.mark.parametrize("text", ["", "[]", "{", '{"results": 7}', '{"results": {"scores": [3, {"metrics": [1]}]}}'])
def test_a_log_of_another_kind_has_none(text: str) -> None:
    assert score_of_log(text) is None


@pytest.mark.parametrize(
    ("ended", "words"),
    [
        (RunEnded(directory="d", exit_code=0, seconds=1, score={"accuracy": 0.4}), "It is done: accuracy 0.4."),
        (RunEnded(directory="d", exit_code=0, seconds=1), "told no score that is understood here"),
        (RunEnded(directory="d", exit_code=3, seconds=1), "failed with exit code 3"),
        (RunEnded(directory="d", exit_code=-15, seconds=1, stopped=True), "was stopped"),
    ],
)
def test_how_it_went(ended: RunEnded, words: str) -> None:
    assert words in ended.words
    assert ended.ok == (ended.exit_code == 0)
