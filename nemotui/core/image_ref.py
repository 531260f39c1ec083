"""Image references: which registry, repository and tag they mean, and which other tags a person may have meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass

_HUB = "registry-1.docker.io"
_RELEASE = re.compile(r"v?(\d+)\.(\d+)(?:\.(\d+))?")
_OFFERED = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageRef:
    """`registry` is a host with an optional port; `reference` a tag, or a digest with its `sha256:`."""

    registry: str
    repository: str
    reference: str

    @property
    def url(self) -> str:
        """Where its registry answers; only one on this machine speaks plain HTTP."""
        host = self.registry.partition(":")[0]
        scheme = "http" if host in ("localhost", "127.0.0.1") else "https"
        return f"{scheme}://{self.registry}/v2/{self.repository}"


def image_ref(image: str) -> ImageRef:
    """As Docker reads it: without a registry it is Docker Hub's, without a tag `latest`."""
    name, at, digest = image.partition("@")
    head, slash, last = name.rpartition("/")
    last, colon, tag = last.partition(":")
    first, _, rest = head.partition("/")
    if "." in first or ":" in first or first == "localhost":
        registry, repository = first, f"{rest}{'/' if rest else ''}{last}"
    else:
        registry, repository = _HUB, f"{head}{slash}{last}" if head else f"library/{last}"
    return ImageRef(registry=registry, repository=repository, reference=digest if at else tag if colon else "latest")


def repository(image: str) -> str:
    """The image as it was written, without its tag or digest."""
    head, slash, last = image.partition("@")[0].rpartition("/")
    return f"{head}{slash}{last.partition(':')[0]}"


def nearest_tags(wanted: str, tags: Iterable[str]) -> tuple[str, ...]:
    """Tags that somebody may have meant: those that look like it, then the newest releases, then `latest`."""
    known = list(dict.fromkeys(tags))
    releases = sorted((tag for tag in known if _RELEASE.fullmatch(tag)), key=_release, reverse=True)
    alike = [tag for tag in (f"v{wanted}", wanted.removeprefix("v")) if tag in known]
    alike += difflib.get_close_matches(wanted, releases, n=2, cutoff=0.7)
    latest = [tag for tag in ("latest",) if tag in known]
    return tuple(dict.fromkeys([*alike, *releases[:2], *latest, *known]))[:_OFFERED]


def _release(tag: str) -> tuple[int, ...]:
    found = _RELEASE.fullmatch(tag)
    return tuple(int(part or 0) for part in found.groups()) if found else ()
