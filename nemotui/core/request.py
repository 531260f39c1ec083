"""What the plan flags ask for, and the refusal of what cannot be meant: each wrong flag by name, with what to give."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nemotui.core.choices import KV_DTYPES, LEAST_UTILIZATION, VARIANTS, Goal
from nemotui.core.errors import NothingThereError, UsageError
from nemotui.core.keeping import AS_WE_DO, Keeping

if TYPE_CHECKING:
    from nemotui.core.hardware import Gpu, Machine
    from nemotui.core.memory import KvDtype
    from nemotui.core.models import Catalog, Model, VariantName

_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9_.-]{1,127}")  # what Docker accepts


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """The plan flags, as typed; None where nothing was said and we choose.

    `gpus` are indices or UUIDs (or beginnings of UUIDs that fit one GPU). `model_mount` is the host folder that
    `model_path` names, where it is one. `hf_cache` and `vllm_cache` are host folders; `key_file` and `inherited` are
    those of `Plan`. `goal` orders the plans of one
    verdict: most tokens/s, the shortest time between tokens (ITL), or most requests of the full context at once.
    """

    variant: str | None = None
    tensor_parallel_size: int | None = None
    data_parallel_size: int | None = None
    gpus: tuple[str, ...] | None = None
    context: int | None = None
    max_num_seqs: int | None = None
    mtp: int | None = None
    kv_cache_dtype: KvDtype | None = None
    gpu_memory_utilization: float | None = None
    expert_parallel: bool = False
    prefix_caching: bool | None = None
    goal: Goal = "throughput"
    port: int = 8000
    bind: str = "127.0.0.1"
    image: str | None = None
    model_path: str | None = None
    model_mount: str | None = None
    name: str | None = None
    no_gpu: bool = False
    as_published: bool = False
    hf_cache: str | None = None
    vllm_cache: str | None = None
    key_file: str | None = None
    inherited: tuple[str, ...] = ()
    keeping: Keeping = AS_WE_DO
    extra_args: tuple[str, ...] = ()


def check_request(request: PlanRequest, catalog: Catalog) -> None:
    """Raise `UsageError` for a flag that is wrong on any machine."""
    model, limits = catalog.model, catalog.gates.limits
    tp, sizes = request.tensor_parallel_size, tensor_parallel_sizes(model)
    if tp is not None and tp not in sizes:
        what = f"--tp {tp} cannot share the model's {model.query_heads} attention heads among the GPUs of one host"
        raise _wrong(what, f"Use {', '.join(str(size) for size in sizes)}")
    _within("--dp", request.data_parallel_size, 1, 64)
    _within("--context", request.context, 1, max(limits.longest_context, model.max_position))
    _within("--max-num-seqs", request.max_num_seqs, 1, 65_536)
    _within("--mtp", request.mtp, 0, limits.most_mtp_tokens)
    _within("--port", request.port, 1, 65_535)
    _within("--gpu-memory-utilization", request.gpu_memory_utilization, LEAST_UTILIZATION, 1)
    if request.kv_cache_dtype not in (None, *KV_DTYPES):
        raise _wrong(
            f"--kv-cache-dtype {request.kv_cache_dtype!r} is none that we plan", f"Use {' or '.join(KV_DTYPES)}"
        )
    if request.variant is not None and request.variant not in VARIANTS:
        raise _wrong(f"--variant {request.variant!r} is none of this model's", f"Use {', '.join(VARIANTS)}")
    try:
        ipaddress.ip_address(request.bind)
    except ValueError:
        raise _wrong(f"--bind {request.bind!r} is not an IP address", "Use 127.0.0.1, or 0.0.0.0 for all") from None
    if request.name is not None and not _NAME.fullmatch(request.name):
        raise _wrong(f"--name {request.name!r} is no name for a container", "Use letters, digits and . _ -")
    # A value that begins with a dash would be read as a flag by docker or by vLLM.
    for flag, value in (("--image", request.image), ("--model-path", request.model_path)):
        if value is not None and (not value.strip() or value.startswith("-")):
            raise _wrong(f"{flag} {value!r} names nothing", f"Give {flag} a name or a path")
    chosen = (
        *(request.data_parallel_size, request.context, request.max_num_seqs, request.mtp, request.kv_cache_dtype),
        *(request.gpu_memory_utilization, request.prefix_caching, request.expert_parallel or None),
    )
    if request.as_published and any(value is not None for value in chosen):
        fix = "Leave out the flags that change its arguments, or --as-published"
        raise _wrong("--as-published is the published command unchanged", fix)
    if request.no_gpu and (request.gpus or request.as_published):
        raise _wrong("--no-gpu goes with neither --gpus nor --as-published", "Leave out one of them")


def variants_asked(request: PlanRequest, model: Model) -> tuple[VariantName, ...]:
    """The variants to plan for: the one asked for, the one that the model's path is or names, else all.

    Raises `UsageError` where another model's path does not tell which it is.
    """
    if request.variant is not None:
        return tuple(name for name in VARIANTS if name == request.variant)
    if request.model_path is None:
        return VARIANTS
    if known := tuple(variant.name for variant in model.variants if variant.repo == request.model_path):
        return known
    named = tuple(name for name in VARIANTS if name.lower() in request.model_path.lower())
    if len(named) != 1:
        raise _wrong(
            f"--model-path {request.model_path!r} does not say which variant it is",
            f"Add --variant {' or '.join(VARIANTS)}",
        )
    return named


def tensor_parallel_sizes(model: Model) -> tuple[int, ...]:
    """The sizes within one host that divide the model's heads."""
    return tuple(size for size in (1, 2, 4, 8) if model.query_heads % size == 0)


def gpus_asked(request: PlanRequest, machine: Machine) -> tuple[Gpu, ...]:
    """The GPUs to plan on, by index: those asked for, else all.

    Raises `NothingThereError` where the machine has none, `UsageError` for one that is not there and for sizes that
    need more than there are.
    """
    if not machine.gpus:
        fix = "Try --demo, or --no-gpu with a CPU image."
        raise NothingThereError("no_gpu", "there is no NVIDIA GPU to plan for", fix)
    gpus = sorted(machine.gpus, key=lambda gpu: gpu.index)
    if request.gpus is not None:
        asked = [_find(gpus, text) for text in request.gpus]
        if len({gpu.uuid for gpu in asked}) < len(asked) or not asked:
            raise _wrong(f"--gpus {','.join(request.gpus)} names a GPU twice or none at all", "Name each GPU once")
        gpus = sorted(asked, key=lambda gpu: gpu.index)
    tp, dp = request.tensor_parallel_size or 1, request.data_parallel_size or 1
    if tp * dp > len(gpus):
        need = f"--tp {tp} with --dp {dp} needs" if dp > 1 else f"--tp {tp} needs"
        have = f"{'there are' if request.gpus is None else 'named are'} {len(gpus)}"
        raise _wrong(f"{need} {tp * dp} GPUs, and {have}", f"Use at most {len(gpus)} GPUs in all")
    return tuple(gpus)


def _find(gpus: list[Gpu], text: str) -> Gpu:
    found = [gpu for gpu in gpus if text in (str(gpu.index), gpu.uuid)]
    if not found and text:
        found = [gpu for gpu in gpus if gpu.uuid.startswith(text)]
    if len(found) != 1:
        known = ", ".join(f"{gpu.index} ({gpu.uuid})" for gpu in gpus)
        what = "fits several GPUs" if len(found) > 1 else "is no GPU of this machine"
        raise _wrong(f"--gpus {text!r} {what}", f"There are: {known}")
    return found[0]


def _within(flag: str, value: float | None, low: float, high: float) -> None:
    if value is not None and not low <= value <= high:
        raise _wrong(f"{flag} {value} is out of range", f"Use {low} to {high}")


def _wrong(message: str, fix: str) -> UsageError:
    return UsageError("usage", message, f"{fix}.")
