"""The one screen: five panes over the same use cases that the verbs run.

Each long-lived worker belongs to this screen, in an exclusive group of its own: it turns events into the next state of
a pane, and `_show` hands that to the pane unless the picture is paused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.dom import DOMNode
from textual.reactive import var
from textual.widget import Widget
from textual.widgets import ContentSwitcher

from nemotui.core.errors import NemotuiError
from nemotui.core.follow_log import follow_log
from nemotui.core.logs import Place
from nemotui.core.ports import Backends, Container
from nemotui.core.watch import ServerSample, watch_machine, watch_server
from nemotui.keys.grammar import Entry
from nemotui.keys.places import PLACES
from nemotui.ui.advice import AdviceScreen
from nemotui.ui.chatting import Chatting
from nemotui.ui.connecting import Connecting
from nemotui.ui.deploying import DeployingScreen
from nemotui.ui.driver import TerminalDriver
from nemotui.ui.inspector import Inspector
from nemotui.ui.keys import Action, bindings
from nemotui.ui.labbing import Labbing
from nemotui.ui.modals import Ask
from nemotui.ui.options import Options
from nemotui.ui.panes.base import Pane
from nemotui.ui.panes.bench import BenchPane
from nemotui.ui.panes.chat import ChatPane
from nemotui.ui.panes.deploy import DeployPane
from nemotui.ui.panes.gpus import GpusPane
from nemotui.ui.panes.logs import LogsPane
from nemotui.ui.states.bench import BenchState
from nemotui.ui.states.chat import ChatState
from nemotui.ui.states.connect import ConnectState
from nemotui.ui.states.deploy import DeployState
from nemotui.ui.states.gpus import GpusState
from nemotui.ui.states.inspected import inspected
from nemotui.ui.states.leaving import what_would_be_lost
from nemotui.ui.states.logs import KEPT, LogsState
from nemotui.ui.states.server import Measuring
from nemotui.ui.states.trust import TrustState
from nemotui.ui.telling import troubles_told
from nemotui.ui.trusting import Trusting
from nemotui.ui.widgets.key_bar import KeyBar
from nemotui.ui.widgets.pane_bar import PaneBar
from nemotui.ui.widgets.status import Notice, StatusLine
from nemotui.ui.widgets.tour import Tour

# A line this slow, in seconds there and back, cannot be drawn on as a near one is; how it is measured.
_SLOW_FROM_S = 0.12
_TRIPS, _SETTLED_S = 3, 3.0
_SLOW_STATUS_S = 10.0  # on such a line the status line's figures are this old at most; its words are of now

PANES: Mapping[str, type[Pane[Any]]] = {
    "gpus": GpusPane,
    "deploy": DeployPane,
    "logs": LogsPane,
    "bench": BenchPane,
    "chat": ChatPane,
}


class MainScreen(Labbing, Chatting, Trusting, Connecting, DeployingScreen, inherit_bindings=False):
    """The console."""

    CSS_PATH = "nemotui.tcss"
    BINDINGS: ClassVar[list[BindingType]] = bindings("main")
    focused: var[Widget | None] = var(None)  # Textual's own paints the whole screen whenever the focus moves

    def __init__(self, backends: Backends, options: Options, machine: GpusState | None = None) -> None:
        """`machine`: what is known of it already."""
        super().__init__(backends, options)
        self.states = {
            "gpus": machine or GpusState(),
            "deploy": DeployState(catalog=backends.catalog, request=options.request, cpu=options.cpu),
            "logs": LogsState(now=backends.clock.now),
            "bench": BenchState(),
            "chat": ChatState(),
        }
        self.connect = ConnectState()
        self.trust = TrustState(skip=options.verify_skip)
        self.paused = False
        self._tour = Tour() if options.tour else None
        self._panes: dict[str, Pane[Any]] = {"gpus": GpusPane(id="gpus")}  # those that are made so far
        self._making = asyncio.Lock()
        self._slow = False
        self._said: tuple[float, str] = (0.0, "")  # when the status line was last set, and to which headline

    def compose(self) -> ComposeResult:
        yield StatusLine()
        yield Notice()
        yield PaneBar(self.options.aside)
        with ContentSwitcher(initial="gpus"):
            yield self._panes["gpus"]
        if self._tour is not None:
            yield self._tour
        yield KeyBar(docked=True)

    def _themed(self, _: object) -> None:
        """Other colours: the pane in front draws with them, the others when they come."""
        self._pane(self.current).draw()

    def on_key(self) -> None:
        """The tour goes with the first key."""
        if self._tour is not None:
            self._tour.remove()
            self._tour = None

    def on_mount(self) -> None:
        self._show("gpus")
        self.query_one("#gpus").focus()
        self._work("panes", self._make_panes())
        self.app.theme_changed_signal.subscribe(self, self._themed)
        self._work("machine", self._watch_machine())
        self._work("engine", self._ask_engine())
        self._work("ask", self._offer_previous())
        self._work("server", self._watch_server())
        self._work("runs", self._watch_runs())
        if self.options.slow:
            self._slow_down()
        elif self.options.slow is None:
            self._work("line", self._measure_line())

    async def _make_panes(self) -> None:
        """One after another, so that a key waits for one at most; the one that a key asks for comes first."""
        for name in PANES:
            await self._made(name)

    async def _made(self, name: str) -> None:
        """Until the pane is there."""
        async with self._making:
            if name not in self._panes:
                pane = PANES[name](id=name)
                await self.query_one(ContentSwitcher).add_content(pane)
                pane.slow = self._slow
                self._panes[name] = pane
                self._show(name)

    async def _measure_line(self) -> None:
        """How long the line to the terminal is: the shortest of some answers, for the first ones may have waited."""
        driver = self.app._driver
        if not isinstance(driver, TerminalDriver):
            return
        await self.b.clock.sleep(_SETTLED_S)
        trips = [await driver.round_trip() for _ in range(_TRIPS)]
        shortest = min((trip for trip in trips if trip is not None), default=0.0)
        if shortest >= _SLOW_FROM_S:
            self._slow_down()
            self.notify(
                f"The line to this terminal takes {shortest * 1000:.0f} ms: less is drawn. --no-slow draws all."
            )

    def _slow_down(self) -> None:
        self._slow = True
        for pane in self._panes.values():
            pane.slow = True
        bar = self.query_one(PaneBar)
        bar.aside = f"{bar.aside}{bar.aside and ' · '}slow line"

    def hurry(self) -> None:
        """A key was pressed."""
        for pane in self._panes.values() if self._slow else (self._pane(self.current),):
            pane.hurry()

    # -- what happens, event by event

    async def _watch_machine(self, *, anew: bool = False) -> None:
        pane = self.query_one(GpusPane)
        samples = watch_machine(self.b.probe, self.b.clock, detail=lambda: pane.detail_of, anew=anew)
        async for machine in self._each(samples):
            self._next("gpus", machine)
            self._next("deploy", machine)
            self._server(machine)

    async def _ask_engine(self) -> None:
        with suppress(NemotuiError):  # the server's watcher says what is wrong with it
            self._next("gpus", await self.b.runtime.info())

    async def _watch_server(self) -> None:
        samples = watch_server(self.b.runtime, self.b.server, self.options.default_url, self.b.clock)
        async for sample in self._each(samples):
            if self.states["bench"].measuring:
                self._server(Measuring(sample.at))
            self._server(sample)
            for name in ("deploy", "bench", "chat"):
                self._next(name, sample)
            self._follow_container(sample)

    def _follow_container(self, sample: ServerSample) -> None:
        """The log of our newest container; and its start, where it was begun before this console was."""
        container = sample.container
        if container is None:
            self._next("logs", sample)
            return
        run = container.id, container.started_at
        if self.read_by_start is not None:
            if self.read_by_start.id == container.id:
                self._next("logs", container)
                self.followed = run
            return
        self._next("logs", container)
        if run == self.followed:
            return
        self.followed = run
        came_back = container.name == self.came_back and self.states["deploy"].failed is not None
        if container.state == "running" and not came_back and not sample.serving and not self._working("deploy"):
            self._work("deploy", self._follow_start(container, sample.base_url))
        else:
            self._work("logs", self._follow_logs(container))

    async def _follow_logs(self, container: Container) -> None:
        """From its newest lines on, or from the last that is known where it was started again."""
        since = Place().after(self.states["logs"].lines)
        async for event in self._each(follow_log(self.b.runtime, container.id, self.b.clock, tail=KEPT, since=since)):
            self._next("logs", event)

    async def _save_log(self, container: Container) -> None:
        assert self.b.log_files is not None
        with troubles_told(self):
            path, size = await self.b.log_files.write(container.name, self.b.runtime.raw_log(container.id))
            self.notify(f"{size:,} bytes saved: {path}")

    # -- what the panes ask for

    def on_gpus_pane_again(self) -> None:
        """Look for the driver, or for GPUs that are gone, now."""
        self._work("machine", self._watch_machine(anew=True))

    def on_logs_pane_save(self, message: LogsPane.Save) -> None:
        self._work("save-log", self._save_log(message.container))

    def on_chat_pane_inspect(self) -> None:
        """What went over the wire for each answer, also for one that still comes."""
        self.app.push_screen(Inspector(lambda: inspected(self.states["chat"]), self.options.key_in_shell))

    # -- keys

    async def action_pane(self, name: str) -> None:
        """Bring a pane to the front."""
        await self._made(name)
        self.query_one(ContentSwitcher).current = name
        self.query_one(PaneBar).current = name
        self._pane(name).take_focus()

    def action_pause(self) -> None:
        """Hold the picture in every pane, or let it go on from now."""
        self.paused = not self.paused
        self.query_one(StatusLine).paused = self.paused
        if not self.paused:
            self._show_server()
            for name in PANES:
                self._show(name)

    def action_advice(self) -> None:
        """What is wrong with the server, and what would help."""
        sample = self.server.sample
        serving = sample is not None and sample.serving
        self.app.push_screen(AdviceScreen(self.server.advice, serving=serving))

    def action_leave_field(self) -> None:
        """Escape: out of a field, or whatever the pane does with it."""
        self._pane(self.current).leave_field()

    def action_leave(self) -> None:
        """Quit; ask first where something would be lost."""
        chat = self._panes.get("chat")
        lost = what_would_be_lost(
            self.states["deploy"],
            self.states["bench"],
            self.states["chat"],
            self.lab,
            pretend=self.options.pretend is not None,
            unsent=isinstance(chat, ChatPane) and chat.unsent,
            client=self.connect.going if self.connect.going and self.connect.at_length else "",
        )
        if not lost:
            self.app.exit()
            return

        def answered(yes: bool | None) -> None:
            if yes:
                self.app.exit()

        self.app.push_screen(Ask(f"{lost} Quit?", "Quit"), answered)

    def actions(self) -> Iterator[Action]:
        """Every action of the console, for the palette and the help: those of the pane in front come first."""
        order = sorted(PANES, key=lambda name: name != self.current)
        for name in (order[0], "main", "app", *order[1:]):
            for entry in PLACES[name].entries:
                yield Action(where=PLACES[name].title, entry=entry, run=self._runner(name, entry))

    # -- below here: plumbing

    @property
    def current(self) -> str:
        """The pane in front."""
        return self.query_one(ContentSwitcher).current or "gpus"

    def _pane(self, name: str) -> Pane[Any]:
        return self._panes[name]

    def _next(self, name: str, event: Any) -> None:
        self.states[name] = self.states[name].after(event)
        self._show(name)

    def _server(self, event: Any) -> None:
        self.server = self.server.after(event)
        if self.app.is_running and not self.paused:
            self._show_server()

    def _show_server(self) -> None:
        now = asyncio.get_running_loop().time()
        if self._slow and now - self._said[0] < _SLOW_STATUS_S and self._said[1] == self.server.headline:
            return
        self._said = now, self.server.headline
        self.query_one(StatusLine).state = self.server
        self.query_one(Notice).advice = self.server.advice

    def _show(self, name: str) -> None:
        """To the pane, if it is made; unless the console ends: its widgets go before its workers do."""
        pane = self._panes.get(name)
        if pane is None or not self.app.is_running:
            return
        pane.live = self.states[name]
        if not self.paused:
            pane.state = pane.live

    def _runner(self, place: str, entry: Entry) -> Callable[[], Any]:
        async def run() -> None:
            target: DOMNode = self.app if place == "app" else self
            if place in PANES:  # also one that is not made yet
                await self.action_pane(place)
                target = self._pane(place)
            if not await self.app.run_action(entry.action, target):
                self.notify(f"{entry.label} has nothing to act on now. The last line shows what can be done.")

        return run
