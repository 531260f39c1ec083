"""Plan flags and settings → `PlanRequest`; a recommendation or a CPU image → the plan to start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from nemotui.cli.backends import best, kept_settings, pretend_port
from nemotui.cli.verb import Invocation
from nemotui.core.errors import UsageError
from nemotui.core.hardware import given_back
from nemotui.core.keeping import Keeping
from nemotui.core.plan import LABEL, Plan
from nemotui.core.ports import Backends
from nemotui.core.reach import is_open
from nemotui.core.recommend import PlanRequest, plan_without_gpu, recommend
from nemotui.core.secret_args import secret_flags
from nemotui.core.text import plain_line

# What decides how the container reaches the network, where it is set here.
_NETWORK = (
    "HF_ENDPOINT",
    *(f(name) for name in ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY") for f in (str.upper, str.lower)),
)


def plan_request(inv: Invocation, flags: Mapping[str, Any], extra_args: tuple[str, ...] = ()) -> PlanRequest:
    """The request that the flags and the settings make together."""
    if secret := secret_flags(extra_args):
        # It would stand in the process list, the engine's records and the log of the server.
        fix = "Set VLLM_API_KEY or HF_TOKEN in the environment: the container takes it from there."
        raise UsageError("usage", f"{plain_line(secret[0])} would put a secret on a command line", fix)
    settings = inv.settings
    path = flags["model_path"]
    # A folder of this host is mounted; anything else is a Hugging Face id or a path inside the image.
    folder = Path(path).expanduser() if path and path.startswith(("/", "~", ".")) else None
    mount = str(folder.resolve()) if folder and folder.is_dir() else None
    return PlanRequest(
        variant=flags["variant"],
        tensor_parallel_size=flags["tp"],
        data_parallel_size=flags["dp"],
        gpus=flags["gpus"],
        context=flags["context"],
        max_num_seqs=flags["max_num_seqs"],
        mtp=flags["mtp"],
        kv_cache_dtype=flags["kv_cache_dtype"],
        gpu_memory_utilization=flags["gpu_memory_utilization"],
        expert_parallel=flags["expert_parallel"],
        prefix_caching=flags["prefix_caching"],
        goal=flags["goal"],
        port=settings.port if inv.demo is None or flags["port"] is not None else pretend_port(inv),
        bind=settings.bind,
        image=settings.image,
        model_path=mount or path,
        model_mount=mount,
        name=flags["name"],
        no_gpu=flags["no_gpu"],
        as_published=flags["as_published"],
        hf_cache=str(settings.hf_cache),
        vllm_cache=str(settings.vllm_cache),
        key_file=None if os.environ.get("VLLM_API_KEY") else str(kept_settings(inv).key_file.absolute()),
        inherited=tuple(name for name in _NETWORK if _reaches_a_container(os.environ.get(name))),
        keeping=Keeping(
            restart=settings.restart_policy,
            log_max_size=settings.log_max_size,
            log_max_files=settings.log_max_files,
        ),
        extra_args=extra_args,
    )


async def chosen(b: Backends, request: PlanRequest, *, replaces: bool = False) -> Plan:
    """The best plan that these flags allow; with `replaces` the server of that name has given its GPUs back."""
    if request.no_gpu:
        if request.model_path is None:
            raise UsageError("usage", "--no-gpu needs a model that a CPU can run", "Name it with --model-path.")
        return plan_without_gpu(request, b.catalog)
    machine = await b.probe.sample()
    if replaces:
        theirs = [c for c in await b.runtime.containers() if c.ours and c.name == (request.name or LABEL)]
        machine = given_back(machine, [name for c in theirs for name in (c.name, c.id)])
    return best(recommend(machine, b.catalog, request))


def _reaches_a_container(value: str | None) -> bool:
    """It is set, and is not a proxy on this machine's loopback, which is another one inside a container."""
    if not value:
        return False
    try:
        host = urlsplit(value).hostname
    except ValueError:
        return False
    return host is None or is_open(host)
