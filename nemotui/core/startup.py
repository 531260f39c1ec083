"""The start of a vLLM server, read from its log: which phase it is in, since when, how far, and what it found.

Markers: vLLM 0.17, 0.24, 0.32 and 0.33, from their sources and from whole logs of 0.24 (H200) and 0.32 (CPU).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Final

from nemotui.core.logs import LogLine
from nemotui.core.phases import PHASES, TYPICAL, Expectation, Phase


@dataclass(frozen=True, slots=True)
class _Marker:
    """A line with `pattern` says that `phase` has begun, once `after` has."""

    phase: Phase
    pattern: re.Pattern[str]
    after: Phase = "boot"


def _marker(phase: Phase, pattern: str, after: Phase = "boot") -> _Marker:
    return _Marker(phase, re.compile(pattern), after)


# Phases only go forward: the workers of a tensor parallel group write into each other's phases.
_MARKERS = (
    _marker("config", r"Resolved architecture:|Using max model len \d"),
    _marker("engine", r"Initializing a V1 LLM engine \(v"),
    # vLLM says nothing while it downloads, so it may be doing that from here on.
    _marker("download", r"Starting to load model |Loading model from scratch"),
    _marker("weights", r"Time spent downloading weights|Checkpoint size: |Completed \| \d+/\d+|Loading weights took"),
    # 0.17 sets the block size while it reads the configuration, the others when the weights are there.
    _marker("compile", r"Model loading took |Setting attention block size", after="download"),
    _marker("compile", r"Starting torch\.compile|Dynamo bytecode transform|Warming up model for the compilation"),
    _marker("kernels", r"torch\.compile takes? |torch\.compile took |Warming up .*kernels|profiling/warmup run took"),
    _marker("kv_cache", r"Available KV cache memory: |KV cache size: |GiB for KV cache"),
    _marker("graphs", r"Capturing CUDA graph|Graph capturing finished"),
    _marker("serve", r"init engine \(profile|Supported tasks|Starting vLLM (?:API )?server|Available routes are"),
    _marker("ready", r"Application startup complete"),
)

_EAGER = re.compile(r"Enforce eager set|enforce_eager=True")
_SHARDS = re.compile(r"% Completed \| (\d+)/([1-9]\d*)")  # the bars of the graphs, one a mode, begin again
# A line as a status: an INFO of vLLM's or a bar, without process, level, time and source; no banner, no route.
_STATUS = re.compile(
    r"(?:\(\S+ pid=\d+\) )?(?:INFO \S+ \S+ \[[^\]]+\] )?((?<=\] )(?!Route: ).*[A-Za-z]{3}.*|.*\d+%.*\d/\d.*)"
)
_STATUS_LENGTH = 160

# That a worker waits for another is what a hang says; and it says so every minute.
_NO_LIFE = re.compile(r"No available shared memory broadcast block")
_COMPILED = re.compile(r"Compiling a graph|saved AOT compiled function|Cache the graph of compile range")
_REUSED = re.compile(r"Directly load the compiled graph|Compiling model again due to a load failure")
# What depends on caches and files tells nothing of how fast this host goes through the other phases.
_NO_PACE: Final = ("download", "weights", "compile")
_PACE = (0.5, 2.0)  # as slow or fast as another start of the same setup may be
_CACHE_HELPED = 1.2  # of what loading compiled graphs should take: beyond that they are being compiled
_TRUSTED_S = 2.0  # of a progress bar, before its rate says more than what was expected

# No line without one of these says anything to the patterns above and below, so that a flood is read in passing.
_WORDS: Final = re.compile(
    r"Resolved architecture|max model len|engine|oading |to load |Checkpoint size|Completed \||attention block size"
    r"|torch\.compile|Dynamo|Warming up|warmup run|KV cache|CUDA graph|Graph capturing|Supported tasks|Starting vLLM"
    r"|Available routes|startup complete|nforce|broadcast block|Compiling |AOT compiled|Cache the graph"
    r"|compiled graph|concurrency for"
)

_GIB = 1024**3
_FIGURES: Final[Mapping[str, re.Pattern[str]]] = MappingProxyType(
    {
        "version": re.compile(r"LLM engine \(v([^)]+)\)"),
        "weights_gib": re.compile(r"Model loading took ([\d.]+) ?GiB"),
        "kv_cache_gib": re.compile(r"Available KV cache memory: ([\d.]+) GiB"),
        "kv_cache_tokens": re.compile(r"KV cache size: ([\d,]+) tokens"),
        "max_concurrency": re.compile(r"Maximum concurrency for [\d,]+ tokens per request: ([\d.]+)x"),
        "graphs_gib": re.compile(r"Graph capturing finished in .*took (-?[\d.]+) GiB"),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What the log says about this start; None until it does. Memory is per GPU.

    `kv_cache_tokens` and `max_concurrency` are vLLM's own figures, for requests of the full context.
    """

    version: str | None = None
    weights_bytes: int | None = None
    kv_cache_bytes: int | None = None
    kv_cache_tokens: int | None = None
    max_concurrency: float | None = None
    graphs_bytes: int | None = None

    def after(self, text: str) -> Figures:
        """With what this line adds."""
        found = {name: match[1] for name, pattern in _FIGURES.items() if (match := pattern.search(text))}
        if not found:
            return self
        return replace(
            self,
            version=found.get("version", self.version),
            weights_bytes=_bytes(found.get("weights_gib")) or self.weights_bytes,
            kv_cache_bytes=_bytes(found.get("kv_cache_gib")) or self.kv_cache_bytes,
            kv_cache_tokens=_count(found.get("kv_cache_tokens")) or self.kv_cache_tokens,
            max_concurrency=float(found["max_concurrency"]) if "max_concurrency" in found else self.max_concurrency,
            graphs_bytes=_bytes(found.get("graphs_gib")) or self.graphs_bytes,
        )


def _bytes(gib: str | None) -> int | None:
    return None if gib is None else int(float(gib) * _GIB)


def _count(digits: str | None) -> int | None:
    return None if digits is None else int(digits.replace(",", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class StartupTracker:
    """A start as far as its log has been read. `after(line)` is the next state; nothing here looks at a clock.

    `starts` maps each phase that has begun to its unix time; `started_at` is the container's own start, where known,
    else the time of the first line that has one.
    """

    started_at: float | None = None
    phase: Phase = "boot"
    starts: Mapping[Phase, float] = field(default_factory=dict)
    done_share: float | None = None  # of this phase, where a progress bar tells: 0..1
    bar_since: float | None = None  # the unix time at which that progress bar began
    detail: str = ""
    eager: bool = False  # no compilation, no CUDA graphs
    compiled: bool | None = None  # the graphs were compiled, not loaded from what an earlier start has cached
    last_sign_at: float | None = None  # of the last line that shows life
    figures: Figures = Figures()
    expected: Expectation = TYPICAL

    def after(self, line: LogLine) -> StartupTracker:
        """With what this line tells. A line without a time counts for the time of the last phase's start."""
        text = line.text
        at = line.time if line.time is not None else max(self.starts.values(), default=self.started_at)
        if at is None:
            return self
        state = self
        if not self.starts:
            began = at if self.started_at is None else self.started_at
            state = replace(state, started_at=began, starts={"boot": began})
        if self.phase != "ready":
            state = replace(
                state._enter(state._phase_of(text), at, text),
                eager=state.eager or bool(_EAGER.search(text)),
                compiled=_compiled(text) if state.compiled is None else state.compiled,
                detail=status[1].strip()[:_STATUS_LENGTH] if (status := _STATUS.match(text)) else state.detail,
            )
            if state.phase == "weights" and (shards := _SHARDS.search(text)):
                began = at if state.bar_since is None else state.bar_since
                state = replace(state, done_share=int(shards[1]) / int(shards[2]), bar_since=began)
        sign = self.last_sign_at if _NO_LIFE.search(text) else at
        return replace(state, figures=self.figures.after(text), last_sign_at=sign)

    def read(self, lines: Sequence[LogLine]) -> StartupTracker:
        """`after` each of these in turn; of lines in a row that say nothing of a start, after the newest alone."""
        state = self
        idle: dict[bool, LogLine] = {}  # the newest that may be a status, and the newest of the others
        for line in lines:
            text = line.text
            if state.starts and not _WORDS.search(text):
                status = "] " in text or "%" in text
                idle.pop(status, None)
                idle[status] = line
                continue
            for each in (*idle.values(), line):
                state = state.after(each)
            idle.clear()
        for each in idle.values():
            state = state.after(each)
        return state

    def _phase_of(self, text: str) -> Phase:
        for marker in _MARKERS:
            if marker.pattern.search(text) and _order(self.phase) >= _order(marker.after):
                return "kernels" if marker.phase == "compile" and self.eager else marker.phase
        return self.phase

    def _enter(self, phase: Phase, at: float, text: str) -> StartupTracker:
        if _order(phase) <= _order(self.phase):
            return self
        starts = dict(self.starts)
        if self.phase == "download" and "Time spent downloading" not in text:
            starts["weights"] = starts.pop("download")  # nothing was fetched: all of it was loading
        starts.setdefault(phase, at)
        return replace(self, phase=phase, starts=starts, done_share=None, bar_since=None)

    def answered(self, now: float) -> StartupTracker:
        """The server has answered, which its log may not have told yet."""
        return self._enter("ready", now, "") if self.phase == "serve" else self

    def durations(self) -> dict[Phase, float]:
        """Seconds of each finished phase, in order."""
        times = list(self.starts.values())
        return {phase: end - start for (phase, start), end in zip(self.starts.items(), times[1:], strict=False)}

    def elapsed_s(self, now: float) -> float:
        """Since the start; at `ready`, how long it took."""
        end = self.starts.get("ready", now)
        return max(0.0, end - self.started_at) if self.started_at is not None else 0.0

    def fraction(self, now: float) -> float:
        """How much of the expected time is behind us, 0..1, never less than before; 1 only when ready."""
        if self.phase == "ready":
            return 1.0
        seconds = {**self.expected.seconds, "compile": self._compile_s(cold=True)}
        total = sum(seconds.values()) or 1.0
        before = sum(seconds[phase] for phase in PHASES[: _order(self.phase)])
        share = self.done_share
        if share is None:
            share = min(1.0, self._in_phase(now) / seconds[self.phase]) if seconds[self.phase] else 0.0
        return min(0.99, (before + seconds[self.phase] * share) / total)

    def eta_s(self, now: float, *, fetching: bool | None = None) -> float | None:
        """Seconds to ready; None while nobody can know: files may be arriving, or the phase is far over its time.

        `fetching`: whether files still arrive, where that is known; what they need is not part of the answer.
        """
        if self.phase == "download":
            if fetching:
                return self._rest(now, "download")
            if fetching is None and not self.expected.measured:
                return None
            return self._rest(now, "weights") + self._left(now, self.expected.seconds["weights"])
        expected = self._expected(self.phase, now)
        if self.done_share is None and self._in_phase(now) > 2 * expected + 10:
            return None
        return self._rest(now, self.phase) + self._left(now, expected)

    def _rest(self, now: float, after: Phase) -> float:
        """What the phases behind this one will take."""
        return sum(self._expected(phase, now) for phase in PHASES[_order(after) + 1 :])

    def _left(self, now: float, expected: float) -> float:
        """Of this phase: by its progress bar once that has shown its rate, else by the clock."""
        share = self.done_share
        if share is None:
            return max(0.0, expected - self._in_phase(now))
        spent = now - self.bar_since if self.bar_since is not None else 0.0
        return spent * (1 - share) / share if share and spent > _TRUSTED_S else expected * (1 - share)

    def _expected(self, phase: Phase, now: float) -> float:
        if self.eager and phase in ("compile", "graphs"):
            return 0.0
        seconds = self.expected.seconds[phase]
        if phase == "compile" and self.compiled is not False:
            over = self.phase == "compile" and self._in_phase(now) > _CACHE_HELPED * seconds * self._pace(now)
            seconds = self._compile_s(cold=over or bool(self.compiled))
        return seconds if phase in ("download", "weights") else seconds * self._pace(now)

    def _compile_s(self, *, cold: bool) -> float:
        seconds = self.expected.seconds["compile"]
        return max(seconds, self.expected.cold_compile_s) if cold else seconds

    def _pace(self, now: float) -> float:
        """How long the phases take here, as a multiple of what an earlier start took for the same ones."""
        if not self.expected.measured:
            return 1.0
        took = {phase: seconds for phase, seconds in self.durations().items() if phase not in _NO_PACE}
        pace = self._ratio(took)
        if self.phase not in _NO_PACE and self._in_phase(now) > pace * self.expected.seconds[self.phase]:
            pace = self._ratio({**took, self.phase: self._in_phase(now)})
        return pace

    def _ratio(self, took: Mapping[Phase, float]) -> float:
        least, most = _PACE
        known = sum(self.expected.seconds[phase] for phase in took)
        return min(most, max(least, (sum(took.values()) + 1) / (known + 1)))

    def _in_phase(self, now: float) -> float:
        return max(0.0, now - self.starts.get(self.phase, now))


def _compiled(text: str) -> bool | None:
    if _REUSED.search(text):
        return False
    return True if _COMPILED.search(text) else None


def _order(phase: Phase) -> int:
    return PHASES.index(phase)
