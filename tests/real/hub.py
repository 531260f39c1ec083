"""An image that has python3 and, in place of Hugging Face's downloader, one that writes slowly into the same cache.

It keeps the layout of the real one: blobs, `.incomplete` while they arrive, and it goes on with what is there.
"""

from __future__ import annotations

import io
import os
import sys
import tarfile
from pathlib import Path

from docker import DockerClient

REPO = "test-owner/slow-model"
FULL = "test-owner/full-disk"
OFFLINE = "test-owner/offline"
MIB = 1024 * 1024
FILES, FILE_BYTES = 3, 4 * MIB

_MODULE = f"""
import os, pathlib, sys, time
def snapshot_download(repo, ignore_patterns):
    assert os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] == "1" and "*.bin" in ignore_patterns
    if repo == {FULL!r}:
        raise OSError(28, "No space left on device")
    if repo == {OFFLINE!r}:
        sys.stderr.write(pathlib.Path("/hub-offline.log").read_text())
        sys.exit(1)
    blobs = pathlib.Path("/root/.cache/huggingface/hub/models--" + repo.replace("/", "--") + "/blobs")
    blobs.mkdir(parents=True, exist_ok=True)
    for number in range({FILES}):
        whole, part = blobs / f"{{number:064x}}", blobs / f"{{number:064x}}.incomplete"
        if whole.exists():
            print("have", number, flush=True)
            continue
        with part.open("ab") as file:
            print("from", number, file.tell(), flush=True)
            while file.tell() < {FILE_BYTES}:
                file.write(os.urandom({MIB} // 4))
                file.flush()
                time.sleep(0.05)
        part.rename(whole)
    return str(blobs.parent / "snapshots")
"""


def build(client: DockerClient, base: str, tag: str) -> None:
    """Make it from the image of our pretend server."""
    python = os.path.realpath(sys._base_executable)  # type: ignore[attr-defined]
    log = Path(__file__).parents[1] / "fixtures" / "logs" / "hub-offline.log"
    dockerfile = f"""
FROM {base}
COPY huggingface_hub.py /opt/site/huggingface_hub.py
COPY hub-offline.log /hub-offline.log
RUN ["{python}", "-c", "import os; os.makedirs('/usr/bin', exist_ok=True); os.symlink('{python}', '/usr/bin/python3')"]
"""
    files = {
        "Dockerfile": dockerfile.encode(),
        "huggingface_hub.py": _MODULE.encode(),
        "hub-offline.log": log.read_bytes(),
    }
    client.images.build(fileobj=context(files), custom_context=True, tag=tag, rm=True)


def context(files: dict[str, bytes]) -> io.BytesIO:
    """A build context."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as tar:
        for name, content in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    archive.seek(0)
    return archive
