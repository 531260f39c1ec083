"""What every entry of the catalogue has to satisfy."""

from __future__ import annotations

import math
from dataclasses import fields
from typing import Any


def capability(text: str) -> tuple[int, int]:
    """A CUDA compute capability that can be compared: "8.9" is (8, 9), less than "12.0". Raises `ValueError`."""
    major, dot, minor = text.partition(".")
    if not (dot and major.isdecimal() and minor.isdecimal()):
        raise ValueError(f"compute capability must look like 9.0, not {text!r}")
    return int(major), int(minor)


def check_entry(entry: Any, *, may_be_zero: str = "") -> None:
    """Every number of a catalogue's entry is more than 0 and finite, every text says something. Raises `ValueError`."""
    for each in fields(entry):
        value = getattr(entry, each.name)
        if isinstance(value, str) and not value.strip():
            raise ValueError(f"{each.name} must not be empty")
        if isinstance(value, str) and not value.isprintable():
            raise ValueError(f"{each.name} must be printable text in one line")
        if not isinstance(value, int | float) or isinstance(value, bool) or (value == 0 and each.name == may_be_zero):
            continue
        if not (math.isfinite(value) and value > 0):
            raise ValueError(f"{each.name} must be more than 0, not {value}")
