"""From a failure to the changed command: the settings, the container that they make, and the lines that differ."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.cure import Change, command_diff, cured, idle_gpus
from nemotui.core.errors import NothingThereError
from nemotui.core.failed import Failed, failed, with_idle_gpus
from nemotui.core.failures import explain
from nemotui.core.hardware import Gpu, GpuProcess, Machine
from nemotui.core.plan import LABEL, ContainerSpec

GIB = 2**30
SPEC = ContainerSpec(
    name="nemotui",
    image="vllm/vllm-openai:latest",
    args=(
        *("nvidia/X", "--max-model-len", "262144", "--max-num-seqs", "1024", "--kv-cache-dtype", "fp8"),
        *("--speculative-config", '{"method":"mtp"}', "--gpu-memory-utilization", "0.92", "--swap-space", "4"),
    ),
    gpus=("GPU-0", "GPU-1"),
    labels=((LABEL, "nemotui"), (f"{LABEL}.port", "8000")),
    ipc_host=False,
)
BUSY = (
    "Free memory on device cuda:0 ({}/79.19 GiB) on startup is less than desired GPU memory utilization (0.92, 72 GiB)"
)

CURES = [
    (
        "max_num_seqs (1024) exceeds available Mamba cache blocks (524)",
        ("- --max-num-seqs 1024", "+ --max-num-seqs 524"),
    ),
    (
        "To serve at least one request with the max seq len (262144), 2.00 GiB KV cache is needed, which is larger "
        "than the available KV cache memory (1.25 GiB). The estimated maximum model length is 163840.",
        ("- --max-model-len 262144", "+ --max-model-len 163840"),
    ),
    (
        "listen tcp4 127.0.0.1:8000: bind: address already in use",
        (
            *("- -p 127.0.0.1:8000:8000", "+ -p 127.0.0.1:8001:8000"),
            *("- --label nemotui.port=8000", "+ --label nemotui.port=8001"),
        ),
    ),
    (
        "FP8 KV cache is not supported by the Triton attention backend, it requires SM89+",
        ("- --kv-cache-dtype fp8", "+ --kv-cache-dtype bfloat16"),
    ),
    (BUSY.format("60.10"), ("- --gpu-memory-utilization 0.92", "+ --gpu-memory-utilization 0.74")),
    (
        "No available memory for the cache blocks.",
        (
            *("- --gpu-memory-utilization 0.92", "+ --gpu-memory-utilization 0.95"),
            "+ --max-num-batched-tokens 4096",
        ),
    ),
    ("CUDA out of memory.", ('- --speculative-config {"method":"mtp"}',)),
    ("Insufficient space in /dev/shm", ("+ --ipc=host",)),
    ("unrecognized arguments: --swap-space 4", ("- --swap-space 4",)),
    (
        "max_model_len (1048576) is greater than the derived max_model_len",
        ("+ -e VLLM_ALLOW_LONG_MAX_MODEL_LEN=1",),
    ),
    ("Timed out waiting for engine core", ("+ -e VLLM_ENGINE_READY_TIMEOUT_S=1800",)),
    ("NCCL error in: x.cpp", ("+ --disable-custom-all-reduce",)),
]


def of(message: str, spec: ContainerSpec = SPEC) -> Failed:
    found = explain(message)
    assert found is not None
    return failed(found, spec)


@pytest.mark.parametrize(("message", "diff"), CURES, ids=[row[0][:30] for row in CURES])
def test_a_failure_that_a_setting_cures_shows_what_of_the_command_changes(message: str, diff: tuple[str, ...]) -> None:
    cure = of(message).cure

    assert cure is not None
    assert sorted(cure.diff) == sorted(diff)
    assert cure.before == SPEC


@pytest.mark.parametrize(
    "message",
    [
        "Failed to infer device type",
        "must be divisible by tensor parallel size (3)",
        BUSY.format("20.10"),  # no variant fits into what is left
        "GatedRepoError",
    ],
)
def test_a_failure_that_no_setting_cures_offers_none(message: str) -> None:
    assert of(message).cure is None


def test_a_cure_that_changes_nothing_is_none() -> None:
    without = replace(SPEC, args=("nvidia/X",))

    assert of("CUDA out of memory.", without).cure is None
    assert cured(SPEC, (Change("--max-num-seqs", "1024"),)) is None


def test_a_flag_is_changed_however_it_is_written() -> None:
    spec = replace(SPEC, args=("m", "--max_num_seqs=7", "--enforce-eager", "--max-num-seqs", "9"))
    cure = cured(spec, (Change("--max-num-seqs", "5"),))

    assert cure is not None
    assert cure.after.args == ("m", "--max-num-seqs", "5", "--enforce-eager")


def test_a_secret_stays_masked_in_the_diff() -> None:
    spec = replace(SPEC, args=("m", "--api-key", "planted", "--max-num-seqs", "9"))
    cure = cured(spec, (Change("--max-num-seqs", "5"),))

    assert cure is not None
    assert "planted" not in " ".join(cure.diff)


def test_equal_commands_do_not_differ() -> None:
    assert command_diff(["docker", "run", "-d"], ["docker", "run", "-d"]) == ()


def gpu(index: int, *, name: str = "H100", busy: bool = False) -> Gpu:
    holders = (GpuProcess(pid=7),) if busy else ()
    return Gpu(index=index, uuid=f"GPU-{index}", name=name, memory_used_bytes=9 * GIB if busy else 0, processes=holders)


def test_other_gpus_of_the_same_model_take_the_place_of_busy_ones() -> None:
    machine = Machine(gpus=(gpu(0, busy=True), gpu(1), gpu(2, name="A100"), gpu(3)))

    assert idle_gpus(SPEC, machine) == (Change("gpus", "GPU-1,GPU-3"),)
    assert idle_gpus(SPEC, Machine(gpus=machine.gpus[:3])) == ()


class Probe:
    """A machine, or none."""

    def __init__(self, machine: Machine | None) -> None:
        self._machine = machine

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        if self._machine is None:
            raise NothingThereError("no_driver", "no driver")
        return self._machine

    async def close(self) -> None: ...


@pytest.mark.anyio
async def test_a_busy_gpu_is_cured_by_idle_ones_where_there_are_some() -> None:
    busy = of(BUSY.format("60.10"))
    idle = await with_idle_gpus(busy, Probe(Machine(gpus=(gpu(0, busy=True), gpu(1), gpu(3)))))

    assert idle.cure is not None
    assert idle.cure.after.gpus == ("GPU-1", "GPU-3")
    assert await with_idle_gpus(busy, Probe(Machine(gpus=(gpu(0, busy=True), gpu(1))))) == busy
    assert await with_idle_gpus(busy, Probe(None)) == busy
