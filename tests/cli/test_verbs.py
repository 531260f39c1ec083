"""Every verb on a pretend machine, as a script sees it: fields, exit codes, and what goes where."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

from nemotui.cli import VERBS, _with_profile, _with_verb
from nemotui.cli.backends import api_key
from tests.adapters.raw_http import raw_server, reply
from tests.cli.conftest import SMALL_BENCH, Ran, Run

GPU_FIELDS = {
    *("index", "uuid", "name", "memory_total_bytes", "memory_free_bytes", "memory_used_bytes", "compute_capability"),
    *("utilization_percent", "temperature_c", "power_w", "mig_enabled", "state", "processes"),
}
PLAN_FIELDS = {
    *("variant", "model", "tensor_parallel_size", "gpus", "verdict", "published", "reasons", "would_fit_if", "memory"),
    *("max_num_seqs", "max_model_len", "predicted", "command"),
}
BENCH_FIELDS = {
    *("completed", "failed", "total_input_tokens", "total_output_tokens", "duration", "request_throughput"),
    *("output_throughput", "total_token_throughput", "max_concurrency", "num_prompts", "model_id", "date"),
    *("as_vllm", "mean_ttfa_ms", "median_ttfa_ms", "p99_ttfa_ms", "tokens_per_chunk", "clock", "published", "run"),
    *(
        f"{statistic}_{quantity}_ms"
        for statistic in ("mean", "median", "std", "p50", "p90", "p95", "p99")
        for quantity in ("ttft", "tpot", "itl", "e2el")
    ),
}
CHAT_FIELDS = {
    *("mode", "reasoning", "content", "finish_reason", "usage", "ttft_ms", "ttfa_ms", "mean_itl_ms"),
    "tokens_per_second",
}


@pytest.mark.parametrize("verb", [*VERBS, None])
def test_help_has_an_example(nemotui: Run, verb: str | None) -> None:
    ran = nemotui(*([verb] if verb else []), "--help")
    assert (ran.code, ran.err) == (0, "")
    assert "Example: nemotui" in " ".join(ran.out.split())


def test_the_version_is_a_line_with_and_without_a_verb(nemotui: Run) -> None:
    ran = nemotui("--version")
    assert ran.out.startswith("nemotui ")
    assert nemotui("gpus", "--version").out == ran.out


def test_no_console_without_a_terminal(nemotui: Run) -> None:
    ran = nemotui()
    assert (ran.code, ran.out) == (2, "")
    assert "`nemotui up`" in ran.err


def test_an_unknown_verb_gets_the_nearest_or_all_of_them(nemotui: Run) -> None:
    assert nemotui("statsu").err == "nemotui: there is no verb 'statsu'. Did you mean status?\n"
    assert "There are gpus, recommend, check, up, pull, deploy," in nemotui("frobnicate").err


def test_a_demo_without_a_keyboard_is_the_loop_in_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    for stdin, stdout, verb in ((True, True, "console"), (False, True, "up"), (True, False, "up")):
        monkeypatch.setattr("sys.stdin.isatty", lambda is_one=stdin: is_one, raising=False)
        monkeypatch.setattr("sys.stdout.isatty", lambda is_one=stdout: is_one, raising=False)
        assert _with_verb(["--demo"])[0] == verb


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (["report", "--demo", "latest"], ["report", "--demo=2xh100", "latest"]),
        (["connect", "--demo", "curl"], ["connect", "--demo=2xh100", "curl"]),
        (["compare", "--demo", "2xb200", "a", "b"], ["compare", "--demo=2xb200", "a", "b"]),
        (["gpus", "--demo", "3xb200"], ["gpus", "--demo=3xb200"]),  # no such machine, which is said
    ],
)
def test_what_follows_demo_is_a_machine_unless_the_verb_takes_words_and_none_is_called_so(
    words: list[str], meant: list[str]
) -> None:
    assert _with_profile(words) == meant


def test_the_list_of_verbs_has_a_whole_sentence_for_each(nemotui: Run) -> None:
    assert "..." not in nemotui("--help").out.partition("Commands:")[2]


def test_gpus(nemotui: Run) -> None:
    ran = nemotui("gpus", "--demo", "2xh100", "--json")
    assert (ran.code, ran.err) == (0, "")
    found = ran.document
    assert found.keys() >= {"driver_version", "cuda_version", "gpus", "links", "host"}
    assert found["error"] is None
    assert [gpu["index"] for gpu in found["gpus"]] == [0, 1]
    assert all(gpu.keys() >= GPU_FIELDS for gpu in found["gpus"])
    a, b = (gpu["uuid"] for gpu in found["gpus"])
    assert {key: found["links"][0][key] for key in ("a", "b", "kind")} == {"a": a, "b": b, "kind": "NVLINK"}


@pytest.mark.parametrize("profile", ["2xh100", "mixed", "lost", "gb10", "2xh100-busy"])
def test_what_gpus_prints_is_a_machine_file(nemotui: Run, tmp_path: Path, profile: str) -> None:
    path = tmp_path / "box.json"
    printed = nemotui("gpus", "--demo", profile, "--json").document
    path.write_text(json.dumps(printed))
    again = nemotui("gpus", "--machine", str(path), "--json")
    assert (again.code, again.document) == (0, printed)
    there = nemotui("recommend", "--machine", str(path), "--json")
    assert there.document == nemotui("recommend", "--demo", profile, "--json").document


def test_without_a_driver_there_is_still_a_host(nemotui: Run, tmp_path: Path) -> None:
    """This machine or the pretend one: the document keeps its shape, and can still be read back."""
    ran = nemotui("gpus", "--demo", "none", "--json")
    found = ran.document
    assert (ran.code, found["error"]["kind"], found["gpus"]) == (3, "no_driver", [])
    assert found["host"]["hostname"] == "pretend-none"
    path = tmp_path / "none.json"
    path.write_text(ran.out)
    again = nemotui("gpus", "--machine", str(path), "--json")
    assert (again.code, again.document) == (3, found)


def test_the_text_of_gpus_and_recommend_fits_80_columns(nemotui: Run) -> None:
    for verb in ("gpus", "recommend"):
        ran = nemotui(verb, "--demo", "2xh100")
        assert ran.code == 0
        text = ran.out.partition("\n$ ")[0]  # a list of UUIDs cannot be broken in a command that shall be pasted
        assert [line for line in text.splitlines() if len(line) > 80] == []


def test_recommend(nemotui: Run) -> None:
    ran = nemotui("recommend", "--demo", "2xb200", "--json")
    assert (ran.code, ran.err) == (0, "")
    plans = ran.document["recommendations"]
    assert [(plan["variant"], plan["tensor_parallel_size"]) for plan in plans[:2]] == [("NVFP4", 2), ("FP8", 2)]
    assert all(plan.keys() >= PLAN_FIELDS for plan in plans)
    assert plans[0]["command"][:3] == ["docker", "run", "-d"]
    assert plans[0]["predicted"]["source"] == "published"


def test_no_plan_that_fits_is_a_failure_with_reasons(nemotui: Run) -> None:
    ran = nemotui("recommend", "--demo", "1xh100", "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (1, "nothing_fits")
    assert all(plan["verdict"] == "no" and plan["reasons"] for plan in ran.document["recommendations"])


def test_a_dry_run_is_the_recommended_command_in_one_line(nemotui: Run) -> None:
    command = nemotui("recommend", "--demo", "--json").document["recommendations"][0]["command"]
    ran = nemotui("deploy", "--demo", "--dry-run", "--", "--enforce-eager")
    assert (ran.code, ran.out.count("\n")) == (0, 1)
    assert shlex.split(ran.out) == [*command, "--enforce-eager"]


def test_status_logs_and_stop(nemotui: Run) -> None:
    status = nemotui("status", "--demo", "--json")
    assert status.code == 0
    assert [c["state"] for c in status.document["containers"]] == ["running"]
    assert status.document["server"]["models"][0]["id"] == "nemotron-super"
    stopped = nemotui("stop", "--demo", "--json")
    assert (stopped.code, stopped.document["container"]["state"]) == (0, "exited")
    log = nemotui("logs", "--demo", "--tail", "2", "--json")
    assert (log.document["count"], len(log.document["lines"]), log.document["error"]) == (2, 2, None)
    assert nemotui("logs", "--demo").out.count("\n") > 50


def test_bench(nemotui: Run, state: Path) -> None:
    ran = nemotui("bench", "--demo", "--speed", "10", "--json", "--label", "small", *SMALL_BENCH)
    assert ran.code == 0
    first, *_, result = ran.lines
    assert (first["event"], result["event"], result["error"]) == ("started", "result", None)
    assert result.keys() >= BENCH_FIELDS
    assert (result["completed"], result["failed"], result["total_output_tokens"]) == (4, 0, 32)
    assert result["time_scaled"] is True
    # The hardware is that of a published row; a run in scaled time is never held against it.
    assert result["published"]["row"] == "2×H100 FP8"
    assert result["published"]["output_throughput_ratio"] is None
    assert "time is scaled" in result["published"]["reason"]
    assert Path(result["run"]).parent == state / "demo" / "runs"  # apart from what was measured

    # The same from the directory, later and by somebody else.
    again = nemotui("bench", "--demo", "--attach", "latest", "--json")
    assert (again.code, again.lines[-1]) == (0, result)


def test_why_requests_failed_is_said_in_the_servers_words(nemotui: Run) -> None:
    ran = nemotui("bench", "--demo", "--speed", "50", "--model", "nope", *SMALL_BENCH)
    assert ran.code == 1
    assert "http_4xx: HTTP 404: The model `nope` does not exist." in ran.out
    assert "4 of 4 requests failed (4 http_4xx). All that" in ran.err


def test_what_cannot_fit_the_servers_context_is_not_sent(nemotui: Run) -> None:
    ran = nemotui("bench", "--demo", "--speed", "50", "--input-len", "300000")
    assert (ran.code, ran.out) == (2, "")
    assert "300,000 tokens in and 128 out are more than the server's context of" in ran.err


def test_a_run_needs_a_server_that_outlives_the_verb_to_be_detached(nemotui: Run) -> None:
    ran = nemotui("bench", "--demo", "--detach")
    assert (ran.code, ran.out) == (2, "")
    assert "nemotui simulate" in ran.err


def test_chat(nemotui: Run) -> None:
    ran = nemotui("chat", "--demo", "--speed", "50", "--mode", "off", "--json", "Say hi")
    assert (ran.code, ran.err) == (0, "")
    said = ran.document
    assert said.keys() >= CHAT_FIELDS
    assert (said["mode"], said["reasoning"], said["error"]) == ("off", "", None)
    assert said["content"]


def test_chat_answers_on_stdout_and_thinks_on_stderr(nemotui: Run) -> None:
    args = ("chat", "--demo", "--speed", "50", "--mode", "full", "--seed", "1")
    said = nemotui(*args, "--json", "Say hi").document
    ran = nemotui(*args, stdin=b"Say hi")
    assert (ran.code, ran.out) == (0, said["content"] + "\n")
    assert ran.err.startswith(said["reasoning"])
    assert "[full · TTFT" in ran.err


def test_up_is_the_whole_loop(nemotui: Run) -> None:
    ran = nemotui("up", "--demo", "--speed", "50", "--json")
    assert ran.code == 0
    *events, result = ran.lines
    assert {event["event"] for event in events} >= {
        "pulling",
        "creating",
        "created",
        "starting",
        "log",
        "deployed",
        "verified",
        "progress",
    }
    assert result["event"] == "result"
    assert result["deployment"]["reply"]["content"]
    assert result["bench"]["completed"] == 32
    assert [said["mode"] for said in result["chat"]] == ["full", "low", "off"]


def test_a_pretend_console_without_a_terminal_is_the_loop(nemotui: Run) -> None:
    """`nemotui --demo none` is `nemotui up --demo none`: no GPU, and said so in its last JSON line."""
    assert nemotui("--demo", "none").code == nemotui("up", "--demo", "none").code == 3
    ran = nemotui("--demo", "none", "--json")
    assert (ran.code, ran.lines[-1]["event"], ran.lines[-1]["error"]["kind"]) == (3, "result", "no_driver")


NOTHING: dict[str, tuple[tuple[str, ...], set[str]]] = {
    "status": (("status",), {"no_engine", "no_server"}),
    "logs": (("logs",), {"no_engine"}),
    "stop": (("stop",), {"no_engine"}),
    "deploy": (
        ("deploy", "--no-gpu", "--image", "some/image", "--model-path", "some/model"),
        {"no_engine"},
    ),
    "chat": (("chat", "hi"), {"no_server"}),
    "bench": (("bench",), {"no_server"}),
    "bench elsewhere": (("bench", "--demo", "--base-url", "http://127.0.0.1:9"), {"no_server"}),
    "recommend": (("recommend", "--demo", "none"), {"no_driver"}),
    "up": (("up", "--demo", "none"), {"no_driver"}),
    "pull": (("pull", "--demo", "none"), {"no_driver"}),
}


@pytest.mark.parametrize("case", NOTHING)
def test_nothing_to_act_on_is_exit_3_with_the_fix(nemotui: Run, case: str) -> None:
    args, kinds = NOTHING[case]
    ran = nemotui(*args)
    assert (ran.code, ran.err.count("nemotui: ")) == (3, 1)
    problem = _result(nemotui(*args, "--json"))["error"]
    assert problem["kind"] in kinds
    assert problem["fix"]


def _result(ran: Ran) -> Any:
    """The document, or the last of JSON Lines."""
    try:
        return ran.document
    except json.JSONDecodeError:
        return ran.lines[-1]


def test_the_engine_is_not_the_answer_where_a_server_was_named(nemotui: Run) -> None:
    ran = nemotui("status", "--base-url", "http://127.0.0.1:1", "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (3, "no_server")
    assert nemotui("status", "--json").document["error"]["kind"] == "no_engine"


def test_a_server_that_wants_a_key_is_there(nemotui: Run) -> None:
    with raw_server(lambda _: reply(401, b'{"error": "Unauthorized"}')) as url:
        ran = nemotui("status", "--base-url", url, "--json")
    assert (ran.code, ran.document["error"]["kind"]) == (1, "http_401")


def test_whose_key_goes_where(monkeypatch: pytest.MonkeyPatch) -> None:
    """VLLM_API_KEY is of the server on this machine; NEMOTUI_API_KEY is of any."""
    monkeypatch.delenv("NEMOTUI_API_KEY", raising=False)
    monkeypatch.setenv("VLLM_API_KEY", "ours")
    asked = (None, "http://127.0.0.1:8000", "http://localhost", "http://[::1]:9", "https://api.example.com", "http://[")
    assert [api_key(None, url) for url in asked] == ["ours"] * 4 + [None] * 2
    monkeypatch.setenv("NEMOTUI_API_KEY", "any")
    assert {api_key(None, url) for url in asked} == {"any"}
