"""A plan, the container it means, and the `docker run` text of that container: one set of data for all three."""

from __future__ import annotations

import json
from dataclasses import dataclass

LABEL = "nemotui"  # every container of ours carries it; its value is the plan's name
ALL_GPUS = ("all",)  # in place of UUIDs: whatever the engine sees, as `--gpus all` asks for
GPU_IMAGE = "vllm/vllm-openai:latest"  # as the published guide has it; --image pins another
DERIVED_MAX_MODEL_LEN = 262_144  # config.json's max_position_embeddings; vLLM refuses more unless told to allow it


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a deployment decides. Sizes in tokens unless named otherwise.

    `model` is a Hugging Face id, or a path inside the container; `model_mount` is a host folder to mount read-only
    there. `gpus` are UUIDs in PCI order, or `ALL_GPUS`; none means a CPU image. `kv_cache_dtype` None leaves it to
    vLLM. `hf_cache` and `vllm_cache` are host folders. `extra_args` go to `vllm serve` unchanged, last.
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
    printed. `args` are those of `vllm serve`, the image's entry point. `gpus` are UUIDs, or `ALL_GPUS`; empty means
    that none is asked for.
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


def container_spec(plan: Plan) -> ContainerSpec:
    """The container that serves this plan."""
    environment = [("CUDA_DEVICE_ORDER", "PCI_BUS_ID")] if plan.gpus else []
    if plan.max_model_len > DERIVED_MAX_MODEL_LEN:
        environment.append(("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1"))
    labels = {
        LABEL: plan.name,
        f"{LABEL}.variant": plan.variant or "",
        f"{LABEL}.tensor-parallel-size": str(plan.tensor_parallel_size),
        f"{LABEL}.port": str(plan.port),
    }
    return ContainerSpec(
        name=plan.name,
        image=plan.image,
        args=(*(_published_args(plan) if plan.as_published else _args(plan)), *plan.extra_args),
        gpus=plan.gpus,
        bind=plan.bind,
        port=plan.port,
        volumes=_volumes(plan),
        environment=() if plan.as_published else tuple(environment),
        secret_environment=("HF_TOKEN", "VLLM_API_KEY"),
        labels=tuple(labels.items()),
    )


def docker_run(spec: ContainerSpec) -> list[str]:
    """The same container as the argv of `docker run`; `shlex.join` of it can be pasted into a shell."""
    argv = ["docker", "run", "-d", "--name", spec.name]
    if spec.gpus == ALL_GPUS:
        argv += ["--gpus", "all"]
    elif spec.gpus:
        # The docker CLI reads this option as CSV: the inner quotes keep the commas of the list together.
        argv += ["--gpus", f'"device={",".join(spec.gpus)}"']
    if spec.ipc_host:
        argv.append("--ipc=host")  # tensor-parallel workers talk through shared memory
    bind = f"[{spec.bind}]" if ":" in spec.bind else spec.bind
    argv += ["-p", f"{bind}:{spec.port}:{spec.container_port}"]
    for name in spec.secret_environment:
        argv += ["-e", name]
    for name, value in spec.environment:
        argv += ["-e", f"{name}={value}"]
    for volume in spec.volumes:
        argv += ["-v", f"{volume.source}:{volume.target}{':ro' if volume.read_only else ''}"]
    for name, value in spec.labels:
        argv += ["--label", f"{name}={value}"]
    return [*argv, spec.image, *spec.args]


def _args(plan: Plan) -> list[str]:
    args = [plan.model, "--served-model-name", plan.served_model_name, "--trust-remote-code"]
    args += ["--tensor-parallel-size", str(plan.tensor_parallel_size)]
    if plan.data_parallel_size > 1:
        args += ["--data-parallel-size", str(plan.data_parallel_size)]
    # Both always: the defaults take the model's whole context, and 1024 sequences, more than most GPUs have blocks for.
    args += ["--max-model-len", str(plan.max_model_len), "--max-num-seqs", str(plan.max_num_seqs)]
    if plan.gpus:
        args += ["--gpu-memory-utilization", f"{plan.gpu_memory_utilization:g}"]
        if plan.kv_cache_dtype:
            args += ["--kv-cache-dtype", plan.kv_cache_dtype]
        args += ["--mamba-ssm-cache-dtype", "float32"]  # as NVIDIA says for every checkpoint
    # Said aloud because the default has changed between releases of vLLM.
    args.append("--enable-prefix-caching")
    args += ["--reasoning-parser", "nemotron_v3", "--enable-auto-tool-choice", "--tool-call-parser", "qwen3_coder"]
    if plan.mtp_tokens:
        speculative = {"method": "mtp", "num_speculative_tokens": plan.mtp_tokens}
        args += ["--speculative-config", json.dumps(speculative, separators=(",", ":"))]
    return args


def _published_args(plan: Plan) -> list[str]:
    """The published guide's own: no parsers, no `--max-num-seqs`, the model by its deprecated flag."""
    args = ["--model", plan.model, "--served-model-name", plan.served_model_name]
    return [*args, "--tensor-parallel-size", str(plan.tensor_parallel_size)]


def _volumes(plan: Plan) -> tuple[Volume, ...]:
    volumes = []
    if plan.model_mount:
        volumes.append(Volume(source=plan.model_mount, target=plan.model, read_only=True))
    if plan.hf_cache:
        volumes.append(Volume(source=plan.hf_cache, target="/root/.cache/huggingface"))
    if plan.vllm_cache:  # compiled graphs: without it every start compiles again
        volumes.append(Volume(source=plan.vllm_cache, target="/root/.cache/vllm"))
    return tuple(volumes)
