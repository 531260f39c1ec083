"""The one way in which a file is written here: all of it takes its name's place at once, or nothing does."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path, *, private: bool = False) -> Iterator[BinaryIO]:
    """What is written in the block is in `path` once the block has ended: a reader, even after a power cut, sees all of
    it or what was there before.

    An error in the block, or an `OSError` of ours, leaves `path` as it was and no other file beside it; so does a path
    that is no file: root would replace /dev/null. `private`: only its owner may read the file, and its folder is made,
    for its owner alone, where there is none.
    """
    if path.exists() and not path.is_file():
        raise OSError(errno.EEXIST, "It is there and is no file", str(path))
    if private:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.part")
    try:
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o666), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except BaseException:
        with suppress(OSError):
            part.unlink()
        raise
