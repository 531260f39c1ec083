"""A plan, the container it means, and the `docker run` text of that container: one set of data for all three."""

from __future__ import annotations

from dataclasses import dataclass

from nemotui.core.flags import Flag, vllm_args, vllm_flags
from nemotui.core.keeping import AS_WE_DO, Keeping
from nemotui.core.reach import is_open
from nemotui.core.secret_args import redacted

LABEL = "nemotui"  # every container of ours carries it; its value is the plan's name
HF_CACHE = "/root/.cache/huggingface"  # in the container
TRIAL_LABEL = f"{LABEL}-trial"  # a container that parses arguments and ends; its value is the plan's name
FETCH_LABEL = f"{LABEL}-fetch"  # a container that fetches weights and serves nothing; its value is the repository
IMAGE_LABEL = f"{LABEL}.image"  # the image that a tag meant at the start: NAME@sha256:…, or its id
ALL_GPUS = ("all",)  # in place of UUIDs: whatever the engine sees, as `--gpus all` asks for
GPU_IMAGE = "vllm/vllm-openai:latest"  # as the published guide has it; --image pins another
_ENVIRONMENT = {
    "DO_NOT_TRACK": (
        "vLLM and the downloader send no usage statistics",
        "vLLM: usage_stats; huggingface_hub: environment variables",
    ),
    "CUDA_DEVICE_ORDER": ("CUDA counts the GPUs as the driver lists them", "CUDA: environment variables"),
    "VLLM_ALLOW_LONG_MAX_MODEL_LEN": (
        "a context above the model's own is refused without it; not verified by us",
        "vLLM 0.33 source: config/model.py",
    ),
    "VLLM_ENGINE_READY_TIMEOUT_S": ("a first start may compile for longer than the default 600 s", "vLLM: envs.py"),
}
_AS_GIVEN = ("as the container was given it", "the container")
_INHERITED = {"HF_TOKEN": "Hugging Face's token", "VLLM_API_KEY": "the server's key"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Everything that a deployment decides. Sizes in tokens unless named otherwise.

    `model` is a Hugging Face id, or a path inside the container; `model_mount` is a host folder to mount read-only
    there. `derived_max_model_len` is the model's own longest context, None where nobody knows it. `gpus` are UUIDs in
    PCI order, or `ALL_GPUS`; none means a CPU image. `kv_cache_dtype` None leaves it to vLLM. `hf_cache` and
    `vllm_cache` are host folders. `key_file` is an env file with the server's key, for a plan that listens to the
    network; None: VLLM_API_KEY of our own environment is the key. `inherited` names variables of our environment that
    the container needs too, such as HF_ENDPOINT. `extra_args` go to `vllm serve` unchanged, last.
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
    derived_max_model_len: int | None = None
    gpu_memory_utilization: float = 0.92
    kv_cache_dtype: str | None = None
    prefix_caching: bool = True
    expert_parallel: bool = False
    mtp_tokens: int = 0
    bind: str = "127.0.0.1"
    port: int = 8000
    model_mount: str | None = None
    hf_cache: str | None = None
    vllm_cache: str | None = None
    key_file: str | None = None
    inherited: tuple[str, ...] = ()
    as_published: bool = False
    keeping: Keeping = AS_WE_DO
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
    printed; `env_file` is a file of such, with mode 0600. `args` are those of `vllm serve`, the image's entry point, or
    of `entrypoint` in its place. `gpus` are UUIDs, or `ALL_GPUS`; empty means that none is asked for. `container_port`
    None: nothing is published.
    """

    name: str
    image: str
    args: tuple[str, ...]
    gpus: tuple[str, ...] = ()
    bind: str = "127.0.0.1"
    port: int = 8000
    container_port: int | None = 8000
    volumes: tuple[Volume, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    secret_environment: tuple[str, ...] = ()
    env_file: str | None = None
    labels: tuple[tuple[str, str], ...] = ()
    ipc_host: bool = True
    keeping: Keeping | None = None
    entrypoint: str | None = None


def container_spec(plan: Plan) -> ContainerSpec:
    """The container that serves this plan."""
    environment = [("DO_NOT_TRACK", "1"), *([("CUDA_DEVICE_ORDER", "PCI_BUS_ID")] if plan.gpus else [])]
    if plan.derived_max_model_len is not None and plan.max_model_len > plan.derived_max_model_len:
        environment.append(("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1"))
    labels = {
        LABEL: plan.name,
        f"{LABEL}.variant": plan.variant or "",
        f"{LABEL}.tensor-parallel-size": str(plan.tensor_parallel_size),
        f"{LABEL}.port": str(plan.port),
    }
    env_file = plan.key_file if is_open(plan.bind) and not plan.as_published else None
    secrets = ("HF_TOKEN",) if env_file or plan.as_published else ("HF_TOKEN", "VLLM_API_KEY")
    return ContainerSpec(
        name=plan.name,
        image=plan.image,
        args=vllm_args(plan),
        gpus=plan.gpus,
        bind=plan.bind,
        port=plan.port,
        volumes=_volumes(plan),
        environment=() if plan.as_published else tuple(environment),
        secret_environment=(*secrets, *plan.inherited),
        env_file=env_file,
        labels=tuple(labels.items()),
        keeping=None if plan.as_published else plan.keeping,
    )


def docker_run(spec: ContainerSpec) -> list[str]:
    """The same container as the argv of `docker run`; `shlex.join` of it can be pasted into a shell.

    A secret among the arguments is masked.
    """
    options = [word for flag in docker_flags(spec) for word in flag.words]
    return ["docker", "run", "-d", *options, spec.image, *redacted(spec.args)]


def docker_flags(spec: ContainerSpec) -> tuple[Flag, ...]:
    """The options of `docker run` itself, each with its reason."""
    flags = [Flag(words=("--name", spec.name), why="so that stop and logs find it", source="nemotui")]
    if spec.gpus == ALL_GPUS:
        flags.append(Flag(words=("--gpus", "all"), why="whatever the engine sees", source="the published guide"))
    elif spec.gpus:
        # The docker CLI reads this option as CSV: the inner quotes keep the commas of the list together.
        words = ("--gpus", f'"device={",".join(spec.gpus)}"')
        flags.append(Flag(words=words, why="these GPUs and no others, by UUID", source="the GPUs that are free now"))
    if spec.ipc_host:
        why = "tensor-parallel workers talk through shared memory, of which a container has 64 MiB"
        flags.append(Flag(words=("--ipc=host",), why=why, source="vLLM: deployment/docker"))
    if spec.container_port is not None:
        bind = f"[{spec.bind}]" if ":" in spec.bind else spec.bind
        words = ("-p", f"{bind}:{spec.port}:{spec.container_port}")
        flags.append(Flag(words=words, why="the only address at which it can be reached", source="--bind, --port"))
    if spec.entrypoint is not None:
        flags.append(
            Flag(words=("--entrypoint", spec.entrypoint), why="another program of the image", source="nemotui")
        )
    for name in spec.secret_environment:
        why = f"the value of your ${name}, where it is set; never written down"
        flags.append(Flag(words=("-e", name), why=why, source=_INHERITED.get(name, "your network")))
    if spec.env_file:
        why = "the server's key, which only you can read; without one the network could use the server"
        flags.append(Flag(words=("--env-file", spec.env_file), why=why, source="made by nemotui for --bind"))
    for name, value in spec.environment:
        why, source = _ENVIRONMENT.get(name, _AS_GIVEN)
        flags.append(Flag(words=("-e", f"{name}={value}"), why=why, source=source))
    for volume in spec.volumes:
        words = ("-v", f"{volume.source}:{volume.target}{':ro' if volume.read_only else ''}")
        why = "the model itself" if volume.read_only else "weights and compiled graphs outlive the container"
        flags.append(Flag(words=words, why=why, source="vLLM: deployment/docker; a start compiles for minutes"))
    flags += spec.keeping.flags if spec.keeping else ()
    flags += [
        Flag(words=("--label", f"{k}={v}"), why="how nemotui knows it again", source="nemotui") for k, v in spec.labels
    ]
    return tuple(flags)


def plan_flags(plan: Plan) -> tuple[Flag, ...]:
    """Every flag of the plan's command, in its order."""
    return (*docker_flags(container_spec(plan)), *vllm_flags(plan))


def _volumes(plan: Plan) -> tuple[Volume, ...]:
    volumes = []
    if plan.model_mount:
        volumes.append(Volume(source=plan.model_mount, target=plan.model, read_only=True))
    if plan.hf_cache:
        volumes.append(Volume(source=plan.hf_cache, target=HF_CACHE))
    if plan.vllm_cache:  # compiled graphs: without it every start compiles again
        volumes.append(Volume(source=plan.vllm_cache, target="/root/.cache/vllm"))
    return tuple(volumes)
