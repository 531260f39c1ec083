"""`nemotui` alone: the console. The only verb that imports Textual.

The machine is asked before Textual is imported, and its GPUs are drawn before anything else is.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.console_memory import ConsoleMemory
from nemotui.adapters.threads import call
from nemotui.cli.machine import Box
from nemotui.cli.output import Answer
from nemotui.cli.verb import Invocation, on_ready, plan_flags, server_flags, skip_checks, verb
from nemotui.core.errors import UsageError
from nemotui.core.terminal import THEMES, ascii_only, sixteen_colours, theme_of
from nemotui.keys.keymap import remapped

if TYPE_CHECKING:
    from nemotui.ui.screen import MainScreen
    from nemotui.ui.states.gpus import GpusState

# Python's 5 ms, once for each thread that reads a flood, is what a key would wait at each step to the screen.
_HANDS_OVER_S = 0.001


@verb(
    example="nemotui --demo 2xb200",
    machine=True,
    flags=(
        click.argument("extra", nargs=-1, metavar="[-- VLLM_ARGS…]"),
        click.option("--plain", metavar="[PANE]", help="Print what a pane, or each, shows as text, and open nothing."),
        click.option("--theme", type=click.Choice(THEMES), help="How it looks; L and the palette change it, too."),
        click.option("--ascii/--no-ascii", "ascii", default=None, help="Draw with ASCII signs alone."),
        on_ready,
        skip_checks(),
        plan_flags,
        server_flags,
        click.option("--slow/--no-slow", default=None, help="Draw seldom, for a slow line (default: it is measured)."),
    ),
)
async def console(inv: Invocation, extra: tuple[str, ...], **flags: Any) -> Answer:
    """The console: GPUs, plans, deployment, logs, benchmark and chat on one screen."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()) or inv.as_json:
        raise UsageError(
            "no_terminal",
            "the console needs a terminal",
            "Use a verb, such as `nemotui up`; see `nemotui --help`.",
        )
    # Read when Textual is imported: nothing on this screen moves for show.
    os.environ.setdefault("TEXTUAL_ANIMATIONS", "none")
    sys.setswitchinterval(_HANDS_OVER_S)
    gc.disable()  # what is imported now stays: looking for garbage in it is a seventh of the time to the first picture.
    # The app does so again once it has settled.
    async with AsyncExitStack() as stack:
        box = Box(inv, SystemClock(), stack)
        first = asyncio.create_task(box.probe.sample())
        first.add_done_callback(lambda task: task.cancelled() or task.exception())  # whoever leaves early asks for none
        await asyncio.sleep(0)  # it begins: the driver is asked while Textual is imported

        from nemotui.ui.app import NemotuiApp
        from nemotui.ui.look import Look
        from nemotui.ui.opening import Opening
        from nemotui.ui.widgets.pane_bar import aside

        memory = ConsoleMemory(inv.settings.state_dir)
        look = Look(
            theme=theme_of(inv.settings.theme, memory.theme, os.environ),
            ascii=ascii_only(os.environ) if inv.settings.ascii is None else inv.settings.ascii,
            sixteen=sixteen_colours(os.environ),
            remember=memory.remember_theme,
            keep=memory.keep_copied,
        )
        main = partial(_main_screen, inv, flags, extra, box, stack, memory.tour)
        keymap = remapped(inv.settings.keys, "the configuration")
        app = NemotuiApp(lambda: Opening(first, main, aside(inv.demo, inv.speed)), keymap, look)
        loop = asyncio.get_running_loop()
        # Whoever is ended while he holds the terminal leaves it without a cursor, and full of mouse reports. When the
        # line to the terminal breaks, what waits to be stored shall not be lost.
        for number in (signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, partial(app.end, 128 + number))
        try:
            await app.run_async()
        finally:
            for number in (signal.SIGTERM, signal.SIGHUP):
                loop.remove_signal_handler(number)
            first.cancel()
    if app.failure is not None:
        raise app.failure
    return Answer({}, exit_code=app.return_code or 0)


def _import_the_rest() -> None:
    """What the main screen is made of, and what its first request to a server would import while it is mounted."""
    for name in ("ui.screen", "cli.backends", "adapters.vllm"):
        import_module(f"nemotui.{name}")
    for name in ("httpcore", "anyio._backends._asyncio"):  # which httpx imports at its first request
        import_module(name)


async def _main_screen(
    inv: Invocation,
    flags: Mapping[str, Any],
    extra: tuple[str, ...],
    box: Box,
    stack: AsyncExitStack,
    tour: Callable[[], bool],
    machine: GpusState,
) -> MainScreen:
    """All the rest, which is imported here; what it opens is closed with the stack."""
    await call(_import_the_rest)  # the event loop goes on meanwhile: keys are answered

    from nemotui.cli.backends import backends
    from nemotui.cli.check import way_in
    from nemotui.cli.connect import key_expression
    from nemotui.cli.plans import plan_request
    from nemotui.core.recommend import plan_without_gpu
    from nemotui.core.verify import left_out
    from nemotui.ui.options import Options
    from nemotui.ui.screen import MainScreen

    request = plan_request(inv, flags, extra)
    b = await stack.enter_async_context(backends(inv, box=box))
    options = Options(
        request=request,
        default_url=inv.settings.base_url or f"http://127.0.0.1:{request.port}",
        way_in=way_in(),
        cpu=plan_without_gpu(request, b.catalog) if request.no_gpu else None,
        pretend=inv.demo,
        time_scale=inv.speed if inv.demo is not None else 1.0,
        price_per_hour=inv.settings.price_per_hour,
        idle_after_s=inv.settings.idle_after_min * 60,
        slow=inv.settings.slow,
        environ=os.environ,
        verify_skip=left_out(inv.settings.verify_skip),
        tour=tour(),
        key_in_shell=partial(key_expression, inv, b),
    )
    return MainScreen(b, options, machine)
