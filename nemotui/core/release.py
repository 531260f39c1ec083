"""Which release of vLLM an image holds, as far as its tag says: rules differ between them."""

from __future__ import annotations

import re

Release = tuple[int, int]

_TAG = re.compile(r":v?(\d{1,4})\.(\d{1,4})(?:[.\-_+][^/]*)?$")


def release(image: str) -> Release | None:
    """`vllm/vllm-openai:v0.24.0` is (0, 24); None for `latest`, a digest, or a tag of another kind."""
    found = _TAG.search(image.partition("@")[0])
    return (int(found[1]), int(found[2])) if found else None


def release_of(text: str) -> Release:
    """A release as the catalogue writes it, `0.24`. Raises `ValueError`."""
    major, dot, minor = text.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise ValueError(f"a release must look like 0.24, not {text!r}")
    return int(major), int(minor)
