"""The form of the Bench pane: what is typed, the presets, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from nemotui.core.bench import PRESETS, BenchSpec
from nemotui.core.chat import MODES

# The fields in their order, and the greatest figure that each takes: those of the command line.
LIMITS: Mapping[str, int] = {
    "input_len": 10_000_000,
    "output_len": 10_000_000,
    "num_prompts": 1_000_000,
    "max_concurrency": 1_000_000,
}
FIELDS = (*LIMITS, "mode")

Preset = Literal["quick", "published", "own"]


def _preset(name: str) -> dict[str, str]:
    return {field: str(value) for field, value in PRESETS[name].items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchForm:
    """`texts` is what stands in each field. `own` are the last figures that came from no preset, None before any."""

    texts: Mapping[str, str] = field(default_factory=lambda: {**_preset("quick"), "mode": "full"})
    own: Mapping[str, str] | None = None

    @classmethod
    def of(cls, spec: BenchSpec) -> BenchForm:
        """The form as a run was asked for; no limit at all is as many at once as there are prompts."""
        form = cls()
        for name in FIELDS:
            form = form.typed(name, str(getattr(spec, name) or spec.num_prompts))
        return form

    @property
    def preset(self) -> Preset:
        """Which preset the figures are, whoever typed them."""
        if self._figures == _preset("quick"):
            return "quick"
        return "published" if self._figures == _preset("published") else "own"

    @property
    def _figures(self) -> dict[str, str]:
        return {name: self.texts[name] for name in LIMITS}

    def typed(self, name: str, text: str) -> BenchForm:
        """With another text in one field."""
        form = replace(self, texts={**self.texts, name: text.strip()})
        return replace(form, own=form._figures) if form.preset == "own" else form

    def next_preset(self) -> BenchForm:
        """The next of quick, published and, where there are such, one's own figures. The mode stays."""
        if self.preset == "quick":
            figures: Mapping[str, str] = _preset("published")
        elif self.preset == "published" and self.own is not None:
            figures = self.own
        else:
            figures = _preset("quick")
        return replace(self, texts={**self.texts, **figures})

    @property
    def wrong(self) -> dict[str, str]:
        """What to write instead, by field; empty when a run can start."""
        wrong = {}
        for name, most in LIMITS.items():
            text = self.texts[name]
            if not (text.isascii() and text.isdigit() and 1 <= int(text[:12]) <= most):
                wrong[name] = f"give a whole number from 1 to {most:,}"
        if self.texts["mode"] not in MODES:
            wrong["mode"] = f"give {', '.join(MODES[:-1])} or {MODES[-1]}"
        return wrong

    @property
    def shape(self) -> dict[str, Any]:
        """Fields of `BenchSpec`; only of a form in which nothing is wrong."""
        return {**{name: int(self.texts[name]) for name in LIMITS}, "mode": self.texts["mode"]}
