"""The pretend images: what they weigh, how their layers arrive, and the digest that the pretend registry has."""

from __future__ import annotations

import hashlib

from nemotui.core.image_ref import repository
from nemotui.core.ports import Layer, LayerStep

# About what vllm/vllm-openai weighs compressed, most of it in a few layers.
_LAYERS_BYTES = (29_000_000, 92_000_000, 640_000_000, 4_900_000_000, 3_700_000_000, 210_000_000, 29_000_000)
IMAGE_BYTES = sum(_LAYERS_BYTES)


def layers(share: float) -> tuple[Layer, ...]:
    """An image's layers when so much of its pull is over."""
    return tuple(_layer(number, size, share) for number, size in enumerate(_LAYERS_BYTES))


def _layer(number: int, size: int, share: float) -> Layer:
    """A layer when so much of the pull is over; small ones come early, and each is unpacked after it has arrived."""
    begins, ends = number / (4 * len(_LAYERS_BYTES)), 0.4 + 0.5 * size / max(_LAYERS_BYTES)
    part = min(1.0, max(0.0, (share - begins) / (ends - begins)))
    step: LayerStep = "waiting" if part <= 0 else "downloading" if part < 1 else "extracting" if share < 1 else "done"
    return Layer(
        id=f"{0xB3A1709E98E9 + number * 0x1D3F:012x}", step=step, current_bytes=int(size * part), total_bytes=size
    )


def image_digest(image: str) -> str:
    """The digest that the pretend registry has for this image."""
    return f"{repository(image)}@sha256:{hashlib.sha256(image.encode()).hexdigest()}"
