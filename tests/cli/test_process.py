"""What is imported, and what becomes of a defect: both only show in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nemotui.core.bench import BenchSpec
from nemotui.rundir import RunDirectory
from tests.cli.conftest import SMALL_BENCH, Run

# Run it, and note in a file what was imported by then.
IN_PROCESS = "import sys; from nemotui.cli import run; code = run(sys.argv[1:]); "
LOAD = "import sys; from nemotui.load.__main__ import main; code = main(); "
TELL = "import os; print(*sys.modules, file=open(os.environ['IMPORTED'], 'w')); sys.exit(code)"


def imported(environment: dict[str, str], tmp_path: Path, program: str, *args: str) -> set[str]:
    """The modules that a command line has imported when it ends."""
    names = tmp_path / "imported"
    done = subprocess.run(
        [sys.executable, "-c", program + TELL, *args],
        capture_output=True,
        env=environment | {"IMPORTED": str(names)},
        timeout=120,
        check=False,
    )
    assert (done.returncode, b"Traceback" in done.stderr) == (0, False), done.stderr
    return set(names.read_text().split())


HEADLESS = [
    ("--help",),
    ("--version",),
    ("gpus", "--demo"),
    ("recommend", "--demo"),
    ("deploy", "--demo", "--dry-run"),
    ("status", "--demo"),
    ("logs", "--demo"),
    ("stop", "--demo"),
    ("bench", "--demo", "--speed", "20", *SMALL_BENCH),
    ("chat", "--demo", "--speed", "50", "hi"),
    ("up", "--demo", "--speed", "50"),
    ("simulate", "--help"),
    ("console", "--help"),
    ("--plain", "deploy", "--demo", "--speed", "50"),
]


@pytest.mark.parametrize("args", HEADLESS, ids=" ".join)
def test_no_headless_verb_imports_textual(environment: dict[str, str], tmp_path: Path, args: tuple[str, ...]) -> None:
    assert "textual" not in imported(environment, tmp_path, IN_PROCESS, *args)


def test_the_load_process_does_not_import_textual(environment: dict[str, str], tmp_path: Path) -> None:
    nobody = BenchSpec(base_url="http://127.0.0.1:9", model="m")
    run = RunDirectory.create(tmp_path, nobody, {}, now=0)
    assert "textual" not in imported(environment, tmp_path, LOAD, str(run.path))
    assert run.result()["error"]["kind"] == "no_server"


@pytest.mark.parametrize("verb", ["gpus", "recommend"])
def test_what_asks_nobody_imports_no_client(
    environment: dict[str, str], tmp_path: Path, nemotui: Run, verb: str
) -> None:
    """Neither HTTP nor Docker nor the pretend server: they cost most of the start."""
    machine = tmp_path / "box.json"
    machine.write_text(nemotui("gpus", "--demo", "--json").out)
    modules = imported(environment, tmp_path, IN_PROCESS, verb, "--machine", str(machine))
    assert modules & {"httpx", "starlette", "uvicorn", "pynvml"} == set()
    assert modules & {"docker"} == ({"docker"} if verb == "gpus" else set())  # gpus asks the engine for its version


BROKEN = """
import nemotui.core.recommend

def broken(*args):
    raise RuntimeError("the \\x1b[31mmiddle fell out")

nemotui.core.recommend.recommend = broken
"""


@pytest.fixture
def defective(tmp_path: Path) -> dict[str, str]:
    """An environment in which the recommendation has a defect."""
    folder = tmp_path / "site"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(BROKEN)
    return {"PYTHONPATH": str(folder)}


def test_a_defect_is_one_line(nemotui: Run, defective: dict[str, str], state: Path) -> None:
    ran = nemotui("recommend", "--demo", env=defective)
    assert (ran.code, ran.out) == (1, "")
    assert ran.err == (
        "nemotui: this is a defect of nemotui: RuntimeError: the middle fell out."
        " Run it again with NEMOTUI_DEBUG=1 to write the details to a log file.\n"
    )
    assert not state.exists()


def test_a_defect_keeps_the_document(nemotui: Run, defective: dict[str, str]) -> None:
    found = nemotui("recommend", "--demo", "--json", env=defective).document
    assert (found["recommendations"], found["error"]["kind"]) == ([], "defect")


def test_the_traceback_goes_to_the_log_file_on_request(nemotui: Run, defective: dict[str, str], state: Path) -> None:
    ran = nemotui("recommend", "--demo", env=defective | {"NEMOTUI_DEBUG": "1"})
    log = state / "nemotui.log"
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert str(log) in ran.err
    assert "Traceback (most recent call last)" in log.read_text()
    assert "RuntimeError" in log.read_text()


def test_a_log_file_that_cannot_be_written_is_said(nemotui: Run, defective: dict[str, str]) -> None:
    ran = nemotui("recommend", "--demo", env=defective | {"NEMOTUI_DEBUG": "1", "NEMOTUI_STATE_DIR": "/proc/none"})
    assert (ran.code, ran.err.count("\n")) == (1, 1)
    assert "The log file could not be written" in ran.err
