"""Every wrong flag and file: exit 2, nothing on standard output, one line that says what to do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.conftest import Run

HOSTILE = "x\x1b]0;owned\x07\x1b[31m\x9b2J\u202e"
MANY = "1" + "0" * 30

WRONG_FLAGS = [
    "frobnicate",
    "--frobnicate",
    "gpus --frobnicate",
    "gpus extra",
    "gpus --demo 2xh1000",
    "gpus --demo --machine box.json",
    "gpus --demo --speed nan",
    "gpus --demo --speed 0",
    "gpus --demo --speed fast",
    "recommend --demo --variant INT4",
    "recommend --demo --tp 3",
    "recommend --demo --tp 16",
    "recommend --demo --gpus a,b",
    "recommend --demo --gpus 0,7",
    "recommend --demo --context 0",
    f"recommend --demo --context {MANY}",
    "recommend --demo --max-num-seqs -1",
    "recommend --demo --mtp 99",
    "recommend --demo --port 0",
    "recommend --demo --port 65536",
    "recommend --demo --bind everywhere",
    "recommend --demo --name /etc",
    "recommend --demo --image -v",
    "recommend --demo --as-published --context 4096",
    "deploy --demo --dry-run unexpected",
    "deploy --demo -- --api-key sk-EXTRA",
    "deploy --demo --dry-run -- --hf-token=hf_EXTRA",
    "deploy --no-gpu",
    "simulate --tp 3",
    "up",
    "up --json",
    "logs --demo --tail 0",
    f"logs --demo --tail {MANY}",
    "stop --grace -1",
    "status --base-url localhost:8000",
    "status --base-url http://127.0.0.1:99999",
    "status --base-url http://[::1",
    "chat --base-url ftp://127.0.0.1 hi",
    "bench --base-url http://:8000",
    "bench --demo --num-prompts 0",
    f"bench --demo --num-prompts {MANY}",
    "bench --demo --request-rate 0",
    "bench --demo --request-rate nan",
    "bench --demo --request-rate often",
    "bench --demo --burstiness nan",
    "bench --demo --preset slow",
    f"bench --demo --seed {MANY}",
    "bench --demo --output /proc/nowhere",
    "bench --attach no-such-run",
    "bench --attach /no/such/run",
    "chat --demo --mode loud hi",
    "chat --demo --temperature nan hi",
    "chat --demo --top-p 0 hi",
    "chat --demo --max-tokens 0 hi",
    "chat --demo",
]


@pytest.mark.parametrize("line", WRONG_FLAGS)
def test_a_wrong_flag_is_one_line_and_exit_2(nemotui: Run, line: str) -> None:
    ran = nemotui(*line.split())
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("nemotui: ")
    assert ran.err.count("\n") == 1


def test_an_unknown_machine_gets_the_nearest_name(nemotui: Run) -> None:
    assert "Did you mean 2xh100" in nemotui("gpus", "--demo", "2xh10").err


FILES: dict[str, bytes | None] = {
    "missing": None,
    "a folder": None,
    "no end": None,
    "binary": bytes(range(256)),
    "huge": b"#" * (9 * 2**20),
    "escapes": HOSTILE.encode(),
    "escapes in a key": f'{{"{HOSTILE}": 1, "gpus": [{{"index": "{HOSTILE}"}}]}}'.encode(),
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("kind", FILES)
@pytest.mark.parametrize("flag", ["--machine", "--config", "--api-key-file"])
def test_a_wrong_file_is_one_line_and_exit_2(nemotui: Run, tmp_path: Path, flag: str, kind: str) -> None:
    path = tmp_path / "given"
    if kind == "a folder":
        path.mkdir()
    elif kind == "no end":
        path = Path("/dev/zero")
    elif content := FILES[kind]:
        path.write_bytes(content)
    ran = nemotui(*(("chat", "--demo", "hi") if flag == "--api-key-file" else ("gpus",)), flag, str(path))
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("nemotui: ")
    assert ran.err.count("\n") == 1
    assert str(path) in ran.err


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('prot = 8001\n"base_ulr" = "x"', "unknown key"),
        ('port = "many"', "port"),
        (f"{'x' * 5} = 1", "unknown key"),
        ('image = "a\\u001b[31m"', "plain text"),
        ('"a\\u001b[31mb" = 1', "unknown key 'ab'"),
    ],
)
def test_a_wrong_configuration_names_its_key(nemotui: Run, tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "config" / "nemotui" / "config.toml"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    ran = nemotui("gpus", "--demo")
    assert (ran.code, ran.err.count("\n")) == (2, 1)
    assert words in ran.err
    assert str(path) in ran.err


@pytest.mark.parametrize(
    ("line", "env"),
    [
        ("recommend --demo", {"NEMOTUI_PORT": "many"}),
        ("recommend --demo", {"NEMOTUI_IMAGE": HOSTILE}),
        ("recommend --demo", {"NEMOTUI_CONFIG": "/nowhere.toml"}),
        ("recommend --demo", {"NEMOTUI_CATALOG": "/nowhere.toml"}),
        ("status --demo", {"NEMOTUI_API_KEY": "open\nsesame"}),  # a key is read only by what asks a server
        ("status --demo", {"NEMOTUI_API_KEY": "s\u00e9same"}),
    ],
)
def test_a_wrong_variable_is_one_line_and_exit_2(nemotui: Run, line: str, env: dict[str, str]) -> None:
    ran = nemotui(*line.split(), env=env)
    assert (ran.code, ran.out, ran.err.count("\n")) == (2, "", 1)


@pytest.mark.parametrize(
    "args",
    [
        ("gpus", "--machine", HOSTILE),
        ("gpus", "--config", HOSTILE),
        ("gpus", "--demo", HOSTILE),
        ("recommend", "--demo", "--model-path", HOSTILE, "--variant", "FP8"),
        ("deploy", "--demo", "--dry-run", "--", f"--x={HOSTILE}"),
        ("deploy", "--demo", "--dry-run", "--image", "a\nb"),
        ("bench", "--demo", "--label", HOSTILE),
        ("bench", "--output", HOSTILE),
        ("logs", "--name", HOSTILE),
        ("chat", "--api-key-file", HOSTILE, "hi"),
        ("chat", "--base-url", HOSTILE, "hi"),
        (HOSTILE,),
    ],
)
def test_hostile_arguments_are_refused_in_a_plain_line(nemotui: Run, args: tuple[str, ...]) -> None:
    ran = nemotui(*args)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.count("\n") == 1
    assert "31m" not in ran.err.replace("\\x1b[31m", "")  # as repr shows it, or not at all


def test_an_argument_that_is_not_text_is_refused(nemotui: Run) -> None:
    ran = nemotui("bench", "--label", os.fsdecode(b"\xff"))
    assert (ran.code, ran.err.count("\n")) == (2, 1)


def test_a_question_may_be_any_text(nemotui: Run) -> None:
    for prompt in (HOSTILE, os.fsdecode(b"caf\xe9")):
        assert nemotui("chat", "--demo", "--speed", "100", "--mode", "off", prompt).code == 0
