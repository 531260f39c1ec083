"""The preview of a start: what changes, the preflight as its answers come, the exact command, and each flag."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from nemotui.core.cure import Change, command_diff, cured
from nemotui.core.plan import ContainerSpec, Plan, container_spec, docker_run
from nemotui.core.ports import Backends
from nemotui.core.preflight import cures, given_up, in_the_way, preflight
from nemotui.core.preflight_checks import Check
from nemotui.core.reach import Login
from nemotui.core.show import shell
from nemotui.keys.keymap import key_of
from nemotui.ui.copying import copy
from nemotui.ui.keys import bindings
from nemotui.ui.widgets.checks import checks_words, published_check
from nemotui.ui.widgets.key_bar import KeyBar
from nemotui.ui.widgets.plan import flags_words, guide_words

_ROOMY = 32  # lines from which there is room for a line a check


class Preview(ModalScreen[ContainerSpec | None], inherit_bindings=False):
    """Enter starts it once the preflight is over and nothing stands in the way; Esc goes back.

    `changes` are lines about what is new of it. `replaces`: a server of ours gives its place to it. The answer is what
    to start.
    """

    BINDINGS: ClassVar[list[BindingType]] = bindings("preview")

    def __init__(
        self,
        question: str,
        plan: Plan,
        spec: ContainerSpec,
        backends: Backends,
        way_in: Login,
        *,
        changes: Sequence[str] = (),
        replaces: bool = False,
    ) -> None:
        super().__init__()
        self._question, self._plan, self._spec, self._b, self._way_in = question, plan, spec, backends, way_in
        self._changes, self._replaces = tuple(changes), replaces
        self._found: list[Check] = []
        self._over = False
        self._wanted = False  # Enter came before the preflight was over

    def compose(self) -> ComposeResult:
        with Vertical(id="preview"):
            yield Static(Content(self._question), id="question")
            with VerticalScroll(id="preview-scroll", can_focus=False):
                yield Static(id="preview-changes")
                yield Static(id="preview-checks")
                yield Static(id="preview-command")
            yield Static(id="preview-verdict")
            yield KeyBar(scrolls="Scroll")

    def on_mount(self) -> None:
        self._look()  # Enter may have come already

    def on_resize(self) -> None:
        """The text is wrapped to what room there is."""
        self.call_after_refresh(self._draw)

    async def _check(self) -> None:
        async with aclosing(preflight(self._b, self._plan, self._way_in, spec=self._spec)) as checks:
            async for each in checks:
                self._found.append(given_up(each) if self._replaces else each)
                self._draw()
        self._over = True
        self._draw()
        if self._wanted:
            self._start(anyway=False)

    @property
    def _standing(self) -> tuple[Check, ...]:
        return in_the_way(self._found, anyway=False)

    def _draw(self) -> None:
        if not self.is_mounted:
            return
        self.refresh_bindings()
        width = self.query_one("#preview-scroll").scrollable_content_region.width
        self.query_one("#preview-checks", Static).update(
            checks_words(self._found, width, over=self._over, brief=self.app.size.height < _ROOMY)
        )
        changes = self.query_one("#preview-changes", Static)
        changes.display = bool(self._changes)
        changes.update(Content("\n".join(self._changes)))
        command = shell(docker_run(self._spec), width)
        parts = [Content.styled("The command", "bold"), Content.styled(command, "$foreground")]
        if container_spec(self._plan) == self._spec:  # else it is a container's own, whose flags have no plan's reasons
            parts += [Content(""), *flags_words(self._plan, width), Content(""), *guide_words(self._plan, width)]
        self.query_one("#preview-command", Static).update(Content("\n").join(parts))
        self.query_one("#preview-verdict", Static).update(
            _verdict(self._standing, over=self._over, wanted=self._wanted)
        )

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """No key is offered that would do nothing."""
        standing = self._standing if self._over else ()
        return {
            "start": not standing,
            "anyway": bool(standing) and all(check.estimate for check in standing),
            "cure": cured(self._spec, cures(standing)) is not None,
        }.get(action, True)

    def action_start(self) -> None:
        """Start it, at once or as soon as the preflight is over."""
        if self._over:
            self._start(anyway=False)
        else:
            self._wanted = True
            self._draw()

    def action_anyway(self) -> None:
        """Overrule the estimates; what the engine would refuse stays."""
        if self._over:
            self._start(anyway=True)

    def action_cure(self) -> None:
        """Take what is free where something is taken, and look again."""
        cure = cured(self._spec, cures(self._standing))
        if not self._over or cure is None:
            return
        self._changes += command_diff(docker_run(self._spec), docker_run(cure.after))
        self._spec = cure.after
        spec = cure.after
        self._plan = replace(self._plan, name=spec.name, port=spec.port, gpus=spec.gpus, image=spec.image)
        self.action_again()

    def _start(self, *, anyway: bool) -> None:
        self._wanted = False
        if in_the_way(self._found, anyway=anyway):
            self.app.bell()
            self._draw()
            return
        self.dismiss(self._spec)

    def action_again(self) -> None:
        """The preflight from its beginning."""
        self._wanted = False
        self._look()

    def _look(self) -> None:
        self._found = [published_check()] if self._plan.as_published else []
        self._over = False
        self._draw()
        self.run_worker(self._check(), group="preflight", exclusive=True)

    def action_copy(self) -> None:
        """The command, through the terminal's clipboard."""
        copy(self, shlex.join(docker_run(self._spec)), "The docker run command")

    def action_back(self) -> None:
        """Start nothing."""
        self.dismiss(None)

    def action_scroll(self, lines: int) -> None:
        """Through the preview."""
        self.query_one("#preview-scroll").scroll_relative(y=lines, animate=False)


def _verdict(standing: Sequence[Check], *, over: bool, wanted: bool) -> Content:
    if standing:
        names = ", ".join(check.name for check in standing)
        way, out = "In the way", f"Mend it, then {key_of('preview-again')}"
        if over and (changes := cures(standing)):
            words = ", ".join(map(_change_words, changes))
            others = "" if all(check.cure for check in standing) else f"; mend the rest, then {key_of('preview-again')}"
            out = f"{key_of('preview-cure')} takes {words}{others}"
        elif all(check.estimate for check in standing):
            way, out = "In the way by an estimate", f"{key_of('preview-anyway')} starts it anyway"
        return Content.assemble(("✖ ", "$error"), f"{way}: {names}. ", (out, "bold"))
    if not over:
        return Content.styled(
            "The preflight goes on; it starts after that." if wanted else "The preflight goes on …", "$muted"
        )
    return Content.assemble(("✓ ", "$success"), "Nothing is in the way.")


def _change_words(change: Change) -> str:
    return "GPUs that are idle" if change.setting == "gpus" else f"{change.setting} {change.value}"
