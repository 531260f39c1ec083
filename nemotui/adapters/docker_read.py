"""Containers read from the engine's own documents: what they are, what would make them again, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any, cast

from nemotui.adapters.docker_streams import unix_time
from nemotui.core.errors import UsageError
from nemotui.core.keeping import Keeping
from nemotui.core.plan import ALL_GPUS, FETCH_LABEL, LABEL, TRIAL_LABEL, ContainerSpec, Volume
from nemotui.core.ports import Container, ContainerState
from nemotui.core.secret_args import is_secret_name, redacted
from nemotui.core.serve_args import port_of
from nemotui.core.text import plain_line

# `vllm serve`, vLLM's server module, or an image of that name: vllm/vllm-openai, rocm/vllm, a mirror of them.
_VLLM_IMAGE = re.compile(r"(?:^|[/_-])vllm(?:$|[/_:@-])")
_VLLM_COMMAND = re.compile(r"(?:^|[\s/])vllm serve\b|vllm\.entrypoints\.(?:openai\.api_server|cli)")


def concerns_us(summary: Mapping[str, Any]) -> bool:
    """Whether an entry of the engine's list carries our label, or runs a vLLM server."""
    labels = summary.get("Labels") or {}
    if not {LABEL, FETCH_LABEL, TRIAL_LABEL}.isdisjoint(labels):
        return LABEL in labels
    running = summary.get("State") in ("running", "restarting", "paused")
    image, command = str(summary.get("Image", "")), str(summary.get("Command", ""))
    return running and bool(_VLLM_IMAGE.search(image) or _VLLM_COMMAND.search(command))


def container_of(attrs: Mapping[str, Any], adopted: Set[str] = frozenset()) -> Container:
    """From the engine's inspect document."""
    state, config = attrs["State"], attrs["Config"]
    port = next(_bindings(attrs), None)
    status = cast(ContainerState, plain_line(state["Status"]))
    identity = plain_line(attrs["Id"])
    return Container(
        id=identity,
        name=plain_line(attrs["Name"]).removeprefix("/"),
        image=plain_line(config["Image"]),
        state=status,
        created_at=unix_time(attrs.get("Created") or ""),
        restarts=int(attrs.get("RestartCount") or 0),
        adopted=identity in adopted,
        exit_code=int(state["ExitCode"]) if status in ("exited", "dead") else None,
        oom_killed=bool(state.get("OOMKilled")),
        started_at=unix_time(state.get("StartedAt") or ""),
        finished_at=unix_time(state.get("FinishedAt") or ""),
        bind=port[1] if port else None,
        port=port[2] if port else _own_port(attrs),
        labels={plain_line(name): plain_line(value) for name, value in (config.get("Labels") or {}).items()},
        args=tuple(plain_line(arg) for arg in redacted(config.get("Cmd") or ())),
        gpus=_gpus(attrs["HostConfig"]),
    )


def spec_of(attrs: Mapping[str, Any], image_environment: Set[str]) -> ContainerSpec:
    """What `docker run` would make the same container; `image_environment` are the `NAME=value` that its image sets.

    The values of secrets are left out: they are taken from our own environment again.
    """
    config, host = attrs["Config"], attrs["HostConfig"]
    given = [entry.partition("=") for entry in config.get("Env") or () if entry not in image_environment]
    secret = tuple(plain_line(name) for name, _, _ in given if is_secret_name(name))
    port = next(_bindings(attrs), None)
    return ContainerSpec(
        name=plain_line(attrs["Name"]).removeprefix("/"),
        image=plain_line(config["Image"]),
        args=tuple(plain_line(arg, limit=len(arg)) for arg in config.get("Cmd") or ()),
        gpus=_gpus(host),
        bind="127.0.0.1" if port is None else port[1] or "0.0.0.0",
        port=(port[2] if port else None) or 8000,
        container_port=port[0] if port else 8000,
        volumes=tuple(_volume(bind) for bind in host.get("Binds") or ()),
        environment=tuple(
            (plain_line(name), plain_line(value)) for name, _, value in given if not is_secret_name(name)
        ),
        secret_environment=secret,
        labels=tuple((plain_line(k), plain_line(v)) for k, v in (config.get("Labels") or {}).items()),
        ipc_host=host.get("IpcMode") == "host",
        keeping=_keeping(host),
    )


def _keeping(host: Mapping[str, Any]) -> Keeping | None:
    policy, log = host.get("RestartPolicy") or {}, host.get("LogConfig") or {}
    options = log.get("Config") or {}
    times = policy.get("MaximumRetryCount") or 0
    try:
        return Keeping(
            restart=plain_line(policy.get("Name") or "no") + (f":{times}" if times else ""),
            log_max_size=plain_line(options["max-size"]),
            log_max_files=int(options["max-file"]),
        )
    except (KeyError, ValueError, UsageError):  # not as we make them
        return None


def _bindings(attrs: Mapping[str, Any]) -> Iterator[tuple[int, str | None, int | None]]:
    """The container's port, the host's address and the host's port, of each that is published."""
    for inside, bound in (attrs["HostConfig"].get("PortBindings") or {}).items():
        for binding in bound or ():
            number = binding.get("HostPort")
            address = plain_line(binding.get("HostIp") or "") or None
            yield int(inside.partition("/")[0]), address, int(number) if number else None


def _own_port(attrs: Mapping[str, Any]) -> int | None:
    """On the host's own network a server listens where it was told to."""
    if attrs["HostConfig"].get("NetworkMode") != "host":
        return None
    return port_of(attrs["Config"].get("Cmd") or ())


def _gpus(host: Mapping[str, Any]) -> tuple[str, ...]:
    for request in host.get("DeviceRequests") or ():
        if any("gpu" in capabilities for capabilities in request.get("Capabilities") or ()):
            devices = tuple(plain_line(device) for device in request.get("DeviceIDs") or ())
            return devices or ALL_GPUS
    return ()


def _volume(bind: str) -> Volume:
    source, target, *options = plain_line(bind).split(":")
    return Volume(source=source, target=target, read_only="ro" in ",".join(options).split(","))
