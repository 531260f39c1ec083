"""Planted secrets, and the whole loop: what it prints, what it writes, and what others see of its processes."""

from __future__ import annotations

import stat
import subprocess
import tarfile
import time
from pathlib import Path

from tests.cli.conftest import PROGRAM, Run

HF, KEY = "hf_PLANTEDtoken0123456789", "sk-PLANTEDkey0123456789"


def command_lines() -> str:
    """Those of every process that we may look at."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(path.read_bytes().replace(b"\0", b" ").decode("utf-8", "replace"))
        except OSError:  # it has ended
            continue
    return "\n".join(found)


def written(folder: Path) -> dict[Path, str]:
    return {path: path.read_text("utf-8", "replace") for path in folder.rglob("*") if path.is_file()}


def test_the_loop_leaves_no_secret_but_in_the_key_file(environment: dict[str, str], tmp_path: Path) -> None:
    environment |= {"HF_TOKEN": HF, "NEMOTUI_API_KEY": KEY}
    argv = [*PROGRAM, "up", "--demo", "2xh100", "--bind", "0.0.0.0", "--speed", "50", "--json"]
    seen = []
    with subprocess.Popen(
        argv, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        lines = []
        last = 0.0
        for line in process.stdout:
            lines.append(line.decode())
            if time.monotonic() - last > 0.5:
                last = time.monotonic()
                seen.append(command_lines())
    said = "".join(lines)
    assert process.returncode == 0, said[-2000:]
    assert '"event":"result"' in said
    assert any("nemotui.sim serve" in each for each in seen)  # the server ran while we looked
    files = written(tmp_path)
    (key_file,) = [path for path in files if path.name == "server.env"]
    assert files.pop(key_file) == f"VLLM_API_KEY={KEY}\n"
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert any(path.name == "environment.json" for path in files)  # a benchmark was stored
    for secret in (HF, KEY):
        assert secret not in said
        assert not any(secret in each for each in seen)
        assert [path for path, text in files.items() if secret in text] == []


def test_the_command_names_secrets_and_an_error_shows_none(nemotui: Run) -> None:
    env = {"HF_TOKEN": HF, "VLLM_API_KEY": KEY, "HTTPS_PROXY": f"http://me:{KEY}@proxy.invalid:3128"}
    for args in (
        ("deploy", "--demo", "--dry-run", "--explain"),
        ("deploy", "--demo", "--dry-run", "--json", "--bind", "0.0.0.0"),
        ("recommend", "--demo", "--json", "--explain"),
        ("check", "--demo", "--json"),
        ("deploy", "--no-gpu", "--image", "some/image", "--model-path", "some/model"),  # no engine here
    ):
        ran = nemotui(*args, env=env)
        assert HF not in ran.out + ran.err
        assert KEY not in ran.out + ran.err
    assert "-e HF_TOKEN -e VLLM_API_KEY -e HTTPS_PROXY" in nemotui("deploy", "--demo", "--dry-run", env=env).out


def test_an_open_server_gets_a_key_that_is_shown_once(nemotui: Run, state: Path) -> None:
    first = nemotui("deploy", "--demo", "--dry-run", "--bind", "0.0.0.0")
    second = nemotui("deploy", "--demo", "--dry-run", "--bind", "0.0.0.0")

    key_file = state / "demo" / "server.env"
    key = key_file.read_text().strip().removeprefix("VLLM_API_KEY=")
    assert f"The server's key, shown this once: {key}" in first.err
    assert f"--env-file {key_file}" in first.out
    assert "ufw" in first.err
    assert key not in first.out + second.out + second.err
    assert second.out == first.out


def test_a_bundle_holds_no_secret(nemotui: Run, tmp_path: Path) -> None:
    bundle = tmp_path / "incident.tar.gz"
    ran = nemotui("bundle", "--demo", "2xh100", str(bundle), env={"HF_TOKEN": HF, "NEMOTUI_API_KEY": KEY})
    assert ran.code == 0
    with tarfile.open(bundle) as tar:
        files = {member.name: tar.extractfile(member) for member in tar.getmembers()}
        texts = {name: file.read().decode() for name, file in files.items() if file}
    assert len(texts) == 5
    for secret in (HF, KEY):
        assert [name for name, text in texts.items() if secret in text] == []
