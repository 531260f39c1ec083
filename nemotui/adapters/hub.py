"""Whether the model hub, or the mirror that HF_ENDPOINT names, is reached and gives a repository."""

from __future__ import annotations

from collections.abc import Mapping

import httpx

from nemotui.core.surroundings import Hub
from nemotui.core.text import plain_line

_PATIENCE_S = 6.0
_HUB = "https://huggingface.co"


async def ask_hub(repo: str, environ: Mapping[str, str], token: str | None) -> Hub:
    """An answer in every case; proxies are those of the environment, as the container gets them."""
    url = plain_line(environ.get("HF_ENDPOINT") or _HUB).rstrip("/")
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_S) as client:
            answer = await client.get(f"{url}/api/models/{repo}", headers=headers)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        return Hub(url=url, state="unreachable", words=plain_line(str(error)) or type(error).__name__)
    match answer.status_code:
        case httpx.codes.UNAUTHORIZED | httpx.codes.FORBIDDEN:
            return Hub(url=url, state="refused", words=f"the hub refuses {repo} (HTTP {answer.status_code})")
        case httpx.codes.NOT_FOUND:
            return Hub(url=url, state="missing", words=f"there is no {repo}")
        case code if code >= httpx.codes.BAD_REQUEST:
            return Hub(url=url, state="unreachable", words=f"HTTP {code}")
    return Hub(url=url, state="there")
