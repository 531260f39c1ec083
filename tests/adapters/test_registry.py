"""The registry and the model hub, asked over real HTTP: what they have, what they refuse, and when nobody answers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from nemotui.adapters.hub import ask_hub
from nemotui.adapters.registry import ask_for

pytestmark = pytest.mark.anyio


class _Registry(BaseHTTPRequestHandler):
    """As Docker Hub answers: a token first, for this repository alone."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        host = f"http://{self.headers['Host']}"
        if self.path.startswith("/token?"):
            assert "scope=repository%3Avllm%2Fvllm-openai%3Apull" in self.path
            return self._send(200, {"token": "anonymous"})
        if self.path.startswith("/api/models/"):
            allowed = self.headers.get("Authorization") == "Bearer hf_planted"
            return self._send(404 if "none" in self.path else 200 if "public" in self.path or allowed else 401, {})
        if self.headers.get("Authorization") != "Bearer anonymous":
            challenge = f'Bearer realm="{host}/token",service="registry.test",scope="repository:x:pull"'
            return self._send(401, {}, {"WWW-Authenticate": challenge})
        if self.path == "/v2/vllm/vllm-openai/manifests/v0.33.0":
            return self._send(200, {}, {"Docker-Content-Digest": "sha256:33"})
        if self.path.startswith("/v2/vllm/vllm-openai/tags/list"):
            return self._send(200, {"tags": ["latest", "v0.24.0", "v0.33.0", "nightly-\x1b[31m"]})
        self._send(500 if "broken" in self.path else 404, {})

    def _send(self, code: int, document: object, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(document).encode()
        self.send_response(code)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        return None


@pytest.fixture
def registry() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


async def test_a_tag_that_exists_comes_with_its_digest(registry: str) -> None:
    tag = await ask_for(f"{registry}/vllm/vllm-openai:v0.33.0")
    assert (tag.exists, tag.words) == (True, f"{registry} has it, sha256:33")


async def test_for_a_tag_that_does_not_exist_others_are_offered(registry: str) -> None:
    tag = await ask_for(f"{registry}/vllm/vllm-openai:0.33.0")
    assert tag.exists is False
    assert tag.instead[0] == "v0.33.0"
    assert "\x1b" not in repr(tag)


async def test_what_a_registry_does_not_say_is_unknown(registry: str) -> None:
    assert (await ask_for(f"{registry}/vllm/vllm-openai:broken")).exists is None
    assert (await ask_for("127.0.0.1:9/vllm/vllm-openai:v0.33.0")).exists is None  # nobody listens


@pytest.mark.parametrize(
    ("repo", "token", "state"),
    [
        ("nvidia/public", None, "there"),
        ("nvidia/gated", None, "refused"),
        ("nvidia/gated", "hf_wrong", "refused"),
        ("nvidia/gated", "hf_planted", "there"),
        ("nvidia/none", None, "missing"),
    ],
)
async def test_the_hub_gives_refuses_or_does_not_know(registry: str, repo: str, token: str | None, state: str) -> None:
    hub = await ask_hub(repo, {"HF_ENDPOINT": f"http://{registry}/"}, token)
    assert (hub.state, hub.url) == (state, f"http://{registry}")
    assert "hf_" not in repr(hub)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9", "not a url", "ftp://x"])
async def test_a_hub_that_is_not_reached(endpoint: str) -> None:
    assert (await ask_hub("a/b", {"HF_ENDPOINT": endpoint}, None)).state == "unreachable"
