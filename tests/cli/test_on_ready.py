"""--on-ready: the user's own command, run by no shell when a start has ended."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Run
from tests.waiting import until

WRITE = "import json, os, sys; open(sys.argv[1], 'w').write(json.dumps(dict(os.environ, said=sys.argv[2])))"

FAILS = ("--", "--max-num-seqs", "4096")  # more than there are blocks


def told(path: Path) -> str:
    """What the command wrote; the verb does not wait for it."""
    until(lambda: path.exists() and path.read_text())
    return path.read_text()


@pytest.mark.parametrize(("verb", "extra", "code", "state"), [("up", (), 0, "ready"), ("deploy", FAILS, 1, "failed")])
def test_it_is_told_how_the_start_has_ended(
    nemotui: Run, tmp_path: Path, verb: str, extra: tuple[str, ...], code: int, state: str
) -> None:
    path = tmp_path / "said"
    hook = f'{sys.executable} -c "{WRITE}" {path} "$HOME; and more"'

    ran = nemotui(verb, "--demo", "--speed", "100", "--on-ready", hook, *extra)

    text = told(path)
    assert ran.code == code
    assert f'"NEMOTUI_STATE": "{state}"' in text
    assert ('"NEMOTUI_URL": "http://127.0.0.1:' in text) == (state == "ready")
    assert '"said": "$HOME; and more"' in text  # nothing was expanded


def test_a_command_that_is_not_there_costs_nothing_but_a_word(nemotui: Run) -> None:
    ran = nemotui("deploy", "--demo", "--on-ready", "/nowhere/bell", *FAILS)

    assert ran.code == 1
    assert "--on-ready: /nowhere/bell cannot be run: No such file or directory" in ran.err


@pytest.mark.parametrize("command", ["say 'ready", " "])
def test_a_command_that_cannot_be_read_is_a_usage_error(nemotui: Run, command: str) -> None:
    ran = nemotui("up", "--demo", "--on-ready", command)

    assert (ran.code, ran.out) == (2, "")
    assert "--on-ready" in ran.err
