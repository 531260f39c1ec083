"""What a line says of itself, and the engine's periodic lines as figures."""

from __future__ import annotations

import pytest

from nemotui.core.logs import EngineFigures, LogLine, figures, head, routine
from tests.core.logfiles import captured

PERIODIC = (
    "(APIServer pid=7) INFO 11-24 10:00:00 [loggers.py:335] Engine 000: Avg prompt throughput: 1204.5 tokens/s, "
    "Avg generation throughput: 312.0 tokens/s, Running: 8 reqs, Waiting: 3 reqs, GPU KV cache usage: 14.2%, "
    "Prefix cache hit rate: 63.0%"
)
SPECULATION = (
    "(APIServer pid=7) INFO 11-24 10:00:00 [metrics.py:101] SpecDecoding metrics: Mean acceptance length: 2.71, "
    "Accepted throughput: 171.00 tokens/s, Drafted throughput: 300.00 tokens/s, Accepted: 1710 tokens"
)


def test_the_last_periodic_line_becomes_figures() -> None:
    found = figures((LogLine("before"), LogLine(PERIODIC, 5.0), LogLine(SPECULATION, 5.1), LogLine("after")), None)

    assert found == EngineFigures(
        at=5.0,
        prompt_throughput=1204.5,
        generation_throughput=312.0,
        running=8,
        waiting=3,
        kv_cache_usage=14.2 / 100,
        prefix_hit_rate=0.63,
        acceptance_length=2.71,
    )
    assert figures((LogLine("nothing"),), found) is found


@pytest.mark.parametrize("text", ["", "Avg prompt throughput: fast tokens/s", PERIODIC[:150], "throughput: 1.2.3"])
def test_what_is_no_periodic_line_leaves_the_figures_as_they_were(text: str) -> None:
    assert figures((LogLine(text),), None) is None


def test_numbers_that_are_none_do_no_harm() -> None:
    odd = figures((LogLine(PERIODIC.replace("1204.5", "1.2.3").replace("8 reqs", "9" * 5000 + " reqs")),), None)
    assert odd is not None
    assert odd.prompt_throughput == 0.0
    assert odd.running == 999_999_999


@pytest.mark.parametrize(
    ("text", "yes"),
    [
        (PERIODIC, True),
        (SPECULATION, True),
        ('INFO:     127.0.0.1:44 - "GET /metrics HTTP/1.1" 200 OK', True),
        ('INFO:     127.0.0.1:44 - "GET /health HTTP/1.1" 503 Service Unavailable', False),
        ('INFO:     127.0.0.1:44 - "POST /v1/chat/completions HTTP/1.1" 200 OK', False),
        ("(EngineCore pid=3) ERROR 01-01 00:00:00 [core.py:9] it died", False),
    ],
)
def test_routine_lines_only_say_that_all_goes_on(text: str, yes: bool) -> None:
    assert routine(text) is yes


def test_a_traceback_keeps_its_indentation_and_is_an_error_without_a_level_too() -> None:
    level, length, process = head(line := '(EngineCore pid=3) ERROR 01-01 00:00:00 [core.py:9]   File "a.py", line 1')
    assert (level, line[length:], process) == ("error", '  File "a.py", line 1', "EngineCore")
    assert head("(EngineCore pid=3) Traceback (most recent call last):")[0] == "error"
    assert head("(EngineCore pid=3) torch.OutOfMemoryError: CUDA out of memory")[0] == "error"


@pytest.mark.parametrize("log", ["h200-vllm-0.24-failed-flashinfer.log", "vllm-cpu-failed-startup-moe.log"])
def test_the_logs_of_real_failures_have_errors_to_go_to(log: str) -> None:
    assert any(head(line.text).level == "error" for line in captured(log))
