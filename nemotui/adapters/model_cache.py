"""The Hugging Face cache on this host: how much of a repository is there."""

from __future__ import annotations

import os
from pathlib import Path

from nemotui.adapters import threads


class HubCache:
    """`core.stores.ModelCache` on a folder such as ~/.cache/huggingface, which containers mount.

    Files lie in hub/models--OWNER--NAME/blobs under the hash of their content, unfinished ones with `.incomplete` at
    the end. A file that was made as long as it will be is counted by what was written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def held_bytes(self, repo: str) -> int:
        return await threads.call(self._held, repo)

    def _held(self, repo: str) -> int:
        blobs = self._folder / "hub" / f"models--{repo.replace('/', '--')}" / "blobs"
        held = 0
        try:
            with os.scandir(blobs) as entries:
                for entry in entries:
                    status = entry.stat(follow_symlinks=False)
                    held += min(status.st_size, 512 * status.st_blocks)
        except OSError:  # not there yet, or a file was renamed meanwhile
            pass
        return held
