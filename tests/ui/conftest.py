"""A console over a pretend machine, driven by its keys: everything behind the screen is as in `nemotui --demo`."""

from __future__ import annotations

import functools
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from textual.pilot import Pilot

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.conversations import ConversationsFolder
from nemotui.adapters.ending import end_process
from nemotui.adapters.handover import HandoverRuns
from nemotui.adapters.incidents import IncidentFolder
from nemotui.adapters.keyfile import KeyFile
from nemotui.adapters.lab_files import LabFolder
from nemotui.adapters.load import LoadProcess
from nemotui.adapters.log_files import LogsFolder
from nemotui.adapters.observer import TaskObserver
from nemotui.adapters.runs import RunsFolder
from nemotui.adapters.vllm import VllmServer
from nemotui.catalog import load_catalog
from nemotui.core.plan import container_spec
from nemotui.core.ports import Backends, Clock
from nemotui.core.reach import Login
from nemotui.core.recommend import PlanRequest, recommend
from nemotui.keys.keymap import Keymap
from nemotui.sim.engine import PretendEngine
from nemotui.sim.probe import PretendProbe
from nemotui.sim.surroundings import PretendSurroundings
from nemotui.ui.app import NemotuiApp
from nemotui.ui.look import Look
from nemotui.ui.options import Options
from nemotui.ui.panes.base import Pane
from nemotui.ui.panes.deploy import DeployPane
from nemotui.ui.screen import PANES, MainScreen
from nemotui.ui.states.deploy import DeployState
from tests.ports import free_port
from tests.ui.seen import seen
from tests.unasked import Tidy

_POLL_S = 0.05
_PATIENCE_S = 30.0  # only so that a test that waits in vain ends with the screen in its report


@dataclass(frozen=True, slots=True)
class Console:
    """A running console and the hands on its keyboard. `port` is where it would deploy, free when it began."""

    app: NemotuiApp
    pilot: Pilot[None]
    port: int

    @property
    def main(self) -> MainScreen:
        """The main screen, also while a dialog lies over it."""
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    @property
    def text(self) -> str:
        """What the screen in front shows, line by line."""
        return seen(self.app)

    @property
    def deploy(self) -> DeployState:
        """What the Deploy pane shows."""
        found = self.pane("deploy").state
        assert isinstance(found, DeployState)
        return found

    def pane(self, name: str) -> Pane[Any]:
        """A pane by its name: gpus, deploy, logs, bench, chat."""
        return self.main.query_one(f"#{name}", Pane)

    async def press(self, *keys: str) -> None:
        """Press these keys, one after another, and let the console draw."""
        await self.pilot.press(*keys)
        await self.pilot.pause()

    async def serve(self) -> None:
        """Deploy the recommended plan and wait until it serves; which pane is in front stays as it is."""
        plan = recommend(await self.main.b.probe.sample(), self.main.b.catalog, self.main.options.request)[0].plan
        assert plan is not None
        self.pane("deploy").post_message(DeployPane.Start(container_spec(plan)))
        await self.until("● nemotron-super")

    async def hold(self) -> None:
        """End what goes on behind the screen: from now on only the test says what happens."""
        workers = tuple(self.main.workers)
        self.main.workers.cancel_all()
        await self.until(lambda: all(worker.is_finished for worker in workers))

    @property
    def other_port(self) -> int:
        """The port that is offered in the place of `port`: the next one that nobody has."""
        offered = re.search(r"[+] -p 127[.]0[.]0[.]1:(\d+):8000", self.text)
        assert offered is not None, self.text
        assert int(offered[1]) > self.port
        return int(offered[1])

    async def until(self, there: str | Callable[[], object]) -> None:
        """Wait until this text is on the screen, or until a condition holds."""
        waited = 0.0
        while not (there in self.text if isinstance(there, str) else there()):
            assert waited < _PATIENCE_S, f"never came: {there!r}\n{self.text}"
            await self.pilot.pause(_POLL_S)
            waited += _POLL_S


ConsoleFactory = Callable[..., AbstractAsyncContextManager[Console]]


@asynccontextmanager
async def pretend_console(
    runs: Path,
    profile: str = "2xh100",
    size: tuple[int, int] = (120, 40),
    *,
    start_s: float = 0.5,
    speed: float = 50.0,
    hf_cache: str | None = None,
    keymap: Keymap | None = None,
    clock: Clock | None = None,
    look: Look | None = None,
    tour: bool = False,
) -> AsyncGenerator[Console, None]:
    """A console over a pretend machine.

    `start_s` is how long a pretend start takes, `speed` how many times faster than a real one the server answers.
    Without an `hf_cache` no plan mounts one. `clock`: another than the system's.
    """
    port = free_port()
    clock, catalog = clock or SystemClock(), load_catalog()
    engine = PretendEngine(profile, clock, speed=speed, start_seconds=start_s)
    probe = PretendProbe(profile, clock, engine)
    observe = TaskObserver(probe, VllmServer, clock)
    backends = Backends(
        clock=clock,
        probe=probe,
        runtime=engine,
        load=LoadProcess(runs, clock, catalog, observe=observe),
        runs=RunsFolder(runs),
        catalog=catalog,
        cache=engine.hub,
        server=VllmServer,
        incidents=IncidentFolder(runs.parent / "incidents", (), clock),
        leavings=Tidy(),
        end_process=end_process,
        surroundings=PretendSurroundings(profile, engine),
        keys=KeyFile(runs.parent / "server.env"),
        log_files=LogsFolder(runs.parent / "logs", clock),
        handover=HandoverRuns(runs.parent / "handover", clock),
        conversations=ConversationsFolder(runs.parent / "conversations", clock),
        lab=LabFolder(runs.parent / "lab", clock),
    )
    options = Options(
        way_in=Login(user="ubuntu", host="gpu-box"),
        request=PlanRequest(port=port, hf_cache=hf_cache),
        default_url=f"http://127.0.0.1:{port}",
        pretend=profile,
        time_scale=speed,
        tour=tour,
    )
    app = NemotuiApp(lambda: MainScreen(backends, options), keymap, look)
    app.animation_level = "none"
    try:
        async with app.run_test(size=size, notifications=True) as pilot:
            console = Console(app, pilot, port)
            await console.until(lambda: len(console.main.query(Pane)) == len(PANES))
            yield console
    finally:
        await observe.close()
        await engine.close()
        await backends.probe.close()


@pytest.fixture
def console(tmp_path: Path) -> ConsoleFactory:
    """`async with console(profile="2xh100", size=(120, 40)) as c:`, with its own port and runs directory."""
    return functools.partial(pretend_console, tmp_path / "runs")
