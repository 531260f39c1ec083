"""What the engine's documents and streams become, without an engine."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingUnixStreamServer, UnixStreamServer
from threading import Thread
from types import SimpleNamespace

import pytest

from nemotui.adapters.docker import DockerEngine, create_arguments
from nemotui.adapters.docker_streams import log_lines, payloads, pull_progress, unchunked, unix_time
from nemotui.adapters.log_files import write_whole
from nemotui.core.errors import FailedError, NothingThereError, UsageError
from nemotui.core.logs import LogLine
from nemotui.core.plan import ALL_GPUS, ContainerSpec, Volume
from nemotui.core.ports import PullProgress

SPEC = ContainerSpec(name="nemotron", image="vllm/vllm-openai:v0.33.0", args=("nvidia/X", "--port", "8000"))
T0 = 1795503413.0  # 2026-11-24T06:56:53Z


def frame(stream: int, payload: bytes, second: int = 53) -> bytes:
    stamped = b"2026-11-24T06:56:%02d.000000000Z " % second + payload
    return struct.pack(">BxxxI", stream, len(stamped)) + stamped


VERSION = b'{"ApiVersion": "1.41", "Version": "20.10.24"}'


def read(chunks: Iterable[bytes]) -> list[LogLine]:
    return [line for lines in log_lines(chunks) for line in lines]


def test_frames_become_lines_with_stream_and_time() -> None:
    chunks = [frame(1, b"out\n"), frame(2, b"err\r\n", 54)]

    assert read(chunks) == [LogLine("out", T0, "stdout"), LogLine("err", T0 + 1, "stderr")]


def test_chunks_may_be_cut_anywhere() -> None:
    whole = frame(1, "größe\n".encode()) + frame(2, b"two\n")

    assert read(whole[i : i + 1] for i in range(len(whole))) == read([whole])


def test_a_container_with_a_terminal_writes_its_lines_without_frames() -> None:
    whole = b"2026-11-24T06:56:53.000000000Z one\r\n2026-11-24T06:56:54.500000000Z \x1b[1mtwo\x1b[0m\r\n"
    for size in (1, 50, 1000):
        chunks = [whole[i : i + size] for i in range(0, len(whole), size)]
        assert read(chunks) == [LogLine("one", T0), LogLine("two", T0 + 1.5)]
        assert b"".join(payloads(chunks)) == whole
    assert read([b"ok\n"]) == [LogLine("ok")]
    assert [len(line.text) for line in read([b"x" * (1 << 20), b"x" * 9])] == [2000]


def test_http_chunks_are_joined_however_they_are_cut() -> None:
    body = b"5\r\nhello\r\n10;name=value\r\n" + b"\r\n0123456789\r\n\r\n" + b"\r\n"
    wanted = b"hello\r\n0123456789\r\n\r\n"
    for size in (1, 7, 100):
        for end in (b"0\r\n\r\n", b"0\r\nTrailer: x\r\n\r\n"):
            whole = body + end
            assert b"".join(unchunked(whole[i : i + size] for i in range(0, len(whole), size))) == wanted


@pytest.mark.parametrize("end", [b"", b"5\r\nhel", b"5\r\nhello\r", b"no size\r\nmore"])
def test_a_reply_that_breaks_off_before_its_last_chunk_is_not_taken_for_all_of_it(end: bytes) -> None:
    whole = b"5\r\nhello\r\n" + end
    for size in (1, 100):
        with pytest.raises(NothingThereError, match="broke off") as raised:
            list(unchunked(whole[i : i + size] for i in range(0, len(whole), size)))
        assert raised.value.problem.kind == "no_engine"


def test_the_time_of_a_line_is_its_own_though_its_second_is_that_of_the_line_before() -> None:
    stamps = (b"53.000000001Z", b"53.999999999Z", b"54.250000000Z", b"54.5Z", b"54.25x000000Z", b"54.125000000Z")
    payloads = [b"2026-11-24T06:56:" + stamp + b" x\n" for stamp in stamps]

    lines = read(struct.pack(">BxxxI", 1, len(payload)) + payload for payload in payloads)

    assert [line.time for line in lines] == [T0, T0 + 0.999999, T0 + 1.25, T0 + 1.5, None, T0 + 1.125]
    assert [line.text for line in lines] == ["x"] * 4 + [payloads[4].decode().strip(), "x"]


def test_a_line_over_several_frames_is_one_line_with_the_first_time_and_streams_stay_apart() -> None:
    chunks = [frame(1, b"be"), frame(2, b"other\n"), frame(1, b"gin", 55), frame(1, b"ning\n", 56), frame(1, b"open")]

    assert [(line.text, line.time) for line in read(chunks)] == [
        ("other", T0),
        ("beginning", T0),
        ("open", T0),
    ]


def test_a_progress_line_keeps_its_last_state_and_escapes_are_gone() -> None:
    chunks = [frame(2, b"\r 10%\r 50%\r100%\n"), frame(1, b"\x1b[31mred\x1b[0m\x1b]0;title\x07 \xff\n")]

    assert [line.text for line in read(chunks)] == ["100%", "red \ufffd"]


def test_a_line_that_never_ends_is_cut() -> None:
    lines = read(frame(1, b"x" * 16384) for _ in range(130))  # 2 MiB and two frames

    assert len(lines) == 2
    assert all(line.text.endswith("…") for line in lines)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-11-24T06:56:53.795570123Z", T0 + 0.79557),
        ("2026-11-24T07:56:53+01:00", T0),
        ("0001-01-01T00:00:00Z", None),
        ("", None),
        ("soon", None),
    ],
)
def test_the_engines_times(text: str, time: float | None) -> None:
    assert unix_time(text) == (None if time is None else pytest.approx(time, abs=1e-5))


def test_a_pull_counts_bytes_over_its_layers() -> None:
    events: list[dict[str, object]] = [
        {"status": "Pulling from vllm/vllm-openai", "id": "v9.9.9"},
        {"status": "Pulling fs layer", "progressDetail": {}, "id": "a"},
        {"status": "Downloading", "progressDetail": {"current": 163840, "total": 13415854}, "id": "a"},
        {"status": "Downloading", "progressDetail": {"current": 10, "total": 100}, "id": "b"},
        {"status": "Download complete", "progressDetail": {}, "id": "a"},
        {"status": "Extracting", "progressDetail": {"current": 5, "total": 13415854}, "id": "a"},
        {"status": "Already exists", "progressDetail": {}, "id": "c"},
    ]

    assert [(p.current_bytes, p.total_bytes) for p in pull_progress(events)] == [
        (0, None),
        (0, None),
        (163840, 13415854),
        (163850, 13415954),
        (13415864, 13415954),
        (13415864, 13415954),
        (13415864, 13415954),
    ]
    assert list(pull_progress(events[:1])) == [
        PullProgress(current_bytes=0, total_bytes=None, status="Pulling from vllm/vllm-openai")
    ]


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("write /var/lib/docker/tmp/x: no space left on device", "disk_full"),
        ("\x1b[31munexpected EOF", "pull_failed"),
    ],
)
def test_a_pull_that_fails_says_why(error: str, kind: str) -> None:
    with pytest.raises(FailedError) as raised:
        list(pull_progress([{"errorDetail": {"message": error}, "error": error}]))

    assert raised.value.problem.kind == kind
    assert "\x1b" not in str(raised.value)


def test_a_spec_as_the_engine_takes_it() -> None:
    spec = ContainerSpec(
        name="nemotron",
        image="i",
        args=("nvidia/X",),
        gpus=("GPU-a", "GPU-b"),
        bind="127.0.0.1",
        port=8001,
        volumes=(
            Volume(source="/cache", target="/hf"),
            Volume(source="/m", target="/m", read_only=True),
        ),
        environment=(("CUDA_DEVICE_ORDER", "PCI_BUS_ID"),),
        secret_environment=("HF_TOKEN", "VLLM_API_KEY"),
        labels=(("nemotui", "nemotron"),),
    )

    arguments = create_arguments(spec, {"HF_TOKEN": "hf_x", "OTHER": "no"})

    assert arguments["ports"] == {"8000/tcp": ("127.0.0.1", 8001)}
    assert arguments["environment"] == {"CUDA_DEVICE_ORDER": "PCI_BUS_ID", "HF_TOKEN": "hf_x"}
    assert arguments["volumes"] == ["/cache:/hf:rw", "/m:/m:ro"]
    assert arguments["ipc_mode"] == "host"
    assert arguments["labels"] == {"nemotui": "nemotron"}
    (request,) = arguments["device_requests"]
    assert (request["DeviceIDs"], request["Count"], request["Capabilities"]) == (["GPU-a", "GPU-b"], 0, [["gpu"]])
    # A machine may refuse them, and `--ipc=host` is enough.
    assert not {"init", "ulimits", "runtime", "shm_size", "privileged"} & set(arguments)


def test_all_gpus_or_none() -> None:
    (every,) = create_arguments(replace(SPEC, gpus=ALL_GPUS), {})["device_requests"]

    assert every["Count"] == -1
    assert "device_requests" not in create_arguments(SPEC, {})


@pytest.mark.anyio
async def test_an_absent_engine_and_a_forbidden_one_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(NothingThereError) as absent:
        await DockerEngine({"DOCKER_HOST": f"unix://{tmp_path}/none.sock"}).info()

    assert absent.value.problem.kind == "no_engine"
    assert "systemctl start docker" in absent.value.problem.fix


@pytest.mark.anyio
async def test_a_socket_that_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("nemotui.adapters.docker_calls.socket.socket.connect", refuse)  # root may use every real one
    with pytest.raises(NothingThereError) as forbidden:
        await DockerEngine({"DOCKER_HOST": "unix:///run/docker.sock"}).info()

    assert forbidden.value.problem.kind == "no_permission"
    assert "usermod -aG docker" in forbidden.value.problem.fix


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("members", "gid", "fix"),
    [
        ([], 990, "Run `sudo usermod -aG containers $USER` and log in again"),
        (["me"], 990, "this login is older than that: log in again, or run `newgrp containers`"),
        (["me"], 0, "Run `sudo usermod -aG docker $USER`"),  # nobody joins root's group
    ],
)
async def test_a_socket_names_its_group_and_a_login_that_is_older_than_the_membership(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, members: list[str], gid: int, fix: str
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    calls = "nemotui.adapters.docker_calls"
    monkeypatch.setattr(f"{calls}.socket.socket.connect", refuse)
    monkeypatch.setattr(f"{calls}.os.stat", lambda path: SimpleNamespace(st_gid=gid))
    monkeypatch.setattr(f"{calls}.grp.getgrgid", lambda gid: SimpleNamespace(gr_name="containers", gr_mem=members))
    monkeypatch.setattr(f"{calls}.pwd.getpwuid", lambda uid: SimpleNamespace(pw_name="me"))
    with pytest.raises(NothingThereError) as forbidden:
        await DockerEngine({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"}).info()

    assert fix in forbidden.value.problem.fix


@pytest.mark.anyio
async def test_the_folders_of_the_caches_are_there_before_the_engine_would_make_them_for_root(tmp_path: Path) -> None:
    cache, model = tmp_path / ".cache/huggingface", tmp_path / "model"
    seen = []

    class Engine(BaseHTTPRequestHandler):
        """Knows the image, and fails at the container."""

        def do_GET(self) -> None:
            self.answer(200, {"ApiVersion": "1.41", "Id": "sha256:1"})

        def do_POST(self) -> None:
            seen.append((cache.is_dir(), model.exists()))
            self.answer(500, {"message": "no"})

        def answer(self, status: int, document: dict[str, str]) -> None:
            self.send_response(status)
            self.end_headers()
            self.wfile.write(json.dumps(document).encode())

        def log_message(self, *_: object) -> None:
            """Its clients have no address."""

    mounts = (Volume(source=str(cache), target="/hf"), Volume(source=str(model), target="/m", read_only=True))
    with UnixStreamServer(f"{tmp_path}/docker.sock", Engine) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        with pytest.raises(FailedError):
            await DockerEngine({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"}).start(replace(SPEC, volumes=mounts))
        listening.shutdown()

    assert seen == [(True, False)]  # the model's folder is the user's to have


@pytest.mark.anyio
async def test_a_log_that_the_engine_breaks_off_is_not_saved(tmp_path: Path) -> None:
    class Engine(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self.send_response(200)
            if self.path.endswith("/version"):
                self.send_header("Content-Length", str(len(VERSION)))
                self.end_headers()
                self.wfile.write(VERSION)
            else:
                data = frame(1, b"the beginning\n")
                self.send_header("Transfer-Encoding", "chunked")
                self.end_headers()
                self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
                self.close_connection = True  # and it is gone

        def log_message(self, *_: object) -> None:
            """Its clients have no address."""

    saved = tmp_path / "server.log"
    with ThreadingUnixStreamServer(f"{tmp_path}/docker.sock", Engine) as listening:
        Thread(target=listening.serve_forever, daemon=True).start()
        engine = DockerEngine({"DOCKER_HOST": f"unix://{tmp_path}/docker.sock"})
        with pytest.raises(NothingThereError, match="broke off"):
            await write_whole(saved, engine.raw_log("c"))
        with pytest.raises(NothingThereError, match="broke off"):
            async for _ in engine.logs("c", follow=True):
                pass
        listening.shutdown()
    assert not saved.exists()


@pytest.mark.anyio
async def test_an_unknown_context_is_a_usage_error() -> None:
    with pytest.raises(UsageError) as raised:
        await DockerEngine({"DOCKER_CONTEXT": "nemotui-test-none"}).info()

    assert raised.value.problem.kind == "unknown_context"
