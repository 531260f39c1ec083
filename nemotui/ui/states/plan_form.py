"""The Deploy pane's form: what is typed for each setting, what is offered, and the request that it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from nemotui.core.choices import KV_DTYPES
from nemotui.core.errors import UsageError
from nemotui.core.hardware import Machine
from nemotui.core.models import Catalog
from nemotui.core.recommend import PlanRequest
from nemotui.core.request import check_request

# In their order; an empty text leaves the choice to us. What is offered comes by Up and Down; more can be typed.
OFFERED: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "context": ("", "32768", "131072", "262144", "1000000"),
        "max_num_seqs": ("", "16", "32", "64", "128", "256"),
        "mtp": ("", "1", "2", "3"),
        "kv_cache_dtype": ("", *KV_DTYPES),
        "gpu_memory_utilization": ("", "0.8", "0.85", "0.9", "0.95"),
        "expert_parallel": ("", "on"),
        "prefix_caching": ("", "on", "off"),
        "port": ("8000", "8001", "8080"),
        "image": ("",),
    }
)
FIELDS = tuple(OFFERED)


@dataclass(frozen=True, slots=True)
class Asked:
    """Replan for this request. `machine` is hardware that is not here, `hardware` its name in words."""

    request: PlanRequest
    machine: Machine | None = None
    hardware: str = ""


@dataclass(frozen=True, slots=True)
class PlanForm:
    """`texts` is what stands in each field."""

    texts: Mapping[str, str] = field(default_factory=lambda: dict.fromkeys(FIELDS, ""))

    @classmethod
    def of(cls, request: PlanRequest) -> PlanForm:
        """The form as the command line asked."""
        values = {name: getattr(request, name, None) for name in FIELDS}
        values["expert_parallel"] = request.expert_parallel or None
        return cls({name: _text(value) for name, value in values.items()})

    def typed(self, name: str, text: str) -> PlanForm:
        """With another text in one field."""
        return PlanForm({**self.texts, name: text.strip()})

    def over(self, base: PlanRequest, catalog: Catalog) -> PlanRequest:
        """What it asks for, over what the command line did. Raises `UsageError` for what cannot be meant."""
        settings: dict[str, Any] = {name: read(self.texts[name]) for name, read in _READ.items()}
        request = replace(base, **settings | {"port": settings["port"] or base.port})
        check_request(request, catalog.serving(request.model_path))
        return request


def offered(name: str, text: str, step: int) -> str:
    """The value that Up or Down brings: the next of those offered, the first after one that is not."""
    values = OFFERED[name]
    return values[(values.index(text) + step) % len(values)] if text in values else values[0]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "" if value is None else str(value)


def _number(name: str, kind: type[int] | type[float]) -> Callable[[str], int | float | None]:
    def read(text: str) -> int | float | None:
        if not text:
            return None
        try:
            if len(text) > 12:
                raise ValueError
            return kind(text.replace(",", ""))
        except ValueError:
            raise UsageError("usage", f"{name}: {text[:40]!r} is not a number", "Empty leaves it to us.") from None

    return read


def _switch(name: str) -> Callable[[str], bool | None]:
    def read(text: str) -> bool | None:
        if text not in ("", "on", "off"):
            raise UsageError("usage", f"{name}: {text[:40]!r} is neither on nor off", "Empty leaves it to us.")
        return None if not text else text == "on"

    return read


_READ: Mapping[str, Callable[[str], Any]] = MappingProxyType(
    {
        "context": _number("context", int),
        "max_num_seqs": _number("sequences", int),
        "mtp": _number("MTP", int),
        "kv_cache_dtype": lambda text: text or None,
        "gpu_memory_utilization": _number("utilization", float),
        "expert_parallel": lambda text: bool(_switch("expert parallel")(text)),
        "prefix_caching": _switch("prefix caching"),
        "port": _number("port", int),
        "image": lambda text: text or None,
    }
)
