"""The release in an image's tag, where it says one."""

from __future__ import annotations

import pytest

from nemotui.core.release import Release, release, release_of


@pytest.mark.parametrize(
    ("image", "found"),
    [
        ("vllm/vllm-openai:v0.24.0", (0, 24)),
        ("vllm/vllm-openai:v0.33.0-cu130", (0, 33)),
        ("registry:5000/vllm:0.17.1", (0, 17)),
        ("vllm/vllm-openai:v0.24.0@sha256:0123", (0, 24)),
        ("vllm/vllm-openai:latest", None),
        ("vllm/vllm-openai", None),
        ("vllm@sha256:0123", None),
        ("registry:5000/vllm", None),
        ("vllm:" + "9" * 5000, None),
    ],
)
def test_a_tag_may_name_a_release(image: str, found: Release | None) -> None:
    assert release(image) == found


@pytest.mark.parametrize("text", ["", "0", "v0.24", "0.x", "0.24.1"])
def test_a_release_of_the_catalogue_has_two_numbers(text: str) -> None:
    with pytest.raises(ValueError, match="a release must look like"):
        release_of(text)
