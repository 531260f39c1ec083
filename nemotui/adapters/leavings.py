"""What nemotui has left here: containers and images in the engine, weights and caches on disk, its own state."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from nemotui.adapters import threads
from nemotui.adapters.runs import RunsFolder
from nemotui.core.errors import FailedError, NemotuiError
from nemotui.core.leavings import Leaving, LeavingKind
from nemotui.core.models import Catalog
from nemotui.core.ports import Container
from nemotui.core.text import plain_line


class Engine(Protocol):
    """The part of the container engine that holds things of ours."""

    async def containers(self) -> Sequence[Container]: ...

    async def leftovers(self) -> Sequence[Leaving]:
        """Containers of ours that have ended, and images that we fetched."""

    async def remove_leftover(self, leaving: Leaving) -> None: ...


class LeftHere:
    """`core.leavings.Leavings`. `engine` None: a pretend one leaves nothing. `folders`: by kind, what lies in each."""

    def __init__(
        self,
        *,
        engine: Engine | None,
        runs: RunsFolder,
        catalog: Catalog,
        hf_cache: Path,
        vllm_cache: Path,
        folders: Mapping[LeavingKind, Path],
        starts: Path,
        keys: Path,
    ) -> None:
        self._engine = engine
        self._runs = runs
        self._hub = hf_cache / "hub"
        self._repos = {
            f"models--{variant.repo.replace('/', '--')}"
            for model in (catalog.model, *catalog.others)
            for variant in model.variants
        }
        self._compiled = vllm_cache / "torch_compile_cache"
        self._folders, self._starts, self._keys = folders, starts, keys

    async def found(self) -> Sequence[Leaving]:
        engine: list[Leaving] = []
        in_use = ""
        if self._engine is not None:
            try:
                running = [c.name for c in await self._engine.containers() if c.going_on]
                in_use = f"{running[0]} runs and may use it" if running else ""
                engine = list(await self._engine.leftovers())
            except NemotuiError as error:  # without an engine nobody knows who uses the caches
                in_use = f"the engine cannot be asked who uses it: {error.problem.message}"
        runs = [(run, "it is going on" if goes_on else "") for run, goes_on in await self._runs.folders()]
        return engine + await threads.call(lambda: list(self._on_disk(in_use, runs)))

    async def remove(self, leaving: Leaving) -> None:
        now = next(
            (each for each in await self.found() if (each.kind, each.name) == (leaving.kind, leaving.name)), None
        )
        if now is None:
            return
        if now.kept:
            raise FailedError("in_use", f"{now.name} stays: {now.kept}")
        if now.kind in ("containers", "images"):
            assert self._engine is not None
            await self._engine.remove_leftover(now)
        else:
            await threads.call(lambda: _delete(Path(now.name)))

    def _on_disk(self, in_use: str, runs: Sequence[tuple[Path, str]]) -> Iterator[Leaving]:
        for folder in _folders(self._hub):
            if folder.name in self._repos:
                yield _leaving("weights", folder, note="shared with whatever else uses this cache", kept=in_use)
        for folder in _folders(self._compiled):
            yield _leaving("caches", folder, note="compiled graphs: the next start compiles again", kept=in_use)
        for run, kept in runs:
            yield _leaving("runs", run, kept=kept)
        for kind, folder in self._folders.items():
            for entry in sorted(folder.glob("[!.]*")):  # a part that is being written has a dot before its name
                yield _leaving(kind, entry)
        if self._starts.exists():
            yield _leaving("starts", self._starts, note="what starts have taught: later plans and ETAs know less")
        if self._keys.exists():
            yield _leaving("keys", self._keys, note="the key of a server that is open to the network", kept=in_use)


def _leaving(kind: LeavingKind, path: Path, note: str = "", kept: str = "") -> Leaving:
    return Leaving(kind=kind, name=str(path), size_bytes=_size(path), note=note, kept=kept)


def _folders(path: Path) -> list[Path]:
    try:
        return sorted(entry for entry in path.iterdir() if entry.is_dir() and not entry.is_symlink())
    except OSError:
        return []


def _size(path: Path) -> int | None:
    """Bytes on disk, links not followed; None where nobody may look."""
    try:
        total = path.lstat().st_blocks * 512
        if not path.is_dir():
            return total
        for folder, _, names in os.walk(path, onerror=_raise):
            for name in names:
                total += Path(folder, name).lstat().st_blocks * 512
    except OSError:
        return None
    return total


def _raise(error: OSError) -> None:
    raise error


def _delete(path: Path) -> None:
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        shown = plain_line(str(path))
        fix = f"What a container wrote belongs to root: `sudo rm -r {shlex.quote(shown)}`."
        raise FailedError("not_removed", f"{shown} cannot be removed: {error.strerror}", fix) from None
