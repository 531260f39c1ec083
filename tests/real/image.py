"""A small image whose entry point is our own pretend server, made without a registry from what this machine has.

The interpreter that runs the tests, its standard library, the distributions that the pretend server needs, and the
shared libraries that all of these load, each at its own path; then `docker import`.
"""

from __future__ import annotations

import importlib.metadata
import io
import json
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from docker import DockerClient

import nemotui

_DISTRIBUTIONS = ("starlette", "uvicorn", "httptools", "msgspec", "prometheus-client")
_SITE = Path("/opt/site")
_LEFT_OUT = {"test", "tests", "idlelib", "tkinter", "turtledemo", "ensurepip", "lib2to3", "site-packages"}
_ENTRY_POINT = ("-m", "nemotui.sim", "serve")


def build(client: DockerClient, tag: str) -> None:
    """Make the image; about 100 MB and four seconds."""
    python = Path(os.path.realpath(sys._base_executable))  # type: ignore[attr-defined]  # not the venv's link
    files = dict(_files())
    files[python] = python
    files[Path("/bin/sh")] = Path(os.path.realpath("/bin/sh"))  # `docker exec` goes through one; it needs libc alone
    libraries = _libraries([source for source in files.values() if source == python or ".so" in source.suffixes])
    files |= {library: library for library in libraries}
    with tempfile.NamedTemporaryFile(suffix=".tar") as archive:
        with tarfile.open(fileobj=archive, mode="w", dereference=True) as tar:
            for target, source in files.items():
                tar.add(source, str(target))
            _text(tar, "etc/passwd", "root:x:0:0:root:/root:/bin/false\n")
            _folder(tar, "tmp", 0o1777)
        archive.flush()
        environment = {
            "PYTHONHOME": sys.base_prefix,
            "PYTHONPATH": str(_SITE),
            "PYTHONUNBUFFERED": "1",
            "LD_LIBRARY_PATH": ":".join(sorted({str(library.parent) for library in libraries})),
            "NEMOTUI_SIM_HOST": "0.0.0.0",
            "NEMOTUI_SIM_START_SECONDS": "1",
            "NEMOTUI_SIM_SPEED": "100",
        }
        repository, _, version = tag.rpartition(":")
        client.api.import_image_from_file(
            archive.name,
            repository=repository,
            tag=version,
            changes=[
                f"ENTRYPOINT {_json(python, *_ENTRY_POINT)}",
                *(f"ENV {name}={value}" for name, value in environment.items()),
            ],
        )
        client.images.get(tag)


def build_script(client: DockerClient, base: str, tag: str, script: str) -> None:
    """An image that runs this Python text instead; the container's arguments are its `sys.argv`."""
    python = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
    dockerfile = f"FROM {base}\nENTRYPOINT {_json(python, '-c', script)}\n"
    client.images.build(fileobj=io.BytesIO(dockerfile.encode()), tag=tag, rm=True)


def _files() -> Iterator[tuple[Path, Path]]:
    """Each file of Python's and of ours: where it goes, and where it is."""
    for folder in {Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("platstdlib"))}:
        for source in _walk(folder):
            yield source, source
    for name in _closure(_DISTRIBUTIONS):
        for file in importlib.metadata.files(name) or ():
            source = Path(str(file.locate()))
            if ".." not in file.parts and source.is_file():
                yield _SITE / file, source
    package = Path(nemotui.__file__).parent
    for source in _walk(package):
        yield _SITE / "nemotui" / source.relative_to(package), source


def _walk(folder: Path) -> Iterator[Path]:
    for path, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name not in _LEFT_OUT and not name.startswith("config-")]
        # Nobody runs Python with -O there, and what another Python is just compiling will have gone.
        yield from (Path(path, name) for name in names if ".opt-" not in name and ".pyc." not in name)


def _closure(names: Iterable[str]) -> set[str]:
    """Distributions with all they require, extras left out."""
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        name = waiting.pop().lower().replace("_", "-")
        if name in found:
            continue
        try:
            requires = importlib.metadata.requires(name) or ()
        except importlib.metadata.PackageNotFoundError:
            continue  # for another platform or Python
        found.add(name)
        waiting += [match[0] for text in requires if "extra ==" not in text and (match := re.match(r"[\w.-]+", text))]
    return found


def _libraries(binaries: Iterable[Path]) -> set[Path]:
    """The shared libraries that these load, with the loader."""
    listed = subprocess.run(["ldd", *map(str, binaries)], capture_output=True, text=True, check=False).stdout
    return {Path(path) for path in re.findall(r"(?:=> |^\s+)(/\S+) \(0x", listed, re.MULTILINE)}


def _text(tar: tarfile.TarFile, name: str, text: str) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(text)
    tar.addfile(entry, io.BytesIO(text.encode()))


def _folder(tar: tarfile.TarFile, name: str, mode: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    tar.addfile(entry)


def _json(*words: object) -> str:
    return json.dumps([str(word) for word in words])
