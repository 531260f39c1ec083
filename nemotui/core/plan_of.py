"""The plan of a container, as far as a preflight asks for it: of one that is started again, cured or replaced."""

from __future__ import annotations

from nemotui.core.plan import HF_CACHE, LABEL, ContainerSpec, Plan
from nemotui.core.reach import is_open
from nemotui.core.serve_args import memory_share, model_of, value_of


def plan_of(spec: ContainerSpec) -> Plan:
    """Read back from the container's settings; what no preflight looks at is left as it may be."""
    model = model_of(spec.args) or ""
    volumes = {volume.target: volume.source for volume in spec.volumes}
    return Plan(
        name=spec.name,
        image=spec.image,
        model=model,
        served_model_name=value_of(spec.args, "--served-model-name") or model,
        variant=dict(spec.labels).get(f"{LABEL}.variant") or None,
        tensor_parallel_size=_whole(spec, "--tensor-parallel-size", 1),
        data_parallel_size=_whole(spec, "--data-parallel-size", 1),
        gpus=spec.gpus,
        max_model_len=_whole(spec, "--max-model-len", 0),
        max_num_seqs=_whole(spec, "--max-num-seqs", 0),
        gpu_memory_utilization=memory_share(spec.args),
        bind=spec.bind,
        port=spec.port,
        model_mount=volumes.get(model),
        hf_cache=volumes.get(HF_CACHE),
        as_published=is_open(spec.bind) and spec.env_file is None,
    )


def _whole(spec: ContainerSpec, flag: str, otherwise: int) -> int:
    text = value_of(spec.args, flag) or ""
    return int(text) if text.isdecimal() else otherwise
