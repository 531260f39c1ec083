"""The main screen's benchmarks: begun, found, followed, stopped."""

from __future__ import annotations

import math
import shlex
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any

from nemotui.core.bench import BenchFailed, BenchSpec, beside_others, check_lengths, follow_bench, run_bench
from nemotui.core.environment import run_environment
from nemotui.core.errors import NemotuiError
from nemotui.core.model_server import ServedModel
from nemotui.core.replay import SPEEDS, replay
from nemotui.core.stores import StoredRun
from nemotui.core.vllm_bench import vllm_bench_command
from nemotui.keys.keymap import key_of
from nemotui.ui.copying import copy
from nemotui.ui.panes.bench import BenchPane
from nemotui.ui.runs import Chosen, RunsScreen
from nemotui.ui.states.bench import Replaying
from nemotui.ui.telling import troubles_told
from nemotui.ui.workers import WorkingScreen

_RUNS_EVERY_S = 3.0
_MEANWHILE_S = 3600.0


class Benching(WorkingScreen, inherit_bindings=False):
    """One run at a time; what else may be coming, those who make several of them say."""

    async def _watch_runs(self) -> None:
        """A run that an earlier console left going, or that is begun elsewhere, is shown too.

        At first also one that has ended meanwhile: whoever comes back wants its result.
        """
        since = self.b.clock.now() - _MEANWHILE_S
        while True:
            with suppress(NemotuiError):  # there is none yet
                await self._find_run(ended_since=since)
            since = math.inf
            await self.b.clock.sleep(_RUNS_EVERY_S)

    async def _find_run(self, ended_since: float = math.inf) -> None:
        if self.states["bench"].running or self.several:
            return
        run = await self.b.runs.find("latest")
        meanwhile = run.ended_at is not None and run.ended_at >= ended_since
        if (run.status == "running" or meanwhile) and run.path != self.states["bench"].run:
            self._open(run)

    async def _measure(self, spec: BenchSpec) -> None:
        server = self.b.server(spec.base_url)
        try:
            environment = await run_environment(self.b, server)
            spec = await beside_others(spec, self.b.runs)
        except NemotuiError as error:
            self._next("bench", BenchFailed(error))
            return
        finally:
            await server.close()
        await self._bench(run_bench(self.b.load, spec, environment))

    async def _bench(self, events: AsyncGenerator[Any, None]) -> None:
        async for event in self._each(events):
            self._next("bench", event)

    @property
    def several(self) -> bool:
        """More runs are to come in a row."""
        raise NotImplementedError

    def end_several(self) -> None:
        """End the run that goes, and begin no other."""
        raise NotImplementedError

    def _spec(self, shape: dict[str, Any]) -> BenchSpec | None:
        """A benchmark of the server that answers; None, and why is said, where none can begin now."""
        if self.states["bench"].measuring or self.several:
            self.notify(f"A benchmark runs already. Press {key_of('bench-stop')} to stop it.", severity="warning")
            return None
        if (sample := self._answering()) is None:
            return None
        found: BenchSpec | None = None
        with troubles_told(self):
            spec = BenchSpec(
                base_url=sample.base_url, model=sample.models[0].id, time_scale=self.options.time_scale, **shape
            )
            check_lengths(spec, sample.models[0].max_model_len)
            if self.b.load.risk and self.options.pretend is None:
                self.notify(self.b.load.risk, severity="warning", timeout=15)
            found = spec
        return found

    def on_bench_pane_start(self, message: BenchPane.Start) -> None:
        spec = self._spec(message.shape)
        if spec is not None:
            self._next("bench", spec)
            self._work("bench", self._measure(spec))

    def on_bench_pane_copy(self, message: BenchPane.Copy) -> None:
        sample = self.server.sample
        url = sample.base_url if sample else self.options.default_url
        model = sample.models[0] if sample and sample.models else ServedModel(id="MODEL")
        with troubles_told(self):
            spec = BenchSpec(base_url=url, **message.shape)
            copy(self, shlex.join(vllm_bench_command(spec, model)), "The vllm bench serve command")

    def on_bench_pane_stop(self, message: BenchPane.Stop) -> None:
        replaying: Replaying | None = self.states["bench"].replay
        if replaying is not None:
            self._open(replaying.run)
            return
        if self.several:
            self.end_several()
            return
        self._work("stop-bench", self._stop_bench(message.run))

    def on_bench_pane_runs(self) -> None:
        """The stored runs over the console; what is chosen there is shown in the Bench pane."""

        def chosen(choice: Chosen | None) -> None:
            if choice is None:
                return
            if self.states["bench"].measuring or self.several:
                self.notify(
                    f"A benchmark runs: its picture stays. Press {key_of('bench-stop')} to stop it.", severity="warning"
                )
            elif choice.replayed:
                self._next("bench", Replaying(choice.run, 1.0))
                self._work("bench", self._bench(replay(self.b.load, choice.run.path, self.b.clock, self._speed)))
            else:
                self._open(choice.run)

        self.app.push_screen(RunsScreen(self.b), chosen)

    def _open(self, run: StoredRun) -> None:
        self._next("bench", run)
        self._work("bench", self._bench(follow_bench(self.b.load, run.path)))

    def _speed(self) -> float:
        replaying: Replaying | None = self.states["bench"].replay
        return replaying.speed if replaying else 1.0

    def on_bench_pane_speed(self, message: BenchPane.Speed) -> None:
        replaying: Replaying | None = self.states["bench"].replay
        if replaying is not None:
            place = min(max(SPEEDS.index(replaying.speed) + message.steps, 0), len(SPEEDS) - 1)
            self._next("bench", Replaying(replaying.run, SPEEDS[place]))

    async def _stop_bench(self, run: str) -> None:
        with troubles_told(self):
            await self.b.load.stop(run)
