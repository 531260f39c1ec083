"""The pretend server as a Starlette application: vLLM's endpoints over one engine task."""

from __future__ import annotations

import asyncio
import contextlib
import hmac
import time
from collections.abc import AsyncIterator

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nemotui.sim.api import Api, ApiError, refuse
from nemotui.sim.chat import ChatEndpoint
from nemotui.sim.completions import CompletionEndpoint, DetokenizeEndpoint, TokenizeEndpoint
from nemotui.sim.messages import CountTokensEndpoint, MessagesEndpoint


def create_app(api: Api) -> Starlette:
    """The application; its lifespan runs the engine. `GET /version` says that it is a pretend one, and its speed."""
    settings = api.settings
    created = int(time.time())

    async def health(request: Request) -> Response:
        return Response()

    async def version(request: Request) -> Response:
        return JSONResponse({"version": settings.version, "simulator": {"speed": settings.speed}})

    async def models(request: Request) -> Response:
        cards = [
            {
                "id": name,
                "object": "model",
                "created": created,
                "owned_by": "vllm",
                "root": settings.model,
                "parent": None,
                "max_model_len": settings.max_model_len,
            }
            for name in settings.served_model_names
        ]
        return JSONResponse({"object": "list", "data": cards})

    async def metrics(request: Request) -> Response:
        return Response(api.metrics.text(), media_type="text/plain; version=0.0.4")

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        engine = asyncio.create_task(api.engine.run())
        yield
        engine.cancel()

    return Starlette(
        routes=[
            Route("/health", health),
            Route("/ping", health),
            Route("/version", version),
            Route("/metrics", metrics),
            Route("/v1/models", models),
            Route("/v1/chat/completions", ChatEndpoint(api).post, methods=["POST"]),
            Route("/v1/completions", CompletionEndpoint(api).post, methods=["POST"]),
            Route("/v1/messages", MessagesEndpoint(api).post, methods=["POST"]),
            Route("/v1/messages/count_tokens", CountTokensEndpoint(api).post, methods=["POST"]),
            Route("/tokenize", TokenizeEndpoint(api).post, methods=["POST"]),
            Route("/detokenize", DetokenizeEndpoint(api).post, methods=["POST"]),
        ],
        middleware=[Middleware(_BearerKey, key=settings.api_key)] if settings.api_key else [],
        exception_handlers={ApiError: refuse, HTTPException: refuse},
        lifespan=lifespan,
    )


class _BearerKey:
    """As vLLM: the key guards /v1 only."""

    def __init__(self, app: ASGIApp, key: str) -> None:
        self._app = app
        self._wanted = f"Bearer {key}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/v1"):
            given = dict(scope["headers"]).get(b"authorization", b"")
            if not hmac.compare_digest(given, self._wanted):
                await JSONResponse({"error": "Unauthorized"}, 401)(scope, receive, send)
                return
        await self._app(scope, receive, send)
