"""A real SSH server on the loopback, and a line to it that is slow and can be cut."""

from __future__ import annotations

import asyncio
import getpass
import os
import shlex
import socket
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.ports import free_port
from tests.real.parts import require
from tests.real.terminal import program

DELAY_S = 0.1  # each way

_CONFIG = """
Port {port}
ListenAddress 127.0.0.1
HostKey {folder}/host
AuthorizedKeysFile {folder}/user.pub
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
"""


class Line:
    """Carries bytes both ways, each `DELAY_S` late, between whoever connects to `port` and another port."""

    def __init__(self, to: int) -> None:
        self._to = to
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._carry, "127.0.0.1", 0))
        self.port: int = self._server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    def cut(self) -> None:
        """Every connection breaks, and neither end is told why; a new one can be made."""
        self._loop.call_soon_threadsafe(self._abort)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._server.close)
        self._loop.call_soon_threadsafe(self._abort)
        self._loop.call_soon_threadsafe(self._loop.call_later, 0.2, self._loop.stop)
        self._thread.join()
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.run_until_complete(asyncio.sleep(0))
        self._loop.close()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._to)
        ends = {writer, far_writer}
        self._writers |= ends
        try:
            await asyncio.gather(self._one_way(reader, far_writer), self._one_way(far_reader, writer))
        finally:
            for end in ends:
                end.transport.abort()
            self._writers -= ends

    async def _one_way(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        late: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def deliver() -> None:
            while True:
                due, data = await late.get()
                await asyncio.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    writer.write_eof()
                    return
                writer.write(data)

        delivering = asyncio.create_task(deliver())
        try:
            data = b" "
            while data:
                data = await reader.read(65536)
                late.put_nowait((time.monotonic() + DELAY_S, data))
            await delivering
        except OSError:
            return
        finally:
            delivering.cancel()


class Box:
    """A machine far away: this one, reached by SSH over a slow line."""

    def __init__(self, folder: Path, line: Line) -> None:
        self._folder = folder
        self.line = line

    def login(self, *words: str) -> list[str]:
        """The command that runs these words there, in a terminal of its own."""
        options = {
            "UserKnownHostsFile": "/dev/null",
            "StrictHostKeyChecking": "no",
            "IdentitiesOnly": "yes",
            "LogLevel": "ERROR",
        }
        flags = [word for name, value in options.items() for word in ("-o", f"{name}={value}")]
        to = ["-p", str(self.line.port), "-i", str(self._folder / "user"), f"{getpass.getuser()}@127.0.0.1"]
        return ["ssh", "-F", "/dev/null", "-tt", *flags, *to, shlex.join(words)]

    def console(self, arguments: Sequence[str], environment: Mapping[str, str]) -> list[str]:
        """The command that runs `nemotui` there. A login has none of the variables that the tests have."""
        ours = {name: os.environ[name] for name in ("PYTHONPATH", "DOCKER_HOST", "PATH") if name in os.environ}
        return self.login(*program(arguments, {**ours, **environment}))


@contextmanager
def box(folder: Path) -> Iterator[Box]:
    """Running while the block does; its keys and its configuration are of this test alone."""
    require("sshd")
    for name in ("host", "user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    port = free_port()
    (folder / "sshd_config").write_text(_CONFIG.format(port=port, folder=folder))
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # sshd, as root, does not start without it
    argv = ["/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")]
    with (folder / "sshd.log").open("wb") as log, subprocess.Popen(argv, stderr=log) as sshd:
        try:
            _wait_for(port, sshd, folder / "sshd.log")
            line = Line(port)
            try:
                yield Box(folder, line)
            finally:
                line.close()
        finally:
            sshd.terminate()


def _wait_for(port: int, sshd: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 30
    while True:
        assert sshd.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
