"""The server's key: made once, for its owner's eyes, in the form that `docker run --env-file` reads."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from docker.utils import parse_env_file

from nemotui.adapters.docker import create_arguments
from nemotui.adapters.keyfile import KeyFile
from nemotui.core.errors import FailedError
from nemotui.core.plan import ContainerSpec

pytestmark = pytest.mark.anyio


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


async def test_a_key_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    path = tmp_path / "state" / "server.env"
    assert KeyFile(path).key() is None
    made = await KeyFile(path).ensure()
    assert made is not None
    assert len(made) >= 40
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert parse_env_file(str(path)) == {"VLLM_API_KEY": made}
    again = KeyFile(path)
    assert await again.ensure() is None
    assert again.key() == made
    assert [p.name for p in path.parent.iterdir()] == ["server.env"]


async def test_a_key_that_was_given_is_kept_and_never_shown(tmp_path: Path) -> None:
    path = tmp_path / "server.env"
    await KeyFile(path).ensure()
    path.chmod(0o644)
    assert await KeyFile(path, given="sk-mine").ensure() is None
    assert (path.read_text(), mode(path)) == ("VLLM_API_KEY=sk-mine\n", 0o600)


@pytest.mark.parametrize("text", ["", "VLLM_API_KEY=", "OTHER=1", "VLLM_API_KEY=a b", "VLLM_API_KEY=a\nX=1", "\xff"])
async def test_a_file_that_holds_no_key_is_replaced(tmp_path: Path, text: str) -> None:
    path = tmp_path / "server.env"
    path.write_bytes(text.encode("latin-1"))
    assert KeyFile(path).key() is None
    assert await KeyFile(path).ensure() is not None


async def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedError, match="cannot be kept"):
        await KeyFile(tmp_path / "file" / "server.env").ensure()


async def test_no_container_is_made_without_its_key(tmp_path: Path) -> None:
    path = tmp_path / "server.env"
    spec = ContainerSpec(name="x", image="x", args=(), bind="0.0.0.0", env_file=str(path))
    with pytest.raises(FailedError, match="server's key"):
        create_arguments(spec, {})
    made = await KeyFile(path).ensure()
    assert create_arguments(spec, {})["environment"]["VLLM_API_KEY"] == made
