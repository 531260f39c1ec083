"""A server as its clients meet it: the name of its model, and a request as a shell sends it."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from typing import Any

from nemotui.core.serve_args import model_of, value_of


def served_name(args: tuple[str, ...]) -> str | None:
    """The name under which `vllm serve` with these arguments serves its model in /v1/models, if it can be told.

    Without `--served-model-name` it is the model itself.
    """
    return value_of(args, "--served-model-name") or model_of(args)


def key_header(key: str) -> str:
    """The words of curl that send a key; a shell expression gives it, and it is in no process's arguments.

    printf is the shell's own, and what it prints comes to curl by a pipe.
    """
    return f"-H @<(printf 'Authorization: Bearer %s' \"{key}\")"


def curl(base_url: str, request: Mapping[str, Any], *, with_key: bool = False) -> str:
    """The same request, for a shell; one answer instead of a stream, which reads better there.

    `with_key` sends the key that the shell has in VLLM_API_KEY.
    """
    body = {name: value for name, value in request.items() if name not in ("stream", "stream_options")}
    url = shlex.quote(f"{base_url.removesuffix('/')}/v1/chat/completions")
    key = f" {key_header('$VLLM_API_KEY')}" if with_key else ""
    return f"curl {url}{key} -H 'Content-Type: application/json' -d {shlex.quote(json.dumps(body))}"
