"""What a preflight must know besides the GPUs: the engine, the image, and the host around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFacts:
    """The engine as a start meets it.

    `gpus`: how it can give GPUs to a container, in words; None: not at all. `data_root` is where images land, None
    where the engine runs elsewhere. `rootless`: it is a process of the user's own.
    """

    version: str
    gpus: str | None
    data_root: str | None
    rootless: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageFacts:
    """An image that the engine has. `digest` is NAME@sha256:…, or the image's id where no registry gave it.

    `cuda_version` is what its CUDA libraries are of, None where it does not say.
    """

    digest: str
    size_bytes: int | None = None
    cuda_version: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """A container that has the name; `ours` carries our label."""

    name: str
    running: bool
    ours: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """The plan's arguments, tried by the image's own parser; `accepted` None where that was not possible."""

    accepted: bool | None
    words: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Tag:
    """What the image's registry says of it: `exists` None where it cannot be asked, `words` say why.

    `instead` are tags that do exist, the nearest first.
    """

    exists: bool | None
    words: str
    instead: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The file system on which `path` lies or would lie; `device` tells whether two are the same one."""

    path: str
    free_bytes: int
    device: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """What the model hub says of a repository. `state` "unreachable": `words` say why.

    "refused": it wants a token, or another one.
    """

    url: str
    state: Literal["there", "refused", "missing", "unreachable"]
    words: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFacts:
    """The host for one plan; None where nobody can tell.

    `port_problem`: why the plan's port cannot be had, None where it can; `free_port` is one that is free. `token`:
    where a Hugging Face token is, in words. `proxies`: the variables that set one. `kills_at_logout`: systemd-logind
    ends the user's processes then, and no linger keeps them.
    """

    user: str
    model_disk: Disk | None = None
    engine_disk: Disk | None = None
    memory_available_bytes: int | None = None
    shm_free_bytes: int | None = None
    port_problem: str | None = None
    free_port: int | None = None
    token: str | None = None
    proxies: tuple[str, ...] = ()
    kills_at_logout: bool | None = None
