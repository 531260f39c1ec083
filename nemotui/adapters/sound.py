"""A run directory's JSON as other versions and other hands may have left it, checked before anything is built on it.

Which fields are there is up to the version that wrote them; one that is there has to be what its name says.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from nemotui.core.compare import FIGURES

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**53)] | None
_Number = float | None
_COUNTS = ("completed", "failed", "cancelled", "num_prompts", "input_len", "output_len", "max_concurrency", "warmup")
_TOKENS = ("total_input_tokens", "total_output_tokens")
_NUMBERS = ("duration", "burstiness", "time_scale", "tokens_per_chunk", "started_unix_s", "clock_ahead_of_server_s")
_TEXTS = ("date", "label", "model_id", "mode", "endpoint_type", "measured_from", "reason", "approximate_prompts")


class _Clock(msgspec.Struct):
    source: str | None = None
    trusted: bool | None = None
    passing: bool | None = None
    coalesced_share: _Number = None
    lag_p99_us: _Number = None
    cpu_us_per_chunk: _Number = None
    workers: _Count = 1
    notes: list[str] = []


class _Metadata(msgspec.Struct):
    beside: list[str] = []


class _Failure(msgspec.Struct):
    kind: str
    message: str
    fix: str


_AsVllm = msgspec.defstruct(
    "_AsVllm", [(name, _Count, None) for name in _COUNTS] + [(name, _Number, None) for name in (*FIGURES, *_TOKENS)]
)
_Result = msgspec.defstruct(
    "_Result",
    [
        *((name, _Count, None) for name in (*_COUNTS, *_TOKENS)),
        *((name, _Number, None) for name in (*FIGURES, *_NUMBERS)),
        *((name, str | None, None) for name in _TEXTS),
        *((name, bool | None, None) for name in ("complete", "interrupted", "time_scaled")),
        ("request_rate", float | str | None, None),
        ("errors", dict[str, int] | None, None),
        ("error_samples", dict[str, str] | None, None),
        ("notes", list[str] | None, None),
        ("beside", list[str] | None, None),
        ("metadata", _Metadata | None, None),
        ("clock", _Clock | None, None),
        ("as_vllm", _AsVllm | None, None),
        ("error", _Failure | None, None),
    ],
)


class _Gpu(msgspec.Struct):
    name: str | None = None
    uuid: str | None = None


class _Machine(msgspec.Struct):
    driver_version: str | None = None
    cuda_version: str | None = None
    gpus: list[_Gpu] | None = None


class _Container(msgspec.Struct):
    image: str | None = None
    args: list[str] | None = None


class _Environment(msgspec.Struct):
    nemotui_version: str | None = None
    server_version: str | None = None
    machine: _Machine | None = None
    container: _Container | None = None


def sound_result(result: dict[str, Any]) -> dict[str, Any]:
    """A result.json whose fields are what they should be, as it is; raises `ValueError`."""
    return _checked("result.json", result, _Result)


def sound_environment(environment: dict[str, Any]) -> dict[str, Any]:
    """The same of an environment.json."""
    return _checked("environment.json", environment, _Environment)


def _checked(name: str, values: dict[str, Any], kind: type[msgspec.Struct]) -> dict[str, Any]:
    try:
        msgspec.convert(values, kind)
    except ValueError as error:
        # Its own words are "Expected `float | null`, got `str` - at `$.output_throughput`".
        what, _, where = str(error).partition(" - at `$.")
        raise ValueError(f"{name}: {where.rstrip('`') or 'it'} is wrong: {what[:1].lower()}{what[1:]}") from None
    return values
