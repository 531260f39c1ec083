"""Asking NVML: all that a call of the binding may raise, in words, and the answers to one round of questions."""

from __future__ import annotations

import ctypes
import warnings
from collections.abc import Callable
from typing import Any, TypeVar

from nemotui.core.hardware import GpuState
from nemotui.core.text import plain_line

with warnings.catch_warnings():
    # The `pynvml` distribution, which other packages pull in, warns at the first import: over the screen.
    warnings.simplefilter("ignore")
    import pynvml as pynvml

T = TypeVar("T")

# All that a call of the binding may raise. NVMLLibraryMismatchError is no NVMLError; names need not be UTF-8.
ERRORS = (pynvml.NVMLError, pynvml.NVMLLibraryMismatchError, UnicodeDecodeError, ctypes.ArgumentError)

GONE: dict[int | None, GpuState] = {
    pynvml.NVML_ERROR_GPU_IS_LOST: "lost",
    pynvml.NVML_ERROR_RESET_REQUIRED: "reset-required",
}
TOO_OLD = "the driver is too old to say"


def code_of(error: BaseException) -> int | None:
    """The nvmlReturn_t of an error, where it has one. (NVMLError can be neither hashed nor compared.)"""
    return error.value if isinstance(error, pynvml.NVMLError) else None


def _driver_is_older(error: BaseException) -> bool:
    unknown_call = (pynvml.NVML_ERROR_FUNCTION_NOT_FOUND, pynvml.NVML_ERROR_ARGUMENT_VERSION_MISMATCH)
    return isinstance(error, pynvml.NVMLLibraryMismatchError) or code_of(error) in unknown_call


def reason_of(error: BaseException) -> str:
    """An error of the binding, in the driver's own words where they help."""
    if _driver_is_older(error):
        return TOO_OLD
    if isinstance(error, UnicodeDecodeError):
        return "the driver's answer is not UTF-8 text"
    return plain_line(str(error))


class GoneError(Exception):
    """This GPU does not answer any more, and must not be asked."""

    def __init__(self, state: GpuState, reason: str) -> None:
        super().__init__(reason)
        self.state = state
        self.reason = reason


class Answers:
    """What one round of questions gave, by the field names of `Gpu`: values, and for what has none the reason."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.unknown: dict[str, str] = {}
        self.codes: dict[str, int | None] = {}

    def ask(self, field: str, *ways: Callable[[], T]) -> T | None:
        """The answer of the first way that the driver knows, newest first; None where it fails, the reason kept.

        Raises `GoneError` when the GPU is lost or waits for a reset.
        """
        for way in ways:
            try:
                answer = way()
            except ERRORS as error:
                code = self.codes[field] = code_of(error)
                self.unknown[field] = reason_of(error)
                if code in GONE:
                    raise GoneError(GONE[code], self.unknown[field]) from None
                if not _driver_is_older(error):
                    return None
            else:
                self.codes.pop(field, None)
                self.unknown.pop(field, None)
                return answer
        return None

    def take(self, field: str, *ways: Callable[[], Any]) -> None:
        """Ask, and keep the answer as that field's value."""
        self.values[field] = self.ask(field, *ways)
