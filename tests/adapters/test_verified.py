"""What trust checks have found is kept, the newest of each server."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from nemotui.adapters.verified import VerifiedFile
from nemotui.core.errors import FailedError
from nemotui.core.verified import Verified
from nemotui.core.verify_checks import TrustCheck

pytestmark = pytest.mark.anyio

CHECK = TrustCheck(name="usage", status="warn", sent="a", found="b", means="c", fix="d")
FOUND = Verified(at=1.0, base_url="http://a", model="m", checks=(CHECK,))


async def test_the_newest_of_each_server_is_kept(tmp_path: Path) -> None:
    file = VerifiedFile(tmp_path / "state" / "verified.json")
    assert await file.last("http://a", "m") is None
    await file.keep(FOUND)
    other = replace(FOUND, base_url="http://b", checks=())
    await file.keep(other)
    newer = replace(FOUND, at=2.0)
    await file.keep(newer)
    assert await file.last("http://a", "m") == newer
    assert await file.last("http://b", "m") == other
    assert await file.last("http://a", "n") is None
    for number in range(60):
        await file.keep(replace(FOUND, model=str(number)))
    assert await file.last("http://a", "59") is not None
    assert await file.last("http://a", "m") is None


@pytest.mark.parametrize("text", ["", "{", "[7]", '[{"at": 1}]', "\xff"])
async def test_a_file_that_is_none_is_as_good_as_nothing(tmp_path: Path, text: str) -> None:
    path = tmp_path / "verified.json"
    path.write_bytes(text.encode("latin-1"))
    assert await VerifiedFile(path).last("http://a", "m") is None
    await VerifiedFile(path).keep(FOUND)
    assert await VerifiedFile(path).last("http://a", "m") == FOUND


async def test_where_it_cannot_be_written_it_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FailedError, match="cannot be written"):
        await VerifiedFile(tmp_path / "file" / "verified.json").keep(FOUND)
