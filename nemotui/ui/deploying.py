"""The main screen's part that starts, replaces, stops and adopts servers, and keeps what is known of a failed one."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from functools import partial
from typing import Any

from nemotui.core.announce import announce
from nemotui.core.cure import command_diff
from nemotui.core.deploy import Created, DeployEvent, LogBatch, Ready, deploy, earlier_end, follow_start
from nemotui.core.errors import NemotuiError
from nemotui.core.failed import Failed, with_idle_gpus
from nemotui.core.incident import incident
from nemotui.core.learn import learn
from nemotui.core.leavings import Leaving, by_kind
from nemotui.core.lookout import Lookout
from nemotui.core.plan import ContainerSpec, Plan, docker_run
from nemotui.core.plan_of import plan_of
from nemotui.core.ports import Container
from nemotui.core.pull import pull
from nemotui.core.show import size
from nemotui.core.stop import Stopped, Stopping, held_words, stop
from nemotui.core.swap import Swap, Swapping, bring_back, left_behind, plan_swap, swap
from nemotui.core.watch import local_url
from nemotui.keys.keymap import key_of
from nemotui.ui.panes.deploy import DeployPane
from nemotui.ui.preview import Preview
from nemotui.ui.states.launch import Ahead, Begun, BrokenOff
from nemotui.ui.states.logs import KEPT
from nemotui.ui.telling import troubles_told
from nemotui.ui.workers import WorkingScreen

_KEY_SHOWN_S = 60.0  # time to write it down


class DeployingScreen(WorkingScreen, inherit_bindings=False):
    """What happens to servers; `_next` and `_server` hand the events on."""

    came_back: str | None = None  # a server that was to be replaced: why it was not stays to be read
    followed: tuple[str, float | None] | None = None  # the container whose log is followed, and its start
    read_by_start: Container | None = None  # whose log comes from what follows its start: nobody reads it twice

    def _server(self, event: Any) -> None:
        raise NotImplementedError

    async def _follow_logs(self, container: Container) -> None:
        raise NotImplementedError

    # -- what happens, event by event

    async def _deploy(self, spec: ContainerSpec, plan: Swap | None = None) -> None:
        server, self.came_back = self.b.server(local_url(spec.bind, spec.port)), plan.old.name if plan else None
        look = partial(Lookout, self.b)
        try:
            if spec.env_file is not None and (made := await self.b.keys.ensure()):
                words = f"{made}\nKept in {self.b.keys.path}, which only you can read."
                self.notify(words, title="The server's key, shown this once", timeout=_KEY_SHOWN_S)
            if plan is None:
                await self._start(deploy(self.b.runtime, server, spec, self.b.clock, look))
            else:
                await self._start(swap(self.b.runtime, server, plan, self.b.clock, look))
        except NemotuiError as error:
            self._failed(error)
        finally:
            await server.close()
        self._start_is_over()

    async def _fetch(self, spec: ContainerSpec) -> None:
        try:
            async for event in self._each(pull(self.b, spec)):
                self._next("deploy", Ahead(event))
        except NemotuiError as error:
            self._next("deploy", Ahead(_ended_by(error)))

    async def _follow_start(self, container: Container, url: str) -> None:
        server = self.b.server(url)
        try:
            await self._read_with_start(container)
            await self._start(follow_start(self.b.runtime, server, container, self.b.clock, partial(Lookout, self.b)))
        except NemotuiError as error:
            self._failed(error)
        finally:
            await server.close()
        self._start_is_over()
        if self.states["deploy"].failed is not None:
            await self._offer_previous()

    async def _offer_previous(self) -> None:
        """A replacement whose console was killed has left the old server stopped."""
        try:
            previous = left_behind(await self.b.runtime.containers())
        except NemotuiError:  # the server's watcher says what is wrong with the engine
            return
        if previous is not None:
            question = f"{previous.name} was stopped for a replacement that nobody has finished. Start it again?"
            self._agreed(question, "Start it again", "previous", lambda: self._bring_back(previous))

    async def _bring_back(self, previous: Container) -> None:
        with troubles_told(self):
            container = await bring_back(self.b.runtime, previous)
            self.notify(f"{container.name} is started again as it was.")

    async def _start(self, events: AsyncGenerator[DeployEvent | Swapping, None]) -> None:
        async for event in self._each(events):
            if isinstance(event, Failed):
                event = await with_idle_gpus(event, self.b.probe)
            if isinstance(event, LogBatch):
                self._next("logs", event.lines)
                continue
            if isinstance(event, Created):
                await self._read_with_start(event.container)
            if not isinstance(event, Swapping):
                self._server(event)
            self._next("deploy", event)
            if isinstance(event, Ready | Failed):
                self.app.bell()
                if trouble := await announce(self.b, event):
                    self.notify(trouble, severity="warning")
            if isinstance(event, Ready) and (start := await learn(self.b, event)):
                self._next("deploy", start)

    async def _read_with_start(self, container: Container) -> None:
        """From now on the start tells what is written; what an earlier run of it wrote comes first."""
        self.read_by_start, self.followed = container, (container.id, container.started_at)
        self.workers.cancel_group(self, "logs")
        self._next("logs", container)
        if (end := earlier_end(container)) is None:
            return
        async for lines in self._each(self.b.runtime.logs(container.id, follow=False, tail=KEPT)):
            self._next("logs", tuple(line for line in lines if line.time is not None and line.time <= end))

    def _start_is_over(self) -> None:
        container, self.read_by_start = self.read_by_start, None
        if container is not None:
            self._work("logs", self._follow_logs(container))

    def _failed(self, error: NemotuiError) -> None:
        """The deployment could not be begun or followed: to the panes that is how it ended."""
        event = _ended_by(error)
        self._server(event)
        self._next("deploy", event)

    async def _break_off(self) -> None:
        """The engine fetches for whoever listens. While the question was read it may have come to its end."""
        if not self.states["deploy"].pulling:
            self.notify("The image has come meanwhile, and the start goes on.", severity="warning")
            return
        self.workers.cancel_group(self, "deploy")
        self._server(BrokenOff())
        self._next("deploy", BrokenOff())
        self.notify("Broken off: nothing was started.")

    async def _stop(self, container: Container) -> None:
        stopped: Stopped | None = None
        try:
            async for event in self._each(stop(self.b.runtime, self.b.probe, container, self.b.clock)):
                self._next("deploy", event)
                if not isinstance(event, Stopping):
                    stopped = event
        except NemotuiError as error:
            self._next("deploy", Stopped(container=container))
            self.notify(str(error), severity="error")
            return
        self.notify(f"{container.name} has stopped.")
        if stopped is not None and stopped.held:
            self._offer_to_end(stopped)

    def _offer_to_end(self, stopped: Stopped) -> None:
        words = "\n".join(held_words(process) for process in stopped.held)
        question = f"{stopped.container.name} has ended, and processes of it hold on to the GPUs. End them?"
        self._agreed(question, "End them", "end", lambda: self._end(stopped), words)

    async def _end(self, stopped: Stopped) -> None:
        for process in stopped.held:
            with troubles_told(self):
                await self.b.end_process(process.pid, stopped.container.id)
                self.notify(f"Process {process.pid} has ended.")

    async def _ask_to_replace(self, old: Container, spec: ContainerSpec) -> None:
        """Say what will happen, in its order, and what of the command is new; then do it."""
        with troubles_told(self):
            self._preview_swap(await plan_swap(self.b.runtime, old, spec))

    def _preview_swap(self, plan: Swap) -> None:
        old, spec = plan.old, plan.spec
        steps = [f"{number}. {step}" for number, step in enumerate(plan.steps, 1)]
        new = command_diff(docker_run(plan.old_spec), docker_run(spec)) or ("The same command once more.",)

        def answered(chosen: ContainerSpec | None) -> None:
            if chosen and not self.states["deploy"].starting:
                self._next("deploy", Begun())
                self._work("deploy", self._deploy(chosen, plan))

        self._preview(f"Replace {old.name}?", spec, answered, changes=[*steps, "", *new], replaces=True)

    async def _save_incident(self, container: Container) -> None:
        with troubles_told(self):
            path = await self.b.incidents.save(container.name, await incident(self.b, container))
            self.notify(f"Saved to {path}, without secrets.", timeout=20)

    async def _adopt(self, container: Container) -> None:
        with troubles_told(self):
            await self.b.runtime.adopt(container.id)
            self.notify(f"{container.name} counts as ours from now on.")

    async def _show_left(self) -> None:
        """Each kind with its size; the containers that have ended, which hold their names, can go from here."""
        with troubles_told(self):
            self._offer_to_remove(await self.b.leavings.found())

    def _offer_to_remove(self, found: Sequence[Leaving]) -> None:
        ended = [each for each in found if each.kind == "containers" and not each.kept]
        total = size(sum(each.size_bytes or 0 for each in found)) if found else "nothing"
        lines = [*by_kind(found), *(f"  {each.name}" for each in ended)]
        question = f"nemotui left {total} here. Remove the {len(ended)} containers that have ended?"
        hint = "`nemotui clean` lists each; --images, --weights, --caches, --runs … remove what is chosen."

        if not ended:
            self.notify("\n".join([f"nemotui left {total} here.", *lines, hint if found else ""]), timeout=20)
            return
        self._agreed(question, "Remove them", "clean", lambda: self._remove(ended), "\n".join([*lines, "", hint]))

    async def _remove(self, leavings: Sequence[Leaving]) -> None:
        for leaving in leavings:
            with troubles_told(self):
                await self.b.leavings.remove(leaving)
                self.notify(f"{leaving.name} is removed.")

    # -- what the Deploy pane asks for

    def on_deploy_pane_wanted(self, message: DeployPane.Wanted) -> None:
        """Show what would be started, and what stands in its way."""
        if isinstance(self.app.screen, Preview):  # a second Enter, typed before the first had opened it
            self.app.screen.action_start()
            return

        self._preview(f"Start {message.what}?", message.spec, self._start_chosen, message.plan)

    def on_deploy_pane_retry(self, message: DeployPane.Retry) -> None:
        """Show what the cure of a failed start changes, and whether anything else is in its way."""
        cure = message.cure
        self._preview(f"{message.cause}. Try again with:", cure.after, self._start_chosen, changes=cure.diff)

    def _start_chosen(self, spec: ContainerSpec | None) -> None:
        if spec is not None:
            self.query_one(DeployPane).post_message(DeployPane.Start(spec))

    def _preview(
        self,
        question: str,
        spec: ContainerSpec,
        answered: Callable[[ContainerSpec | None], None],
        plan: Plan | None = None,
        *,
        changes: Sequence[str] = (),
        replaces: bool = False,
    ) -> None:
        """A container that no plan of now is of is looked at by its own settings."""
        preview = Preview(
            question,
            plan or plan_of(spec),
            spec,
            self.b,
            self.options.way_in,
            changes=changes,
            replaces=replaces,
        )
        self.app.push_screen(preview, answered)

    def on_deploy_pane_start(self, message: DeployPane.Start) -> None:
        if self.states["deploy"].starting:
            self.notify("A start is going on.", severity="warning")
            return
        self._next("deploy", Begun())
        self._work("deploy", self._deploy(message.spec))

    def on_deploy_pane_fetch(self, message: DeployPane.Fetch) -> None:
        ahead = self.states["deploy"].ahead
        if ahead is not None and ahead.going_on:
            self.workers.cancel_group(self, "fetch")
            self._next("deploy", Ahead(None))
            self.notify("Broken off. What was fetched stays.")
        else:
            self._work("fetch", self._fetch(message.spec))

    def on_deploy_pane_replace(self, message: DeployPane.Replace) -> None:
        self._work("ask", self._ask_to_replace(message.old, message.spec))

    def on_deploy_pane_changed(self, message: DeployPane.Changed) -> None:
        """Another setting, goal or hardware."""
        self._next("deploy", message.event)

    def on_deploy_pane_stop(self) -> None:
        container = self.states["deploy"].running
        if self.states["deploy"].pulling:
            question = "Stop fetching the image? Nothing is started then; what has come of it may have to come again."
            self._agreed(question, "Stop it", "stop", self._break_off)
        elif container is None:
            self.notify("No container of ours runs.", severity="warning")
        elif not container.ours:
            self.notify(
                f"{container.name} was started by hand. {key_of('deploy-adopt')} makes it ours first.",
                severity="warning",
            )
        else:
            question = f"Stop {container.name}? Whoever uses it loses the connection."
            self._agreed(question, "Stop it", "stop", lambda: self._stop(container))

    def on_deploy_pane_adopt(self, message: DeployPane.Adopt) -> None:
        name = message.container.name
        question = f"Make {name} ours? Then it can be stopped and replaced from here; it goes on as it is."
        self._agreed(question, "Adopt it", "adopt", lambda: self._adopt(message.container))

    def on_deploy_pane_bundle(self, message: DeployPane.Bundle) -> None:
        self._work("bundle", self._save_incident(message.container))

    def on_deploy_pane_clean(self) -> None:
        self._work("clean", self._show_left())


def _ended_by(error: NemotuiError) -> Failed:
    problem = error.problem
    return Failed(kind=problem.kind, cause=problem.message, remedy=problem.fix)
