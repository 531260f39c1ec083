"""What a lab leaves on disk: both files or none, nobody else's replaced; and what a file of prompts can be."""

from __future__ import annotations

import asyncio
import json
import os
import stat
from pathlib import Path

import pytest

from nemotui.adapters.lab_files import LabFolder
from nemotui.core.errors import FailedError, UsageError
from tests.core.scripted import Clock

pytestmark = pytest.mark.anyio


async def test_labs_of_one_second_are_kept_beside_each_other(tmp_path: Path) -> None:
    folders = [LabFolder(tmp_path / "lab", Clock()) for _ in range(4)]
    paths = await asyncio.gather(*(f.save("A riddle!", {"n": n}, f"# {n}") for n, f in enumerate(folders)))
    assert len(set(paths)) == 4
    for n, path in enumerate(map(Path, paths)):
        assert path.name.startswith("19700101T001640Z-A-riddle")
        assert json.loads((path / "lab.json").read_text()) == {"n": n}
        assert (path / "lab.md").read_text() == f"# {n}"
        assert stat.S_IMODE((path / "lab.md").stat().st_mode) == 0o600
    assert sorted(p.name for p in (tmp_path / "lab").iterdir()) == sorted(Path(p).name for p in paths)


@pytest.mark.parametrize("name", ["../../etc", "", "\x1b[31m", "a/b\0c", "é" * 300])
async def test_a_name_is_never_a_way_out(tmp_path: Path, name: str) -> None:
    path = Path(await LabFolder(tmp_path, Clock()).save(name, {}, ""))
    assert path.parent == tmp_path


async def test_what_cannot_be_written_is_told_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "lab").write_text("a file")
    with pytest.raises(FailedError, match="cannot be kept"):
        await LabFolder(tmp_path / "lab", Clock()).save("x", {}, "")
    assert os.listdir(tmp_path) == ["lab"]


@pytest.mark.parametrize("path", ["/nowhere", ".", "~nobody-at-all/x", "a\0b", "/proc/self/mem"])
async def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, path: str) -> None:
    with pytest.raises(UsageError, match="cannot read"):
        await LabFolder(tmp_path, Clock()).prompts(path)


async def test_a_file_of_prompts_is_read(tmp_path: Path) -> None:
    file = tmp_path / os.fsdecode(b"mine\xff.txt")
    file.write_text("one\ntwo\n")
    assert [p.prompt for p in await LabFolder(tmp_path, Clock()).prompts(str(file))] == ["one", "two"]
