"""A file is there whole or not at all, whoever reads it and however its writing ends."""

from __future__ import annotations

import os
import resource
from pathlib import Path

import pytest

from nemotui.whole_file import whole_file


def test_a_reader_sees_what_was_there_until_all_of_the_new_is(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")
    with whole_file(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert os.listdir(tmp_path) == ["kept.json"]


def test_an_error_on_the_way_leaves_what_was_there_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    path.write_bytes(b"old")
    with pytest.raises(KeyboardInterrupt), whole_file(path) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["kept.json"]


def test_a_full_disk_is_an_error_and_leaves_nothing(tmp_path: Path) -> None:
    """No file may grow beyond a limit, as no file can on a full disk."""
    _, most = limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
    try:
        with pytest.raises(OSError, match="large"), whole_file(tmp_path / "kept.json") as file:
            file.write(bytes(2000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_what_is_no_file_is_not_replaced_by_one(tmp_path: Path) -> None:
    path = tmp_path / "device"
    os.mkfifo(path)
    with pytest.raises(OSError, match="is no file"), whole_file(path):
        raise AssertionError("nothing can be written")
    assert path.is_fifo()
    assert os.listdir(tmp_path) == ["device"]


def test_two_writers_at_once_do_not_meet(tmp_path: Path) -> None:
    path = tmp_path / "kept.json"
    with whole_file(path) as one, whole_file(path) as two:
        one.write(b"one")
        two.write(b"two")
    assert path.read_bytes() == b"one"  # whose block ended last
    assert os.listdir(tmp_path) == ["kept.json"]


def test_what_is_private_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "state" / "server.env"
    with whole_file(path, private=True) as file:
        file.write(b"secret")
        (part,) = path.parent.iterdir()
        assert part.stat().st_mode & 0o777 == 0o600  # while it is written, too
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_is_not_there_is_made_only_for_what_is_private(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), whole_file(tmp_path / "none" / "report.html"):
        pass
