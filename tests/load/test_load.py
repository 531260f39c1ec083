"""The load generator, as a process, against a server whose every chunk is known."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nemotui.core.bench import RequestRecord
from tests.load.known_server import Behaviour, Break, KnownServer, serving
from tests.load.runs import measure, start
from tests.waiting import until


def well(_: int) -> Behaviour:
    return Behaviour()


def breaking(**at: Break) -> Callable[[int], Behaviour]:
    """The requests of these numbers (`_3="reset"`) break so; number 0 is the warm-up."""
    return lambda number: Behaviour(breaks=at.get(f"_{number}"))


def test_a_run_that_goes_well(tmp_path: Path) -> None:
    server = KnownServer(well)
    directory = measure(tmp_path, server)
    result = directory.result()
    assert (result["completed"], result["failed"], result["errors"]) == (6, 0, {})
    assert (result["complete"], result["interrupted"], result["reason"], result["error"]) == (True, False, None, None)
    # 20 tokens of prompt and 10 of the template each; 2 tokens of thinking and 3 of answer.
    assert (result["total_input_tokens"], result["total_output_tokens"]) == (180, 30)
    assert result["total_reasoning_tokens"] == 12
    assert (result["model_id"], result["approximate_prompts"]) == ("known-model", None)
    assert (result["tokens_per_chunk"], result["run"]) == (1, str(directory.path))
    assert directory.status() == "finished"
    assert sorted(record.index for record in directory.requests()) == list(range(6))
    assert all(len(record.token_us) == 5 and record.finish_reason == "length" for record in directory.requests())


def test_the_first_token_is_neither_the_role_chunk_nor_only_the_answer(tmp_path: Path) -> None:
    server = KnownServer(lambda _: Behaviour(first_s=0.2, gap_s=0.02))
    directory = measure(tmp_path, server, num_prompts=2)
    # Request 0 was the warm-up. One clock for both processes, so the times of sending bound those of reading.
    sends = {(times[0], times[2]) for times in server.sends[1:]}
    assert len(sends) == 2
    for record in directory.requests():
        (role,) = record.other_us
        assert record.ttfb_us is not None
        assert record.ttft_us is not None
        assert record.ttfa_us is not None
        assert record.ttfb_us <= role < record.ttft_us
        # The server waits 200 ms after the role chunk, and 20 ms between tokens: three thinking gaps at least.
        assert record.ttft_us - role > 150_000
        assert record.ttfa_us == record.token_us[2]
        assert record.e2el_us == record.token_us[-1]
    vllm = directory.result()["as_vllm"]
    assert vllm["mean_ttft_ms"] < directory.result()["mean_ttft_ms"] - 150


def test_what_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NEMOTUI_API_KEY", "sk-very-secret")
    server = KnownServer(well)
    directory = measure(tmp_path, server, mode="low", warmup=2)
    prompts = [body["messages"][0]["content"] for body in server.requests]
    assert [len(prompt.split()) for prompt in prompts] == [20] * 8
    assert len(set(prompts)) == 8
    assert not any(len(word) > 8 for prompt in prompts for word in prompt.split())  # those are two tokens here
    body = server.requests[-1]
    assert {k: body[k] for k in ("model", "max_tokens", "ignore_eos", "temperature", "top_p", "stream")} == {
        "model": "known-model",
        "max_tokens": 5,
        "ignore_eos": True,
        "temperature": 1.0,
        "top_p": 0.95,
        "stream": True,
    }
    assert body["chat_template_kwargs"] == {"enable_thinking": True, "low_effort": True}
    assert body["stream_options"] == {"include_usage": True}
    assert all("Bearer sk-very-secret" in head for head in server.headers)
    written = b"".join(path.read_bytes() for path in directory.path.iterdir())
    assert b"sk-very-secret" not in written


def test_the_same_seed_sends_the_same_prompts(tmp_path: Path) -> None:
    def sent(seed: int) -> list[str]:
        server = KnownServer(well)
        measure(tmp_path, server, seed=seed, max_concurrency=1, num_prompts=2)
        return [body["messages"][0]["content"] for body in server.requests]

    assert sent(1) == sent(1) != sent(2)


def test_text_completions(tmp_path: Path) -> None:
    server = KnownServer(well)
    result = measure(tmp_path, server, endpoint="completions").result()
    assert (result["completed"], result["endpoint_type"], result["total_output_tokens"]) == (6, "openai", 30)
    assert "messages" not in server.requests[0]
    assert len(server.requests[0]["prompt"].split()) == 20
    assert result["mean_ttfa_ms"] == result["mean_ttft_ms"]


def test_failures_are_counted_by_kind_and_kept(tmp_path: Path) -> None:
    server = KnownServer(
        breaking(_1="http_400", _3="http_503", _4="reset", _6="malformed", _7="early_end", _8="in_band"),
    )
    directory = measure(tmp_path, server, num_prompts=12)
    result = directory.result()
    assert result["errors"] == {"early_end": 1, "http_4xx": 1, "http_5xx": 2, "malformed": 1, "reset": 1}
    assert (result["completed"], result["failed"], result["complete"]) == (6, 6, True)
    assert result["error_samples"].keys() == result["errors"].keys()
    assert result["error_samples"]["http_4xx"] == "HTTP 400: too long"
    assert result["total_output_tokens"] == 30
    failures = {r.failure.kind: r for r in directory.requests() if r.failure}
    assert failures["http_4xx"].failure is not None
    assert failures["http_4xx"].failure.message == "HTTP 400: too long"  # the colour is gone
    assert len(failures["reset"].token_us) == 2  # what came before it is kept


def test_silence_is_a_timeout(tmp_path: Path) -> None:
    server = KnownServer(breaking(_2="silence"))
    result = measure(tmp_path, server, num_prompts=3, timeout_s=1.0).result()
    assert (result["completed"], result["errors"]) == (2, {"timeout": 1})


def test_several_tokens_in_a_chunk(tmp_path: Path) -> None:
    server = KnownServer(lambda _: Behaviour(thinking=4, content=4, tokens_per_chunk=4))
    result = measure(tmp_path, server).result()
    assert (result["tokens_per_chunk"], result["total_output_tokens"]) == (4, 48)
    assert result["clock"]["trusted"] is False
    assert any("TPOT" in note for note in result["clock"]["notes"])


def test_a_server_without_usage_tokenizer_and_role_chunk(tmp_path: Path) -> None:
    server = KnownServer(lambda _: Behaviour(usage=False, role_chunk=False), tokenizer=False)
    directory = measure(tmp_path, server)
    result = directory.result()
    assert (result["completed"], result["total_output_tokens"], result["mean_tpot_ms"]) == (6, None, None)
    assert "/tokenize" in result["approximate_prompts"]
    assert result["mean_ttft_ms"] > 0
    assert all(record.other_us == () for record in directory.requests())


def test_an_open_loop_sends_by_the_schedule(tmp_path: Path) -> None:
    server = KnownServer(well)
    directory = measure(tmp_path, server, request_rate=50.0, num_prompts=10)
    records = sorted(directory.requests(), key=lambda record: record.index)
    assert [r.scheduled_s for r in records] == sorted({r.scheduled_s for r in records})
    assert all(r.sent_s is not None and r.sent_s >= r.scheduled_s for r in records)
    result = directory.result()
    assert (result["completed"], result["measured_from"], result["request_rate"]) == (10, "schedule", 50.0)


@pytest.mark.parametrize(
    ("version", "scale", "metadata"),
    [
        ({"version": "0.33.0", "simulator": {"speed": 20}}, 20, {"a": 1, "server": "pretend"}),
        ({"version": "0.33.0", "simulator": {"speed": 1.0}}, 1, {"a": 1, "server": "pretend"}),
        ({"version": "0.33.0"}, 1, {"a": 1}),
        ({"version": 3, "simulator": {"speed": -1}}, 1, {"a": 1}),
        ({"simulator": "fast"}, 1, {"a": 1}),
    ],
)
def test_a_pretend_server_is_no_measurement(
    tmp_path: Path, version: dict[str, Any], scale: float, metadata: dict[str, Any]
) -> None:
    result = measure(tmp_path, KnownServer(well, version=version), num_prompts=1, metadata={"a": 1}).result()
    assert (result["time_scale"], result["time_scaled"], result["metadata"]) == (scale, scale != 1, metadata)


def test_nobody_there(tmp_path: Path) -> None:
    server = KnownServer(well)
    with serving(server):
        pass
    directory, process = start(tmp_path, server.url)
    assert process.wait(60) == 0
    result = directory.result()
    assert (result["error"]["kind"], result["completed"], result["complete"]) == ("no_server", 0, False)
    assert result["mean_ttft_ms"] is None


def test_a_server_that_dies_ends_the_run_early(tmp_path: Path) -> None:
    server = KnownServer(well, refuse_after=5)
    directory = measure(tmp_path, server, num_prompts=5000, max_concurrency=1)
    result = directory.result()
    assert result["completed"] == 4
    assert (result["complete"], result["interrupted"]) == (False, False)
    assert result["reason"] == "the server was gone after 4 requests"
    assert set(result["errors"]) <= {"refused", "reset", "early_end", "cancelled"}
    assert result["failed"] < 50  # of 5,000
    assert len(list(directory.requests())) == 4 + result["failed"] + result["cancelled"]


def test_sigterm_keeps_what_was_measured(tmp_path: Path) -> None:
    server = KnownServer(lambda number: Behaviour(breaks="silence" if number > 4 else None))
    with serving(server):
        directory, process = start(tmp_path, server.url)
        until(lambda: len(server.sends) == 7 and all(len(sent) >= 2 for sent in server.sends))
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    result = directory.result()
    assert (result["interrupted"], result["complete"], result["reason"]) == (True, False, "the run was stopped")
    assert (result["completed"], result["failed"], result["errors"]) == (4, 0, {"cancelled": 2})
    kinds = Counter(record.failure and record.failure.kind for record in directory.requests())
    assert kinds == {None: 4, "cancelled": 2}


def test_sigkill_leaves_a_readable_directory(tmp_path: Path) -> None:
    server = KnownServer(lambda number: Behaviour(breaks="silence" if number > 4 else None))
    with serving(server):
        directory, process = start(tmp_path, server.url)
        until(lambda: len(list(directory.requests())) == 4)
        assert directory.status() == "running"
        process.kill()
        process.wait(60)
    assert directory.status() == "interrupted"
    completed: list[RequestRecord] = list(directory.requests())
    assert all(record.failure is None and record.completion_tokens == 5 for record in completed)
    points, _ = directory.timeline()
    assert all(point.done <= 4 for point in points)


def test_the_timeline_tells_the_phases_and_ends_with_all_done(tmp_path: Path) -> None:
    server = KnownServer(lambda _: Behaviour(gap_s=0.1))
    directory = measure(tmp_path, server)
    points = list(directory.timeline()[0])
    assert [p.elapsed_s for p in points] == sorted(p.elapsed_s for p in points)
    assert points[0].phase in ("prepare", "warmup")
    last = points[-1]
    assert (last.phase, last.done, last.in_flight, last.waiting) == ("run", 6, 0, 0)
    assert sum(n for _, n in last.ttft_histogram) == 6
    assert sum(n for _, n in last.itl_histogram) == 6 * 4


def test_the_process_knows_no_screen() -> None:
    code = "import sys, nemotui.load.__main__; sys.exit('textual' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
