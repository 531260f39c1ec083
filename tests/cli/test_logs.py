"""`nemotui logs`: chosen lines, as text and as JSON, and the whole log in a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run


def test_lines_are_chosen_by_terms_level_and_context(nemotui: Run) -> None:
    found = nemotui("logs", "--demo", "--grep", '"KV cache" !usage', "--json").document
    assert found["count"] == len(found["lines"]) > 0
    assert all("KV cache" in line["text"] and "usage" not in line["text"] for line in found["lines"])
    text = nemotui("logs", "--demo", "--grep", "KV cache memory", "-C", "2", "-t").out.splitlines()
    assert len(text) == 5
    assert "KV cache memory" in text[2]
    assert all(line[10] == "T" and line[23] == "Z" for line in text)
    assert nemotui("logs", "--demo", "--level", "error", "--json").document["count"] == 0
    open_quote = nemotui("logs", "--demo", "--grep", '"KV cache', "--level", "info", "--json").document
    assert open_quote["count"] > 0
    assert nemotui("logs", "--demo", "--grep", '"KV cache', "--level", "error", "--json").document["count"] == 0


def test_the_last_minutes_and_without_routine_lines(nemotui: Run) -> None:
    recent = nemotui("logs", "--demo", "--since", "10m", "--no-routine", "--json").document
    assert recent["count"] > 50
    assert not any("GET /metrics" in line["text"] for line in recent["lines"])


def test_the_whole_log_in_a_file(nemotui: Run, tmp_path: Path) -> None:
    path = tmp_path / "server.log"
    saved = nemotui("logs", "--demo", "--save", str(path), "--json").document
    assert (saved["path"], saved["size_bytes"], saved["error"]) == (str(path), path.stat().st_size, None)
    assert b"\rLoading safetensors" in path.read_bytes()


@pytest.mark.parametrize(
    "flags", [("--since", "soon"), ("--since", "1w"), ("--level", "loud"), ("--context", "-1"), ("--save", "/")]
)
def test_what_cannot_be_meant_is_a_usage_error(nemotui: Run, flags: tuple[str, str]) -> None:
    run = nemotui("logs", "--demo", *flags)
    assert run.code == 2
    assert run.err.count("\n") == 1
