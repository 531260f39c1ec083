"""What is served, where, and how it is doing: the status line's words."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from nemotui.core.advisor import Advice, advise, idle
from nemotui.core.deploy import Created, Creating, LogBatch, Pulling, Ready, Starting
from nemotui.core.failed import Failed
from nemotui.core.hardware import Machine
from nemotui.core.show import cut, cut_path, duration
from nemotui.core.silence import SILENT_S
from nemotui.core.trouble import slowed
from nemotui.core.vitals import WINDOW_S
from nemotui.core.watch import ServerSample
from nemotui.keys.keymap import key_of
from nemotui.ui.states.launch import BrokenOff

# In this order: two facts that belong together become one.
_SHORTER = (
    *((" running · ", " run "), (" running", " run"), (" waiting", " wait")),
    *((" tok/s · out", " out"), ("KV cache", "KV"), (" %", "%")),
)

_LEAST_NAME = 12  # cells of a model's name; where there are fewer, it is left out

Tone = Literal["success", "warning", "error", "muted"]


@dataclass(frozen=True, slots=True)
class Measuring:
    """A benchmark of ours goes on, at the time of the server's sample."""

    at: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """The last sample of the server, and the start that is going on, if one is.

    `measured_at`: when a benchmark of ours was seen last.
    `throttled`: the GPUs that heat or power slows down. `price_per_hour` in dollars; `idle_after_s` 0: never a word.
    """

    sample: ServerSample | None = None
    starting: Pulling | Creating | Created | Starting | None = None
    failed: Failed | None = None
    measured_at: float | None = None
    throttled: tuple[str, ...] = ()
    price_per_hour: float | None = None
    idle_after_s: float = 0.0

    def after(
        self,
        event: ServerSample
        | Measuring
        | Machine
        | Pulling
        | Creating
        | Created
        | Starting
        | LogBatch
        | Ready
        | Failed
        | BrokenOff,
    ) -> ServerState:
        """The state after a sample of the server or its machine, or an event of a deployment."""
        match event:
            case ServerSample():
                started = self.starting if not event.serving else None
                return replace(self, sample=event, starting=started)
            case Measuring(at=at):
                return replace(self, measured_at=at)
            case Machine():
                slow = slowed(event.gpus)
                return self if slow == self.throttled else replace(self, throttled=slow)
            case Pulling() | Creating() | Created() | Starting():
                return replace(self, starting=event, failed=None)
            case Failed():
                return replace(self, starting=None, failed=event)
            case Ready() | BrokenOff():
                return replace(self, starting=None, failed=None)
            case LogBatch():
                return self

    @property
    def sign(self) -> str:
        """One character for the whole: serving, starting, failed, nothing."""
        return {"success": "●", "warning": "◐", "error": "✖", "muted": "○"}[self.tone]

    @property
    def tone(self) -> Tone:
        """The colour of the sign, by meaning."""
        if self.sample is not None and self.sample.serving:
            return "error" if self.sample.hung else "success"
        if self.starting is not None:
            return "warning"
        return "error" if self.failed is not None or self._exited else "muted"

    @property
    def _exited(self) -> bool:
        container = self.sample.container if self.sample else None
        return container is not None and container.state in ("exited", "dead") and container.exit_code not in (0, None)

    @property
    def headline(self) -> str:
        """The words that matter most."""
        sample = self.sample
        if sample is not None and sample.serving:
            return f"{sample.models[0].id} at {sample.base_url}"
        match self.starting:
            case Starting(phase=phase, fraction=fraction):
                return f"starting: {phase} {fraction * 100:.0f} %"
            case Pulling(progress=progress):
                total = progress.total_bytes
                return (
                    f"pulling the image: {progress.current_bytes / total * 100:.0f} %" if total else "pulling the image"
                )
            case Creating() | Created():
                return "starting"
        if self.failed is not None:
            return "the start failed"
        if sample is None:
            return "looking for a server"
        if self._exited and sample.container is not None:
            return f"{sample.container.name} exited with code {sample.container.exit_code}"
        if sample.container is not None and sample.container.state == "running":
            return f"{sample.container.name} runs and does not answer yet"
        return "nothing is served"

    @property
    def details(self) -> str:
        """What follows, the most useful first."""
        sample = self.sample
        if sample is not None and sample.serving:
            return _joined(self.facts)
        if isinstance(self.starting, Starting):
            eta = self.starting.eta_s
            if self.starting.silent_s >= SILENT_S:
                return (
                    f" · no sign of life for {self.starting.silent_s / 60:.0f} min, {key_of('deploy')} says what to try"
                )
            return f" · ready in about {duration(eta)}" if eta is not None else " · no estimate"
        if self.starting is not None:
            return f" · {key_of('deploy')} shows how far it is"
        if self.failed is not None:
            return f" · {self.failed.cause}"
        if sample is None:
            return ""
        if sample.container is not None and sample.container.state == "exited":
            # vLLM exits with 0 also when its engine has died.
            return (
                f" · {sample.container.name} has ended, {key_of('logs')} shows its log · {key_of('deploy')} to deploy"
            )
        if sample.container is not None and sample.container.state == "running":
            return f" · {key_of('logs')} shows its log"
        if sample.engine_problem is not None:  # the preview of a start has it whole, with what mends it
            return f" · {sample.engine_problem.message}"
        return f" · press {key_of('deploy')} to deploy"

    def line(self, width: int) -> tuple[str, str]:
        """Headline and details for so many cells.

        Of a serving server the address is shortened first, then the facts, then its name if that makes room for all
        of them, else the last facts are left out. Of a path in anything else the end stays.
        """
        headline, details = self.headline, self.details
        sample = self.sample
        if sample is None or not sample.serving or len(headline + details) <= width:
            return headline, cut_path(details, width - len(headline))
        address = sample.base_url.removeprefix("http://").removeprefix("127.0.0.1")
        headline, facts = f"{sample.models[0].id} {address}", list(self.short_facts)
        room = width - len(address + _joined(facts)) - 1
        short = f"{cut(sample.models[0].id, room)} {address}" if room >= _LEAST_NAME else address
        for fitting in ((headline, details), (headline, _joined(facts)), (short, _joined(facts))):
            if len(fitting[0] + fitting[1]) <= width:
                return fitting
        while facts and len(headline + _joined(facts)) > width:
            facts.pop()
        return headline, _joined(facts)

    @property
    def facts(self) -> tuple[str, ...]:
        """How the server does, what matters most first. What it does not say is not there."""
        if self.sample is None:
            return ()
        vitals, metrics, cost = self.sample.vitals, self.sample.metrics, self.cost
        outputs, inputs = vitals.generation_throughput, vitals.prompt_throughput
        facts = (
            None if metrics.running is None else f"{metrics.running:.0f} running",
            None if metrics.waiting is None else f"{metrics.waiting:.0f} waiting",
            None if inputs is None else f"in {inputs:,.0f} tok/s",
            None if outputs is None else f"out {outputs:,.0f} tok/s",
            None if metrics.kv_cache_usage is None else f"KV cache {metrics.kv_cache_usage * 100:.0f} %",
            None if vitals.prefix_hit_rate is None else f"hits {vitals.prefix_hit_rate * 100:.0f} %",
            None if vitals.acceptance_rate is None else f"MTP {vitals.acceptance_rate * 100:.0f} %",
            None if not metrics.preemptions else f"{metrics.preemptions:,.0f} preempted",
            None if cost is None else f"${cost:,.2f}",
        )
        return tuple(fact for fact in facts if fact)

    @property
    def short_facts(self) -> tuple[str, ...]:
        """The same in fewer cells: requests together, and tokens."""
        words = _joined(self.facts)
        for long, short in _SHORTER:
            words = words.replace(long, short)
        return tuple(words.split(" · ")[1:])

    @property
    def cost(self) -> float | None:
        """What the machine has cost since our container's start, in dollars; None where its price is unknown."""
        container = self.sample.container if self.sample else None
        if self.sample is None or container is None or container.started_at is None or self.price_per_hour is None:
            return None
        return max(0.0, self.sample.at - container.started_at) / 3600 * self.price_per_hour

    @property
    def advice(self) -> tuple[Advice, ...]:
        """What there is to say of it, the gravest first."""
        sample = self.sample
        if sample is None or not sample.serving:
            return ()
        args = sample.container.args if sample.container else ()
        ours = self.measured_at is not None and sample.at - self.measured_at <= WINDOW_S
        found = advise(sample.vitals, hung=sample.hung, args=args, throttled=self.throttled, ours=ours)
        quiet = idle(sample.vitals.idle_s, self.idle_after_s, self.cost)
        return (*found, quiet) if quiet else found


def _joined(facts: Iterable[str]) -> str:
    return "".join(f" · {fact}" for fact in facts)
