"""Failures that are known by their message: what they mean, and what to change.

The messages: vLLM 0.17 to 0.33 (sources), captured failures of 0.24 and 0.32, Docker Engine 20.10, and public issues.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from nemotui.core.cure import Change, next_port, other_name, smaller_share
from nemotui.core.errors import FailedError
from nemotui.core.plan import ContainerSpec

# The changes that cure a failure, from the groups of its message and the container that failed.
Changes = Callable[[Mapping[str, str], ContainerSpec], tuple[Change, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """`kind` is a stable word, `cause` one sentence, `remedy` what to change, `evidence` the lines that show it.

    `changes`: the settings that cure it, for the container that failed; none where no setting does.
    """

    kind: str
    cause: str
    remedy: str
    evidence: tuple[str, ...] = ()
    changes: Callable[[ContainerSpec], tuple[Change, ...]] = lambda _: ()


class KnownFailure(FailedError):
    """A refusal that we know."""

    def __init__(self, diagnosis: Diagnosis) -> None:
        super().__init__(diagnosis.kind, diagnosis.cause, diagnosis.remedy)
        self.diagnosis = diagnosis


@dataclass(frozen=True, slots=True)
class Rule:
    """A message we know. Cause and remedy are filled with the groups of the pattern."""

    kind: str
    pattern: re.Pattern[str]
    cause: str
    remedy: str
    changes: Changes

    def match(self, text: str) -> Diagnosis | None:
        found = self.pattern.search(text)
        if found is None:
            return None
        groups = {name: value or "?" for name, value in found.groupdict().items()}
        return Diagnosis(
            kind=self.kind,
            cause=self.cause.format(**groups),
            remedy=self.remedy.format(**groups),
            evidence=(text.strip(),),
            changes=lambda spec: self.changes(groups, spec),
        )


def _rule(kind: str, pattern: str, cause: str, remedy: str, changes: Changes = lambda groups, spec: ()) -> Rule:
    return Rule(kind, re.compile(pattern, re.IGNORECASE), cause, remedy, changes)


def _set(setting: str, value: str | None) -> Changes:
    """One setting; its value is filled with the groups of the message."""
    return lambda groups, _: (Change(setting, value.format(**groups) if value is not None else None),)


def _as_free(groups: Mapping[str, str], _: ContainerSpec) -> tuple[Change, ...]:
    return smaller_share(float(groups["free"]), float(groups["total"].split()[0]))


def _more_cache(*_: object) -> tuple[Change, ...]:
    return Change("--gpu-memory-utilization", "0.95"), Change("--max-num-batched-tokens", "4096")


def _without(groups: Mapping[str, str], _: ContainerSpec) -> tuple[Change, ...]:
    return tuple(Change(word.partition("=")[0], None) for word in groups["flags"].split() if word.startswith("-"))


_GIB = r"[\d.]+ ?[GM]iB"

RULES = (
    # What the engine says, before anything runs.
    _rule(
        "no_nvidia_toolkit",
        r"could not select device driver .* with capabilities: \[\[.*gpu",
        "Docker cannot give GPUs to a container: the NVIDIA Container Toolkit is not installed or not registered",
        "Install nvidia-container-toolkit, then: `sudo nvidia-ctk runtime configure --runtime=docker && "
        "sudo systemctl restart docker`.",
    ),
    _rule(
        "unknown_runtime",
        r"unknown(?: or invalid)? runtime(?: specified| name:?)? (?P<runtime>\S+)",
        "Docker does not know the runtime {runtime}",
        "Register it: `sudo nvidia-ctk runtime configure --runtime=docker && sudo systemctl restart docker`.",
    ),
    _rule(
        "driver_too_old",
        r"unsatisfied condition: cuda ?>= ?(?P<cuda>[\d.]+)",
        "The NVIDIA driver is too old for this image, which needs CUDA {cuda}",
        "Update the driver (CUDA 13 needs R580 or newer), or choose an older image with --image.",
    ),
    _rule(
        "hook_failed",
        r"error running (?:prestart |createRuntime )?hook #\d+: .*?stderr: ?(?P<words>.*?)(?:: unknown)?$",
        "The NVIDIA container hook refused the container: {words}",
        "Check the driver with `nvidia-smi`, and the toolkit with `nvidia-container-cli info`.",
    ),
    _rule(
        "port_taken",
        r"(?:listen tcp\S* |bind for )(?P<at>[\d.:\[\]a-f]*:\d+)[: ].*"
        r"(?:address already in use|port is already allocated)",
        "The port is taken: something already listens on {at}",
        "Choose another with --port, or see who holds it: `sudo ss -ltnp`.",
        lambda _, spec: next_port(spec),
    ),
    _rule(
        "name_taken",
        r'container name "/?(?P<name>[^"]+)" is already in use',
        "A container named {name} exists already",
        "Remove it with `docker rm -f {name}`, or choose another with --name.",
        lambda _, spec: other_name(spec),
    ),
    _rule(
        "image_offline",
        r"dial tcp: lookup |Get \"https?://[^\"]+\": .*(?:timeout|deadline|refused|EOF|proxy)",
        "The image is not on this machine and its registry cannot be reached",
        "Check the network and the proxy of the Docker service, or load the image: `docker load -i FILE`.",
    ),
    _rule(
        "image_missing",
        r"manifest (?:for \S+ )?(?:not found|unknown)|No such image|pull access denied|repository does not exist",
        "The image does not exist in its registry, or needs a login",
        "Check the name and the tag (--image), or `docker login`.",
    ),
    _rule(
        "disk_full",
        r"no space left on device",
        "The disk is full",
        "Free space where Docker keeps its data and where the model cache is: `docker system df; df -h`.",
    ),
    # What CUDA and PyTorch say.
    _rule(
        "driver_mismatch",
        r"Error 803: system has unsupported display driver",
        "CUDA in the container does not match the driver (error 803)",
        "Give the GPUs with --gpus, not by runtime and environment; check that `nvidia-smi` works on the host.",
    ),
    _rule(
        "no_gpu_in_container",
        r"Failed to infer device type|cudaGetDeviceCount\(\)|No CUDA GPUs are available",
        "The container sees no GPU",
        "Check that `nvidia-smi` works on the host, and that the plan gives GPUs to the container.",
    ),
    _rule(
        "gpu_busy",
        rf"Free memory on device (?P<device>\S+) \((?P<free>[\d.]+)/(?P<total>{_GIB})\) on startup is less than desired"
        rf"(?: GPU memory utilization \((?P<share>[\d.]+), (?P<need>{_GIB})\))?",
        "{device} has {free} of {total} free, and the start needs {need}: something else uses this GPU",
        "End what holds its memory (`nvidia-smi` shows it), choose other GPUs with --gpus, or ask for less: "
        "`-- --gpu-memory-utilization SHARE`.",
        _as_free,
    ),
    _rule(
        "no_cache_memory",
        r"No available memory for the cache blocks",
        "The weights leave no GPU memory for the KV cache",
        "Use more GPUs (--tp), a smaller --variant, or "
        "`-- --gpu-memory-utilization 0.95 --max-num-batched-tokens 4096`.",
        _more_cache,
    ),
    _rule(
        "context_too_long",
        rf"(?:To serve at least one request with .*?\((?P<context>\d+)\).*?(?P<need>{_GIB}) KV cache is needed.*?"
        rf"available KV cache memory \((?P<have>{_GIB})\).*?)estimated maximum model length is (?P<fits>\d+)",
        "One request of {context} tokens needs {need} of KV cache and there are {have}",
        "Use --context {fits}.",
        _set("--max-model-len", "{fits}"),
    ),
    _rule(
        "too_many_seqs",
        r"max_num_seqs \((?P<asked>\d+)\) exceeds (?:the )?available Mamba cache blocks \((?P<blocks>\d+)\)",
        "max_num_seqs is {asked}, and the cache has only {blocks} Mamba blocks: one for each running sequence",
        "Use --max-num-seqs {blocks} or less.",
        _set("--max-num-seqs", "{blocks}"),
    ),
    _rule(
        "out_of_memory",
        rf"CUDA out of memory\.?(?:.*?Tried to allocate (?P<size>{_GIB}))?|not enough GPU memory",
        "The GPU ran out of memory",
        "Use more GPUs (--tp), a smaller --variant, no MTP (--mtp 0), or a smaller --max-num-seqs.",
        _set("--speculative-config", None),
    ),
    # What vLLM says about the plan.
    _rule(
        "quantization_unsupported",
        r"quantization method (?P<method>\S+) is not supported for the current GPU\. "
        r"Minimum capability: (?P<need>\d+)\. Current capability: (?P<have>\d+)",
        "This GPU (compute capability {have}) cannot run {method}, which needs {need}",
        "Choose another --variant.",
    ),
    _rule(
        "kv_dtype_unsupported",
        r"FP8 KV cache is not supported by the .*requires SM(?P<need>\d+)",
        "This GPU cannot keep the KV cache in FP8: that needs compute capability {need}",
        "Use `-- --kv-cache-dtype bfloat16`.",
        _set("--kv-cache-dtype", "bfloat16"),
    ),
    _rule(
        "tp_does_not_divide",
        r"(?:attention heads \((?P<heads>\d+)\) )?must be divisible by tensor parallel size(?: \((?P<size>\d+)\))?",
        "The model cannot be split over {size} GPUs: its {heads} attention heads do not divide",
        "Use --tp 1, 2, 4 or 8.",
    ),
    _rule(
        "too_few_gpus",
        r"World size \((?P<asked>\d+)\) is larger than the number of available GPUs \((?P<have>\d+)\)",
        "The plan needs {asked} GPUs and the container has {have}",
        "Use a smaller --tp, or give more GPUs with --gpus.",
    ),
    _rule(
        "shm_too_small",
        r"Insufficient space in /dev/shm(?:.*?(?P<need>[\d.]+ ?MiB))?",
        "/dev/shm in the container is too small",
        "Run it with --ipc=host, as nemotui does, or with --shm-size 16g.",
        _set("ipc", "host"),
    ),
    _rule(
        "context_beyond_model",
        r"max_model_len \((?P<asked>\d+)\) is greater than the derived max_model_len",
        "A context of {asked} tokens is longer than the model declares",
        "Use a smaller --context, or set VLLM_ALLOW_LONG_MAX_MODEL_LEN=1.",
        _set("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1"),
    ),
    _rule(
        "stale_flag",
        r"unrecognized arguments: (?P<flags>.+)",
        "This vLLM does not know {flags}",
        "Take it out of the arguments after --, or choose an image whose vLLM has it.",
        _without,
    ),
    _rule(
        "port_taken",
        r"\('(?P<host>[^']*)', (?P<port>\d+)\): .*address already in use|address already in use",
        "The server's port is taken",
        "Choose another with --port, or see who holds it: `sudo ss -ltnp`.",
        lambda _, spec: next_port(spec),
    ),
    # Fetching the model.
    _rule(
        "no_access",
        r"GatedRepoError|401 Client Error|Invalid (?:user|username) (?:token|or password)",
        "Hugging Face refuses to give the model: it needs a token, or the token may not read it",
        "Accept the model's terms on its page and export HF_TOKEN.",
    ),
    _rule(
        "model_missing",
        r"RepositoryNotFoundError|404 Client Error|is not a local folder and is not a valid model identifier",
        "The model does not exist under this name",
        "Check --model-path.",
    ),
    _rule(
        "hub_unreachable",
        r"We couldn't connect to|Max retries exceeded with url|Temporary failure in name resolution",
        "Hugging Face cannot be reached from the container",
        "Check the network and HTTPS_PROXY, set HF_ENDPOINT to a mirror, or give a local folder with --model-path.",
    ),
    # Several GPUs, and slow starts.
    _rule(
        "nccl",
        r"DistBackendError|NCCL error",
        "The GPUs cannot talk to each other (NCCL)",
        "Try `-- --disable-custom-all-reduce`, or NCCL_P2P_DISABLE=1 on PCIe machines; NCCL_DEBUG=INFO tells more.",
        _set("--disable-custom-all-reduce", ""),
    ),
    _rule(
        "engine_timeout",
        r"Timed out waiting for engine core",
        "The engine took longer to start than vLLM waits",
        "Set VLLM_ENGINE_READY_TIMEOUT_S to more than 600 and start again: the compile cache helps now.",
        _set("VLLM_ENGINE_READY_TIMEOUT_S", "1800"),
    ),
)


def explain(text: str) -> Diagnosis | None:
    """The cause behind one message, when it is one we know."""
    return next((found for rule in RULES if (found := rule.match(text))), None)
