"""What is left of ours in the engine: containers that have ended, and images that we fetched."""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import TYPE_CHECKING

from nemotui.core.leavings import Leaving
from nemotui.core.plan import FETCH_LABEL, LABEL
from nemotui.core.text import plain_line

if TYPE_CHECKING:
    from docker import DockerClient

_ENDED = ("exited", "dead", "created")


def leftovers(client: DockerClient, fetched: Set[str]) -> Iterator[Leaving]:
    """`fetched`: the images that we have pulled; those that somebody else brought are not ours."""
    from docker.errors import ImageNotFound

    used: dict[str, str] = {}  # image → a container that was made of it
    for summary in client.api.containers(all=True, size=True):
        name = plain_line(summary["Names"][0]).removeprefix("/") if summary.get("Names") else summary["Id"][:12]
        ours = {LABEL, FETCH_LABEL} & {*(summary.get("Labels") or {})}
        used.setdefault(summary["ImageID"], name)
        if ours and summary["State"] in _ENDED:
            size = int(summary.get("SizeRw") or 0)
            yield Leaving(kind="containers", name=name, size_bytes=size, note="with its log")
    for image in sorted(fetched):
        try:
            found = client.images.get(image)
        except ImageNotFound:
            continue
        holder = used.get(found.id or "")
        kept = f"the container {holder} is made of it" if holder else ""
        size = int(found.attrs.get("Size") or 0)
        yield Leaving(kind="images", name=image, size_bytes=size, note="fetched by nemotui", kept=kept)


def remove_leftover(client: DockerClient, leaving: Leaving) -> None:
    """Without force: the engine itself refuses what is in use."""
    if leaving.kind == "images":
        client.images.remove(leaving.name)
    else:
        client.api.remove_container(leaving.name)
