"""The main screen's sweeps: several benchmarks in a row, each shown in the Bench pane as it goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import aclosing
from typing import Any

from nemotui.core.bench import BenchFailed, BenchFinished, BenchSpec, run_bench
from nemotui.core.comparing import point_beside, swept
from nemotui.core.environment import gpus_measured, run_environment
from nemotui.core.errors import FailedError, NemotuiError
from nemotui.core.goodput import LEAST_RATE, Objective, Probe, once_more, search
from nemotui.core.ports import Backends
from nemotui.core.report_html import html
from nemotui.core.sweep import Loads, SweepStep, at_load, sweep, sweep_point
from nemotui.ui.benching import Benching
from nemotui.ui.options import Options
from nemotui.ui.panes.bench import BenchPane
from nemotui.ui.states.sweep import Begun, Beside, Kind, Over, SweepState
from nemotui.ui.sweep import SweepScreen
from nemotui.ui.telling import troubles_told


class Sweeping(Benching, inherit_bindings=False):
    """A sweep belongs to this screen, so that it goes on while other panes are in front."""

    def __init__(self, backends: Backends, options: Options) -> None:
        super().__init__(backends, options)
        self.sweep = SweepState()

    @property
    def several(self) -> bool:
        return self.sweep.going

    def _swept(self, event: Any) -> None:
        self.sweep = self.sweep.after(event)
        self._show_sweep()

    def _show_sweep(self) -> None:
        for screen in self._over(SweepScreen):
            screen.show(self.sweep, self.states["bench"])

    def on_bench_pane_sweep(self, message: BenchPane.Sweep) -> None:
        """Concurrencies and goals for the shape of the form, or what is measured already."""

        def begin(kind: Kind, loads: Loads, objectives: Sequence[Objective]) -> None:
            spec = self._spec(message.shape)
            if spec is not None:
                self._swept(Begun(kind=kind, spec=spec, loads=loads, objectives=objectives))
                self._work("bench", self._sweep(kind, spec, loads, objectives))

        def report() -> None:
            self._work("report-sweep", self._report_sweep(self.sweep.points[0].run))

        self.app.push_screen(SweepScreen(self.sweep, self.states["bench"], begin, self.end_several, report))

    def end_several(self) -> None:
        run: str | None = self.states["bench"].run
        self.workers.cancel_group(self, "bench")
        self._swept(Over(stopped=True))
        if run is not None:
            self._work("stop-bench", self._stop_and_follow(run))

    async def _stop_and_follow(self, run: str) -> None:
        await self._stop_bench(run)
        with troubles_told(self):
            self._open(await self.b.runs.find(run))

    async def _report_sweep(self, first: str) -> None:
        with troubles_told(self):
            told, whole = await swept(self.b, run := await self.b.runs.find(first))
            path = await self.b.runs.write_report(run, "sweep.html", html(told, [], whole))
            self.notify(f"The report is written: {path}", timeout=15)

    async def _sweep(self, kind: Kind, spec: BenchSpec, loads: Loads, objectives: Sequence[Objective]) -> None:
        try:
            earlier = await self.b.runs.swept(spec)
            self._swept(Begun(kind=kind, spec=spec, loads=loads, objectives=objectives, earlier=earlier))
            server = self.b.server(spec.base_url)
            try:
                environment = await run_environment(self.b, server)
            finally:
                await server.close()
            gpus = gpus_measured(environment)

            async def run(one: BenchSpec) -> Mapping[str, Any]:
                return await self._one(one, environment)

            async def measure(one: BenchSpec) -> Mapping[str, Any]:
                return await once_more(run, one, lambda fault: self.notify(f"Once more, {fault}", timeout=15))

            if kind == "sweep":
                async with aclosing(sweep(measure, spec, loads, objectives, gpus)) as steps:
                    async for step in steps:
                        self._swept(step)
            else:
                most, whole = loads.values[-1], loads.whole
                probes = search(
                    lambda load: measure(at_load(spec, load, whole=whole, group="goodput")),
                    objectives,
                    least=1 if whole else min(LEAST_RATE, most),
                    most=most,
                    whole=whole,
                )
                async with aclosing(probes) as found:
                    async for event in found:
                        if isinstance(event, Probe):
                            point = sweep_point(event.load, event.result, gpus)
                            self._swept(SweepStep(point=point, probe=event))
                        else:
                            self._swept(event)
        except NemotuiError as error:
            self._swept(Over(error.problem))
        else:
            self._swept(Over())

    async def _one(self, spec: BenchSpec, environment: Mapping[str, Any]) -> Mapping[str, Any]:
        """One run, shown in the Bench pane; raises what kept it from measuring."""
        self._next("bench", spec)
        async with aclosing(run_bench(self.b.load, spec, environment)) as events:
            async for event in events:
                self._next("bench", event)
                self._show_sweep()
                if isinstance(event, BenchFailed):
                    raise event.error
                if isinstance(event, BenchFinished):
                    if (published := point_beside(event.result, self.b.catalog)) is not None:
                        self._swept(Beside(published))
                    return event.result
        raise FailedError("no_result", "the run ended without a result")
