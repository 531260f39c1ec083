"""The command line of the pretend server: that of `vllm serve`, and a few switches of its own."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn

from nemotui.catalog import load_catalog
from nemotui.core.errors import UsageError
from nemotui.core.memory import DEFAULT_UTILIZATION, KvDtype, plan_memory
from nemotui.core.models import Catalog, PublishedRow, Variant, VariantName
from nemotui.sim.failures import Failure, memory_failure, plan_failure
from nemotui.sim.faults import FAULTS, NO_REASONING_PARSER, NO_TOOL_PARSER
from nemotui.sim.machines import DEFAULT_PROFILE, Profile, load_machine, load_profile
from nemotui.sim.settings import ServerSettings
from nemotui.sim.timing import fit, timing_for

ENVIRONMENT = "NEMOTUI_SIM_"  # NEMOTUI_SIM_SPEED and so on set the switches of our own; a flag wins

_KV_DTYPES: Mapping[str, KvDtype] = {"fp8": "fp8", "fp8_e4m3": "fp8", "bfloat16": "bfloat16"}  # else the checkpoint's


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeArguments:
    """One start of the pretend server. `start_seconds` is how long its start-up log takes, without the
    `fetch_seconds` in which its weights are downloaded; `failure` is its end.
    """

    settings: ServerSettings
    disk_bytes: int
    host: str
    port: int
    start_seconds: float
    fetch_seconds: float
    exit_with_parent: bool
    failure: Failure | None
    given: Mapping[str, object]


def parse(argv: Sequence[str], environment: Mapping[str, str] = os.environ) -> ServeArguments:
    """Read the arguments after `serve`. What vLLM knows and we do not is let through in silence.

    Without a model it serves what the published table has for the machine, else FP8 on all its GPUs. Raises
    `UsageError` for an unknown profile or row, and for a flag whose value is missing or of the wrong kind.
    """
    parser = _parser(environment)
    # The model is a word of its own only as the first: after an unknown flag nobody can tell it from that flag's value.
    first, rest = (argv[0], argv[1:]) if argv and not argv[0].startswith("-") else (None, argv)
    given, _ = parser.parse_known_args(rest)
    catalog, profile = load_catalog(), load_profile(given.profile)
    row = _row(catalog, given.row) if given.row else None
    chip = profile.chip(catalog.chips) if row is None else next(c for c in catalog.chips if c.name == row.chip)
    model = first or given.model
    tp = given.tensor_parallel_size or 1
    if model is None:
        shape = row or next(
            (r for r in catalog.published if (r.chip, r.count) == (chip.name, len(profile.chips))), None
        )
        variant = _variant(catalog, shape.variant if shape else "FP8")
        model, tp = variant.repo, shape.tensor_parallel_size if shape else max(1, len(profile.chips))
        known = True
    else:
        named = next((v for v in catalog.model.variants if v.name in model.upper()), None)
        variant, known = named or _variant(catalog, "FP8"), named is not None
    kv_dtype = _KV_DTYPES.get(given.kv_cache_dtype, variant.checkpoint_kv_dtype)
    memory = plan_memory(
        catalog.model,
        variant,
        total=chip.cuda_total_bytes,
        tensor_parallel_size=tp,
        data_parallel_size=given.data_parallel_size,
        kv_dtype=kv_dtype,
        utilization=given.gpu_memory_utilization,
        mtp_tokens=_mtp_tokens(given.speculative_config),
        prefix_caching=given.enable_prefix_caching,
    )
    failure = None
    if known and row is None:
        visible = _visible(profile, given.visible_gpus)
        failure = plan_failure(
            catalog,
            chip,
            variant,
            kv_dtype=kv_dtype,
            tensor_parallel_size=tp,
            gpus=len(visible),
        ) or memory_failure(
            memory,
            max_model_len=given.max_model_len,
            max_num_seqs=given.max_num_seqs,
            utilization=given.gpu_memory_utilization,
            held={cuda: profile.busy_bytes[gpu] for cuda, gpu in enumerate(visible[:tp]) if gpu in profile.busy_bytes},
        )
    faults = _faults(given.fault)
    settings = ServerSettings(
        model=model,
        served_model_names=tuple(given.served_model_name or (model,)),
        timing=fit(row) if row else timing_for(catalog, chip, variant.name, tp * given.data_parallel_size),
        memory=memory,
        max_model_len=given.max_model_len,
        max_num_seqs=given.max_num_seqs,
        max_num_batched_tokens=given.max_num_batched_tokens,
        tensor_parallel_size=tp,
        reasoning_parser=bool(given.reasoning_parser) and NO_REASONING_PARSER not in faults,
        tool_parser=bool(given.tool_call_parser) and given.enable_auto_tool_choice and NO_TOOL_PARSER not in faults,
        api_key=given.api_key,
        speed=given.speed,
        stall_after_s=given.stall_after,
        faults=faults,
        jitter=given.jitter,
        slower=given.slower,
    )
    return ServeArguments(
        settings=settings,
        disk_bytes=variant.disk_bytes,
        host=given.host,
        port=given.port,
        start_seconds=given.start_seconds,
        fetch_seconds=given.fetch_seconds,
        exit_with_parent=given.exit_with_parent,
        failure=failure,
        given=_changed(given, parser),
    )


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """The engine reads the arguments in our own process: a wrong one must not end it."""
        raise UsageError("usage", f"vllm serve: error: {message}", "Correct the arguments after --")


def _parser(environment: Mapping[str, str]) -> argparse.ArgumentParser:
    def ours(name: str, default: str) -> str:
        return environment.get(ENVIRONMENT + name, default)

    parser = _Parser(prog="vllm serve", allow_abbrev=False, add_help=False)
    parser.add_argument("--model")
    parser.add_argument("--served-model-name", nargs="+")
    # vLLM listens everywhere unless told; a pretend server does so only inside a container.
    parser.add_argument("--host", default=ours("HOST", "127.0.0.1"))
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--max-model-len", type=int, default=262144)
    parser.add_argument("--max-num-seqs", type=int, default=256)
    parser.add_argument("--max-num-batched-tokens", type=int, default=8192)
    parser.add_argument("--tensor-parallel-size", "-tp", type=int)
    parser.add_argument("--data-parallel-size", "-dp", type=int, default=1)
    parser.add_argument("--enable-prefix-caching", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--gpu-memory-utilization", type=float, default=DEFAULT_UTILIZATION)
    parser.add_argument("--kv-cache-dtype", default="auto")
    parser.add_argument("--speculative-config", default="{}")
    parser.add_argument("--reasoning-parser")
    parser.add_argument("--tool-call-parser")
    parser.add_argument("--enable-auto-tool-choice", action="store_true")
    parser.add_argument("--api-key", default=environment.get("VLLM_API_KEY"))
    group = parser.add_argument_group("of the pretend server")
    group.add_argument("--profile", default=ours("PROFILE", DEFAULT_PROFILE))
    group.add_argument("--row", default=environment.get(ENVIRONMENT + "ROW"), help="a published row by its name")
    group.add_argument("--visible-gpus", default="", help="UUIDs, comma separated; the first ones when empty")
    group.add_argument("--speed", type=float, default=float(ours("SPEED", "1")))
    group.add_argument("--start-seconds", type=float, default=float(ours("START_SECONDS", "8")))
    group.add_argument("--fetch-seconds", type=float, default=float(ours("FETCH_SECONDS", "0")))
    group.add_argument("--stall-after", type=float, default=environment.get(ENVIRONMENT + "STALL_AFTER"))
    group.add_argument("--fault", default=ours("FAULT", ""), help=f"some of {', '.join(FAULTS)}; comma separated")
    group.add_argument("--jitter", type=float, default=float(ours("JITTER", "0")))
    group.add_argument("--slower", type=float, default=float(ours("SLOWER", "0")))
    group.add_argument("--exit-with-parent", action="store_true", help="end when standard input does")
    return parser


def _row(catalog: Catalog, name: str) -> PublishedRow:
    row = next((r for r in catalog.published if r.name == name), None)
    if row is None:
        names = ", ".join(r.name for r in catalog.published)
        raise UsageError("row", f"there is no published row {name!r}", f"Known: {names}")
    return row


def _variant(catalog: Catalog, name: VariantName) -> Variant:
    return next(v for v in catalog.model.variants if v.name == name)


def _mtp_tokens(speculative_config: str) -> int:
    try:
        return int(json.loads(speculative_config).get("num_speculative_tokens", 0))
    except (ValueError, TypeError, AttributeError):
        raise UsageError("usage", "--speculative-config is not a JSON object", 'Give {"method": "mtp", …}') from None


def _faults(names: str) -> frozenset[str]:
    faults = frozenset(name for name in names.split(",") if name)
    if unknown := sorted(faults.difference(FAULTS)):
        raise UsageError("fault", f"there is no fault {unknown[0]!r}", f"Known: {', '.join(FAULTS)}")
    return faults


def _visible(profile: Profile, uuids: str) -> list[int]:
    """The machine's indices of the GPUs that the container sees, in the order in which CUDA counts them."""
    gpus = load_machine(profile.name).gpus
    index = {gpu.uuid: gpu.index for gpu in gpus}
    return [index[uuid] for uuid in uuids.split(",") if uuid in index] or [gpu.index for gpu in gpus]


def _changed(given: argparse.Namespace, parser: argparse.ArgumentParser) -> dict[str, object]:
    """vLLM's `non-default args`, without the key and without what vLLM does not have."""
    own = {"api_key", "profile", "row", "visible_gpus", "speed", "start_seconds", "fetch_seconds", "exit_with_parent"}
    own |= {"stall_after", "fault", "jitter", "slower"}
    return {k: v for k, v in vars(given).items() if k not in own and v != parser.get_default(k)}
