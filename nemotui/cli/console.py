"""`nemotui` alone: the console. The only verb that imports Textual."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from functools import partial
from typing import Any

import click

from nemotui.cli.backends import backends
from nemotui.cli.check import way_in
from nemotui.cli.output import Answer
from nemotui.cli.plans import plan_request
from nemotui.cli.verb import Invocation, on_ready, plan_flags, server_flags, verb
from nemotui.core.errors import UsageError
from nemotui.core.recommend import plan_without_gpu

# Python's 5 ms, once for each thread that reads a flood, is what a key would wait at each step to the screen.
_HANDS_OVER_S = 0.001


@verb(
    example="nemotui --demo 2xb200",
    machine=True,
    flags=(
        click.argument("extra", nargs=-1, metavar="[-- VLLM_ARGS…]"),
        on_ready,
        plan_flags,
        server_flags,
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
    from nemotui.ui.app import NemotuiApp
    from nemotui.ui.options import Options

    sys.setswitchinterval(_HANDS_OVER_S)
    request = plan_request(inv, flags, extra)
    async with backends(inv) as b:
        options = Options(
            request=request,
            default_url=inv.settings.base_url or f"http://127.0.0.1:{request.port}",
            way_in=way_in(),
            cpu=plan_without_gpu(request, b.catalog) if request.no_gpu else None,
            pretend=inv.demo,
            time_scale=inv.speed if inv.demo is not None else 1.0,
            price_per_hour=inv.settings.price_per_hour,
            idle_after_s=inv.settings.idle_after_min * 60,
        )
        app, loop = NemotuiApp(b, options), asyncio.get_running_loop()
        # Whoever is ended while he holds the terminal leaves it without a cursor, and full of mouse reports.
        loop.add_signal_handler(signal.SIGTERM, partial(app.exit, return_code=128 + signal.SIGTERM))
        try:
            await app.run_async()
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
    return Answer({}, exit_code=app.return_code or 0)
