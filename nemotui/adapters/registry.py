"""Whether an image's tag exists, asked of its registry (Docker Registry HTTP API v2), and which tags do."""

from __future__ import annotations

import re

import httpx
import msgspec

from nemotui.core.image_ref import ImageRef, image_ref, nearest_tags
from nemotui.core.surroundings import Tag
from nemotui.core.text import plain_line

_PATIENCE_S = 6.0
_LIMIT = 8 * 1024 * 1024  # a list of tags; vllm/vllm-openai has some thousands
_MANIFESTS = ", ".join(
    (
        "application/vnd.oci.image.index.v1+json",
        "application/vnd.docker.distribution.manifest.list.v2+json",
        "application/vnd.oci.image.manifest.v1+json",
        "application/vnd.docker.distribution.manifest.v2+json",
    )
)
_CHALLENGE = re.compile(r'(\w+)="([^"]*)"')


class _Tags(msgspec.Struct):
    tags: list[str] | None = None


class _Token(msgspec.Struct):
    token: str | None = None
    access_token: str | None = None


async def ask_for(image: str) -> Tag:
    """An answer in every case. No login is tried: what only a login shows cannot be told."""
    ref = image_ref(image)
    try:
        async with httpx.AsyncClient(timeout=_PATIENCE_S, follow_redirects=True) as client:
            return await _ask(client, ref)
    except (httpx.HTTPError, httpx.InvalidURL, msgspec.DecodeError, ValueError, RecursionError) as error:
        why = plain_line(str(error)) or type(error).__name__
        return Tag(exists=None, words=f"{ref.registry} does not answer: {why}")


async def _ask(client: httpx.AsyncClient, ref: ImageRef) -> Tag:
    found = await _get(client, ref, f"/manifests/{ref.reference}", method="HEAD")
    if found.status_code == httpx.codes.OK:
        digest = plain_line(found.headers.get("docker-content-digest", "")) or ref.reference
        return Tag(exists=True, words=f"{ref.registry} has it, {digest}")
    if found.status_code != httpx.codes.NOT_FOUND:
        return Tag(exists=None, words=f"{ref.registry} answers HTTP {found.status_code}")
    listed = await _get(client, ref, "/tags/list?n=10000")
    tags: list[str] = []
    if listed.status_code == httpx.codes.OK and len(listed.content) <= _LIMIT:
        tags = [plain_line(tag) for tag in msgspec.json.decode(listed.content, type=_Tags).tags or ()]
    words = f"{ref.registry} has no {ref.repository}:{ref.reference}"
    return Tag(exists=False, words=words, instead=nearest_tags(ref.reference, tags))


async def _get(client: httpx.AsyncClient, ref: ImageRef, path: str, method: str = "GET") -> httpx.Response:
    """One question, asked again with the anonymous token that the registry names where it wants one."""
    headers = {"Accept": _MANIFESTS}
    answer = await client.request(method, ref.url + path, headers=headers)
    challenge = answer.headers.get("www-authenticate", "")
    if answer.status_code != httpx.codes.UNAUTHORIZED or not challenge.lower().startswith("bearer "):
        return answer
    words = dict(_CHALLENGE.findall(challenge))
    scope = {"service": words.get("service", ""), "scope": f"repository:{ref.repository}:pull"}
    given = await client.get(words.get("realm", ""), params=scope)
    token = msgspec.json.decode(given.content, type=_Token)
    bearer = token.token or token.access_token
    return await client.request(method, ref.url + path, headers={**headers, "Authorization": f"Bearer {bearer}"})
