"""`nemotui --plain`: what a pane shows, as text."""

from __future__ import annotations

import pytest

from nemotui.cli import run


def test_a_pane_is_named_and_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--plain", "gpus", "--demo", "2xh100"]) == 0
    assert "NVIDIA H100 80GB HBM3" in capsys.readouterr().out


def test_every_pane_stands_under_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--demo", "2xh100", "--plain", "--speed", "100"]) == 0
    out = capsys.readouterr().out
    for name in ("GPUs\n----", "Deploy\n------", "Logs\n----", "Bench\n-----", "Chat\n----"):
        assert name in out
    assert "serves nemotron-super" in out
    assert "Application startup complete" in out


@pytest.mark.parametrize(
    ("argv", "words"),
    [(["--plain", "gpsu"], "Did you mean gpus?"), (["console", "--plain", "gpus", "--json"], "nemotui gpus --json")],
)
def test_what_it_cannot_print_is_said(argv: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(argv) == 2
    assert words in capsys.readouterr().err
