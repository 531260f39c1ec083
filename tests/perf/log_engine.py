"""An engine where there is none, in a process of its own: `python -m … SOCKET RATE`.

It answers Docker's real client on a Unix socket with one container of ours, which writes RATE lines a second from the
moment it begins; the log comes as a real engine sends it, framed and stamped, a line a chunk.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import json
import re
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from nemotui.core.plan import LABEL

_ID = "f100d" * 12 + "f100"
_STEPS = 100  # a second
_PATH = re.compile(r"(?:/v[\d.]+)?(/.*)")


@contextlib.contextmanager
def standing_in(socket: Path, rate: int) -> Iterator[None]:
    """Its container writes while the block runs."""
    argv = [sys.executable, "-m", __name__, str(socket), str(rate)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as engine:
        assert engine.stdout is not None
        assert engine.stdout.readline() == b"ready\n"
        try:
            yield
        finally:
            engine.terminate()


def _documents(began: str) -> dict[str, object]:
    summary = {"Id": _ID, "Image": "flood", "Command": "flood", "State": "running", "Labels": {LABEL: "perf"}}
    never = "0001-01-01T00:00:00Z"
    container = {
        "Id": _ID,
        "Name": "/flood",
        "Created": began,
        "RestartCount": 0,
        "State": {"Status": "running", "ExitCode": 0, "OOMKilled": False, "StartedAt": began, "FinishedAt": never},
        "Config": {"Image": "flood", "Cmd": [], "Env": [], "Labels": {LABEL: "perf"}},
        "HostConfig": {"NetworkMode": "default"},
    }
    return {
        "/version": {"Version": "0", "ApiVersion": "1.44", "MinAPIVersion": "1.24"},
        "/info": {"Runtimes": {}},
        "/containers/json": [summary],
        f"/containers/{_ID}/json": container,
    }


def _stamp() -> str:
    return f"{datetime.datetime.now(datetime.UTC):%Y-%m-%dT%H:%M:%S.%f}000Z"


async def _log(rate: int) -> AsyncIterator[bytes]:
    """As the engine's chunks, for ever."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    step = 0
    while True:
        stamp, chunks = _stamp(), []
        for number in range(step * rate // _STEPS, (step + 1) * rate // _STEPS):
            words = f"{stamp} INFO 01-01 00:00:00 [flood.py:1] line {number} of a flood\n".encode()
            frame = struct.pack(">BxxxI", 1, len(words)) + words
            chunks.append(b"%x\r\n%s\r\n" % (len(frame), frame))
        yield b"".join(chunks)
        step += 1
        await asyncio.sleep(began + step / _STEPS - loop.time())


async def serve(socket: str, rate: int) -> None:
    """Until it is ended."""
    documents = _documents(_stamp())

    async def client(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                url = urlsplit(head.split()[1].decode())
                found = _PATH.fullmatch(url.path)
                path = found[1] if found else url.path
                if path == f"/containers/{_ID}/logs" and parse_qs(url.query)["follow"] == ["1"]:
                    writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                    async for chunks in _log(rate):
                        writer.write(chunks)
                        await writer.drain()
                status = b"200 OK" if path in documents else b"404 Not Found"
                body = json.dumps(documents.get(path, {"message": f"{path} is not there"})).encode()
                kind = b"Content-Type: application/json\r\n"
                writer.write(b"HTTP/1.1 %s\r\n%sContent-Length: %d\r\n\r\n%s" % (status, kind, len(body), body))
                await writer.drain()
        writer.close()

    async with await asyncio.start_unix_server(client, socket) as server:
        print("ready", flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(sys.argv[1], int(sys.argv[2])))
