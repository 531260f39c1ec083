"""What is served, where, and how it is doing: the status line's words."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from nemotui.core.deploy import Created, LogBatch, Pulling, Ready, Starting
from nemotui.core.failed import Failed
from nemotui.core.show import duration
from nemotui.core.silence import SILENT_S
from nemotui.core.watch import ServerSample

Tone = Literal["success", "warning", "error", "muted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerState:
    """The last sample of the server, and the start that is going on, if one is."""

    sample: ServerSample | None = None
    starting: Pulling | Created | Starting | None = None
    failed: Failed | None = None
    throughput: float | None = None  # generated tokens/s between the last two samples

    def after(self, event: ServerSample | Pulling | Created | Starting | LogBatch | Ready | Failed) -> ServerState:
        """The state after a sample of the server or an event of a deployment."""
        match event:
            case ServerSample():
                started = self.starting if not event.serving else None
                return replace(self, sample=event, throughput=self._rate(event), starting=started)
            case Pulling() | Created() | Starting():
                return replace(self, starting=event, failed=None)
            case Failed():
                return replace(self, starting=None, failed=event)
            case Ready():
                return replace(self, starting=None, failed=None)
            case LogBatch():
                return self

    def _rate(self, event: ServerSample) -> float | None:
        before = self.sample
        if before is None or before.base_url != event.base_url or event.at <= before.at:
            return None
        old, new = before.metrics.generation_tokens, event.metrics.generation_tokens
        return None if old is None or new is None or new < old else (new - old) / (event.at - before.at)

    @property
    def sign(self) -> str:
        """One character for the whole: serving, starting, failed, nothing."""
        return {"success": "●", "warning": "◐", "error": "✖", "muted": "○"}[self.tone]

    @property
    def tone(self) -> Tone:
        """The colour of the sign, by meaning."""
        if self.sample is not None and self.sample.serving:
            return "success"
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
            case Created():
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
            metrics = sample.metrics
            facts = [
                None if metrics.running is None else f"{metrics.running:.0f} running",
                None if metrics.waiting is None else f"{metrics.waiting:.0f} waiting",
                None if self.throughput is None else f"{self.throughput:,.0f} tok/s",
                None if metrics.kv_cache_usage is None else f"KV cache {metrics.kv_cache_usage * 100:.0f} %",
            ]
            return "".join(f" · {fact}" for fact in facts if fact)
        if isinstance(self.starting, Starting):
            eta = self.starting.eta_s
            if self.starting.silent_s >= SILENT_S:
                return f" · no sign of life for {self.starting.silent_s / 60:.0f} min, 2 says what to try"
            return f" · ready in about {duration(eta)}" if eta is not None else " · no estimate"
        if self.starting is not None:
            return " · 2 shows how far it is"
        if self.failed is not None:
            return f" · {self.failed.cause}"
        if sample is None:
            return ""
        if sample.container is not None and sample.container.state == "exited":
            # vLLM exits with 0 also when its engine has died.
            return f" · {sample.container.name} has ended, 3 shows its log · 2 to deploy"
        if sample.container is not None and sample.container.state == "running":
            return " · 3 shows its log"
        return " · press 2 to deploy"
