"""One pretend server as a process: its start-up log, its HTTP server, its periodic line, and its end on SIGTERM."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

import uvicorn
from uvicorn.config import LOGGING_CONFIG

from nemotui.core.errors import NemotuiError
from nemotui.sim.api import Api
from nemotui.sim.arguments import ServeArguments, parse
from nemotui.sim.server import create_app
from nemotui.sim.startup_log import Entry, Process, script

_LOG_EVERY_S = 10.0  # vLLM's own interval
_GRACE_S = 1  # for replies that are being sent when SIGTERM comes


def main(argv: Sequence[str]) -> int:
    """`serve …`: exit 0 after SIGTERM or the parent's end, 1 after a pretended failure, 2 on usage."""
    if argv[:1] == ["serve"]:
        argv = argv[1:]
    try:
        arguments = parse(argv)
    except NemotuiError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return asyncio.run(_Process(arguments).run())


class _Server(uvicorn.Server):
    """uvicorn, with the signals left to us: vLLM's own words at the end, and exit status 0."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class _Process:
    def __init__(self, arguments: ServeArguments) -> None:
        self._arguments = arguments
        self._stop = asyncio.Event()

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        if self._arguments.exit_with_parent:
            await self._watch_parent()
        listener = self._bind()
        if listener is None:
            return 1
        with listener:
            if not await self._start_up():
                return 0
            if self._arguments.failure is not None:
                return 1
            await self._serve(listener)
        return 0

    async def _watch_parent(self) -> None:
        """Standard input is a pipe that nobody writes to; it ends with whoever holds the other end."""

        class Ended(asyncio.Protocol):
            def connection_lost(_, exc: Exception | None) -> None:
                self._stop.set()

        await asyncio.get_running_loop().connect_read_pipe(Ended, sys.stdin)

    def _bind(self) -> socket.socket | None:
        """Take the port at once, as vLLM does; connections are refused until the server listens."""
        host, port = self._arguments.host, self._arguments.port
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            _print("APIServer", "", f"OSError: [Errno {error.errno}] {error.strerror}", "ERROR")
            listener.close()
            return None
        return listener

    async def _start_up(self) -> bool:
        """Print the log in its time; False when told to stop meanwhile."""
        a = self._arguments
        loop = asyncio.get_running_loop()
        began = loop.time()
        entries = script(
            a.settings,
            disk_bytes=a.disk_bytes,
            host=a.host,
            port=a.port,
            given=a.given,
            start_seconds=a.start_seconds,
            fetch_seconds=a.fetch_seconds,
            failure=a.failure,
        )
        whole = a.start_seconds + a.fetch_seconds
        for entry in entries:
            if await self._stopped(began + entry.at * whole - loop.time()):
                return False
            _print_entry(entry)
        return not await self._stopped(0 if a.failure else began + whole - loop.time())

    async def _stopped(self, seconds: float) -> bool:
        """Wait so long, or until told to stop."""
        if seconds > 0:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), seconds)
        return self._stop.is_set()

    async def _serve(self, listener: socket.socket) -> None:
        api = Api(self._arguments.settings)
        config = uvicorn.Config(
            create_app(api),
            http="httptools",
            log_config=_uvicorn_logging(),
            timeout_graceful_shutdown=_GRACE_S,
            server_header=True,
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        statistics = asyncio.create_task(_log_statistics(api))
        await self._stop.wait()
        statistics.cancel()
        for text in _SHUTDOWN:
            _print("APIServer", "launcher.py:254", f"[shutdown] {text}")
        api.engine.abort_all()
        server.should_exit = True
        await serving


_SHUTDOWN = (
    "API server: shutdown triggered",
    "API server: stopping engine client mode=abort timeout=0s",
    "MPClient: engine manager stopped",
    "API server: signalling HTTP server shutdown",
    "API server: shutting down FastAPI HTTP server",
)


async def _log_statistics(api: Api) -> None:
    """vLLM's line every ten seconds, once more after the traffic has ended, then silence."""
    before, quiet = api.engine.totals, True
    while True:
        await asyncio.sleep(_LOG_EVERY_S)
        now = api.engine.totals
        prompt, generated = ((n - b) / _LOG_EVERY_S for n, b in zip(now, before, strict=True))
        was_quiet, quiet, before = quiet, now == before, now
        if quiet and was_quiet:
            continue
        engine = api.engine
        _print(
            "APIServer",
            "loggers.py:335",
            f"Engine 000: Avg prompt throughput: {prompt:.1f} tokens/s, Avg generation throughput: "
            f"{generated:.1f} tokens/s, Running: {engine.running} reqs, Waiting: {engine.waiting} reqs, "
            f"GPU KV cache usage: {engine.kv_cache_usage:.1%}, Prefix cache hit rate: 0.0%",
        )


def _print_entry(entry: Entry) -> None:
    if entry.bar:
        print(f"\r{entry.text}", end="\n" if "100%" in entry.text else "", file=sys.stderr, flush=True)
    else:
        _print(entry.process, entry.source, entry.text, entry.level)


def _print(process: Process, source: str, text: str, level: str = "INFO") -> None:
    """A line as vLLM's logger writes it; without a source it is what Python itself prints of a traceback."""
    pid = os.getpid() + ("APIServer", "EngineCore", "Worker", "").index(process)
    rank = "_TP0" if process == "Worker" else ""
    stamp = time.strftime("%m-%d %H:%M:%S")
    head = f"{level} {stamp} [{source}] " if source else ""
    print(f"({process}{rank} pid={pid}) {head}{text}", flush=True)


def _uvicorn_logging() -> dict[str, Any]:
    config = copy.deepcopy(LOGGING_CONFIG)
    for formatter in config["formatters"].values():
        formatter["use_colors"] = False
    return config
