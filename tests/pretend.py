"""A pretend server in a process of its own, that no console and no verb owns."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from tests.ports import free_port


@contextmanager
def pretend_server(*flags: str, port: int | None = None, environment: Mapping[str, str] | None = None) -> Iterator[str]:
    """`nemotui simulate` with these flags, on this port or one of its own, once it serves; its base URL."""
    port = port or free_port()
    argv = [sys.executable, "-m", "nemotui", "simulate", "--port", str(port), "--json", *flags]
    with subprocess.Popen(argv, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        try:
            assert process.stdout is not None
            while b'"ready"' not in process.stdout.readline():
                assert process.poll() is None
            yield f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGINT)
