"""A plan, the container it means, and the `docker run` text of that container: one set of data for all three."""

from __future__ import annotations

from dataclasses import dataclass

LABEL = "nemotui"  # every container of ours carries it; its value is the plan's name


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a deployment decides. Sizes in tokens unless named otherwise.

    `model` is a Hugging Face id, or a path inside the container; `model_mount` is a host folder to mount read-only
    there. `gpus` are UUIDs in PCI order; none means a CPU image. `extra_args` go to `vllm serve` unchanged, last.
    """

    name: str
    image: str
    model: str
    served_model_name: str
    variant: str | None = None
    tensor_parallel_size: int = 1
    data_parallel_size: int = 1
    gpus: tuple[str, ...] = ()
    max_model_len: int
    max_num_seqs: int
    gpu_memory_utilization: float = 0.92
    kv_cache_dtype: str | None = None
    mtp_tokens: int = 0
    bind: str = "127.0.0.1"
    port: int = 8000
    model_mount: str | None = None
    hf_cache: str | None = None
    vllm_cache: str | None = None
    as_published: bool = False
    extra_args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Volume:
    """A host folder bound into the container."""

    source: str
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ContainerSpec:
    """A container as both docker-py and `docker run` can make it.

    `secret_environment` names variables whose values are taken from our own environment at the last moment and never
    printed. `args` are those of `vllm serve`. `gpus` are UUIDs; empty means that none is asked for.
    """

    name: str
    image: str
    args: tuple[str, ...]
    gpus: tuple[str, ...] = ()
    bind: str = "127.0.0.1"
    port: int = 8000
    container_port: int = 8000
    volumes: tuple[Volume, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    secret_environment: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    ipc_host: bool = True
