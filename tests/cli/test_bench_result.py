"""What `nemotui bench` says of a run beside its figures: a sentence, energy, the server's side, who else was there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.cli.conftest import SMALL_BENCH, Run
from tests.pretend import pretend_server

THREE_SECONDS = ("--num-prompts", "8", "--max-concurrency", "4", "--input-len", "32", "--output-len", "128")


@pytest.fixture
def server(environment: dict[str, str]) -> Iterator[str]:
    with pretend_server(environment=environment) as url:
        yield url


def result(lines: list[Any]) -> dict[str, Any]:
    assert lines[-1]["event"] == "result"
    return dict(lines[-1])


def test_the_verdict_the_energy_the_price_and_the_servers_side(nemotui: Run) -> None:
    ran = nemotui("bench", "--demo", "2xh100", *THREE_SECONDS, "--json", env={"NEMOTUI_PRICE_PER_HOUR": "9.98"})
    found = result(ran.lines)
    assert ran.code == 0
    assert "output tok/s; clock " in found["verdict"]
    assert found["energy"]["gpus"] == 2
    assert found["energy"]["energy_j"] == pytest.approx(found["energy"]["mean_power_w"] * found["duration"])
    assert 140 < found["energy"]["mean_power_w"] < 1400
    price = 9.98 / 3600 / found["output_throughput"] * 1e6
    assert found["cost"]["usd_per_million_output_tokens"] == pytest.approx(price)
    assert found["server_side"]["max_running"] == 4
    assert not found["server_side"]["restarted"]
    assert found["server_side"]["mean_itl_ms"] == pytest.approx(found["mean_itl_ms"], rel=0.5)
    assert any(line["event"] == "observed" and line["gpus"] == 2 for line in ran.lines)


def test_the_text_has_the_sentence_both_tables_and_what_to_make_of_them(nemotui: Run) -> None:
    out = nemotui("bench", "--demo", *THREE_SECONDS).out
    for words in (
        "output tok/s; clock",
        "TTFT",
        "TTFA",
        "as vllm",
        "mean E2EL ms",
        "closed loop, 4 at once",
        "by sampled",
    ):
        assert words in out


def test_completions_without_a_chat_template(nemotui: Run, server: str) -> None:
    ran = nemotui("bench", "--base-url", server, "--endpoint", "completions", *SMALL_BENCH, "--json")
    assert (ran.code, result(ran.lines)["endpoint_type"], result(ran.lines)["completed"]) == (0, "openai", 4)


def test_two_at_one_server_know_of_each_other(nemotui: Run, server: str) -> None:
    long = nemotui("bench", "--base-url", server, "--preset", "published", "--detach", "--label", "long", "--json")
    ran = nemotui("bench", "--base-url", server, *SMALL_BENCH, "--json")
    name = long.lines[-1]["run"].rpartition("/")[2]
    assert f"Another benchmark goes on at this server: {name}" in ran.err
    assert result(ran.lines)["metadata"]["beside"] == [name]
    text = nemotui("bench", "--attach", "latest").out
    assert text.count(name) == 1  # said once, by whoever noticed it
    stopped = nemotui("bench", "--stop", name, "--json")
    assert result(stopped.lines)["server_side"]["other_requests"] is not None


def test_vllms_own_tool_needs_a_container_that_holds_it(nemotui: Run, server: str) -> None:
    nobodys = nemotui("bench", "--base-url", server, *SMALL_BENCH, "--with-vllm")
    assert (nobodys.code, "needs a server that nemotui deployed" in nobodys.err) == (2, True)
    pretend = nemotui("bench", "--demo", *SMALL_BENCH, "--with-vllm", "--json")
    error = result(pretend.lines)["error"]
    assert (pretend.code, error["kind"]) == (1, "vllm_bench")
    assert "not found" in error["message"]
    assert result(pretend.lines)["completed"] == 4  # ours is kept


def test_waiting_for_vllm_and_not_waiting_at_all_exclude_each_other(nemotui: Run) -> None:
    ran = nemotui("bench", "--detach", "--with-vllm")
    assert (ran.code, "has to be waited for" in ran.err) == (2, True)


def test_a_price_is_a_price(nemotui: Run) -> None:
    for price in ("-1", "0", "free", "nan"):
        ran = nemotui("status", env={"NEMOTUI_PRICE_PER_HOUR": price})
        assert (ran.code, "price_per_hour" in ran.err) == (2, True), json.dumps(price)
