"""A call to Docker's engine: whether anybody listens, what its errors mean, and a reply that streams."""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import socket
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from nemotui.adapters.docker_streams import unchunked
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError
from nemotui.core.failures import KnownFailure, explain
from nemotui.core.text import plain_line

if TYPE_CHECKING:
    from docker import DockerClient

T = TypeVar("T")

SHORT_S = 10  # the engine answers questions at once
_READ_BYTES = 1 << 16
# What the engine streams comes a line at a time: without it, a flood would wake this process for each. A Unix socket
# holds 280 lines, so that 50,000 a second still come through.
_GATHER_S = 0.005

_NO_ENGINE = "Start it with `sudo systemctl start docker`, or install it: https://docs.docker.com/engine/install."
_NO_PERMISSION = "Run `sudo usermod -aG {group} $USER` and log in again, or point DOCKER_HOST to a rootless engine."
_OLD_LOGIN = "You are in the group {group}, and this login is older than that: log in again, or run `newgrp {group}`."


def knock(host: str) -> None:
    """Whether somebody listens on a Unix socket, and to us: docker-py hides the reason, and leaks the socket."""
    scheme, _, path = host.partition("://")
    if scheme != "unix":
        return
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(SHORT_S)
        try:
            probe.connect(path)
        except PermissionError as error:
            message = f"You may not use Docker's socket {path}"
            raise NothingThereError("no_permission", message, _way_in(path)) from error
        except OSError as error:
            raise NothingThereError("no_engine", f"No Docker engine answers on {path}", _NO_ENGINE) from error


def _way_in(path: str) -> str:
    """What lets this user use the socket: its group, or a login that knows of it (in tmux: one of its server)."""
    try:
        number = os.stat(path).st_gid
        group, user = grp.getgrgid(number), pwd.getpwuid(os.getuid())
    except (OSError, KeyError):  # in a folder that we may not enter, or of an id without a name
        return _NO_PERMISSION.format(group="docker")
    if number == 0:  # nobody joins root's group
        return _NO_PERMISSION.format(group="docker")
    known = user.pw_name in group.gr_mem and number not in os.getgroups()
    return (_OLD_LOGIN if known else _NO_PERMISSION).format(group=group.gr_name)


class Stream(Iterator[T]):
    """A streaming reply as items; `close` may come from another thread and wakes the one that reads."""

    def __init__(
        self,
        client: DockerClient,
        items: Callable[[Iterable[bytes]], Iterator[T]],
        method: Literal["GET", "POST"],
        path: str,
        **request: Any,
    ) -> None:
        from docker.errors import create_api_error_from_http_exception
        from docker.types import CancellableStream
        from requests.exceptions import HTTPError

        self._client = client
        api = client.api
        try:
            with translated():
                # docker-py's own readers join stdout and stderr, or cannot be cancelled.
                url = f"{api.base_url}/v{api.api_version}{path}"
                self._response = api.request(method, url, stream=True, timeout=None, **request)
                try:
                    self._response.raise_for_status()
                except HTTPError as error:
                    create_api_error_from_http_exception(error)
        except BaseException:
            client.close()
            raise
        # `iter_content` takes 6 µs for each line of a flood, since the engine sends it as a chunk by itself; and of a
        # reply that is not chunked (that of an exec) it waits for the end, or gives single bytes.
        body: Any = self._response.raw._fp
        chunked = self._response.headers.get("Transfer-Encoding") == "chunked"
        reads = unchunked(_reads(body.fp)) if chunked else _reads(body)
        self._bytes = CancellableStream(reads, self._response)
        self._items = items(self._bytes)

    def __next__(self) -> T:
        return next(self._items)

    def close(self) -> None:
        with contextlib.closing(self._client), contextlib.closing(self._response), contextlib.suppress(Exception):
            self._bytes.close()


def _reads(source: Any) -> Iterator[bytes]:
    """What has come, again and again, until the end, or until the connection breaks."""
    with contextlib.suppress(OSError):
        while data := source.read1(_READ_BYTES):
            yield data
            time.sleep(_GATHER_S)


def json_lines(chunks: Iterable[bytes]) -> Iterator[Mapping[str, Any]]:
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from (json.loads(line) for line in lines if line.strip())


@contextlib.contextmanager
def translated() -> Iterator[None]:
    """What docker-py and requests raise, as our errors."""
    from docker.errors import APIError, DockerException
    from requests.exceptions import ConnectionError as NoConnection
    from requests.exceptions import Timeout

    try:
        yield
    except APIError as error:
        raise _refused(error) from error
    except Timeout as error:
        raise FailedError(
            "engine_slow", "Docker does not answer", "See what it does: `journalctl -u docker`."
        ) from error
    except (DockerException, NoConnection) as error:
        raise NothingThereError("no_engine", "No Docker engine answers", _NO_ENGINE) from error


def _refused(error: Any) -> NemotuiError:
    """An error reply of the engine: a known one explained, else in its own words."""
    words = plain_line(str(error.explanation or error))
    if known := explain(words):
        return KnownFailure(known)
    if words.startswith("No such container") or "dead or marked for removal" in words:
        return NothingThereError("no_container", words, "See `nemotui status` for what runs.")
    return FailedError("engine_refused", f"Docker refused: {words}")
