"""How much of a repository is in the model cache, by files as Hugging Face lays them."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemotui.adapters.model_cache import HubCache

pytestmark = pytest.mark.anyio

REPO = "nvidia/Some-Model"


def blobs(folder: Path) -> Path:
    path = folder / "hub" / "models--nvidia--Some-Model" / "blobs"
    path.mkdir(parents=True)
    return path


async def test_nothing_is_held_where_nothing_is(tmp_path: Path) -> None:
    assert await HubCache(tmp_path / "none").held_bytes(REPO) == 0
    assert await HubCache(tmp_path).held_bytes("../../etc") == 0


async def test_whole_and_unfinished_files_count_and_those_of_others_do_not(tmp_path: Path) -> None:
    folder = blobs(tmp_path)
    (folder / "a").write_bytes(b"x" * 10_000)
    (folder / "b.incomplete").write_bytes(b"x" * 5_000)
    snapshot = folder.parent / "snapshots" / "1"
    snapshot.mkdir(parents=True)
    (snapshot / "model.safetensors").symlink_to(folder / "a")
    other = tmp_path / "hub" / "models--nvidia--Other" / "blobs"
    other.mkdir(parents=True)
    (other / "c").write_bytes(b"x" * 1_000)

    assert await HubCache(tmp_path).held_bytes(REPO) == 15_000


async def test_a_file_that_was_made_in_its_full_length_counts_what_was_written(tmp_path: Path) -> None:
    with (blobs(tmp_path) / "a.incomplete").open("wb") as file:
        file.write(b"x" * 8192)
        file.truncate(10**9)

    assert await HubCache(tmp_path).held_bytes(REPO) < 10**6
