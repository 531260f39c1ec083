"""Every fatal error that is known, in a whole log of the shape in which it comes, its generic tail included."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nemotui.core.diagnose import diagnose
from nemotui.core.failures import explain
from nemotui.core.logs import LogLine
from tests.core import failed_starts as starts
from tests.core.logfiles import LOGS, captured

# The shape, the words, the kind; what the cause says; and what the cure changes, "" where no setting cures it.
ROWS: list[tuple[Callable[[str], list[LogLine]], str, str, str]] = [
    (
        starts.of_the_engine,
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Error 803: system has unsupported display driver / "
        "cuda driver combination",
        "driver_mismatch",
        "error 803",
    ),
    (
        starts.of_the_api_server,
        "RuntimeError: Failed to infer device type, please set the environment variable `VLLM_LOGGING_LEVEL=DEBUG`",
        "no_gpu_in_container",
        "sees no GPU",
    ),
    (
        starts.of_the_engine,
        "RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions before calling "
        "NumCudaDevices() that might have already set an error?",
        "no_gpu_in_container",
        "sees no GPU",
    ),
    (starts.of_the_api_server, "OSError: [Errno 98] Address already in use", "port_taken", "port is taken"),
    (
        starts.of_a_worker,
        "ValueError: Free memory on device cuda:0 (60.10/79.19 GiB) on startup is less than desired GPU memory "
        "utilization (0.92, 72.85 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        "gpu_busy",
        "cuda:0 has 60.10 of 79.19 GiB free",
    ),
    (
        starts.of_a_worker,
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.62 GiB. GPU 0 has a total capacity of 79.19 "
        "GiB of which 1.12 GiB is free.",
        "out_of_memory",
        "ran out of memory",
    ),
    (starts.of_a_worker, "ValueError: not enough GPU memory to load the model", "out_of_memory", "ran out of memory"),
    (
        starts.after_loading,
        "ValueError: No available memory for the cache blocks. Try increasing `gpu_memory_utilization` when "
        "initializing the engine.",
        "no_cache_memory",
        "no GPU memory for the KV cache",
    ),
    (
        starts.after_loading,
        "ValueError: To serve at least one request with the models's max seq len (262144), (2.00 GiB KV cache is "
        "needed, which is larger than the available KV cache memory (1.25 GiB). Based on the available memory, the "
        "estimated maximum model length is 163840. Try increasing `gpu_memory_utilization`",
        "context_too_long",
        "262144 tokens needs 2.00 GiB",
    ),
    (
        starts.after_loading,
        "ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (524). Each decode sequence requires "
        "one Mamba cache block, so CUDA graph capture cannot proceed. Please lower max_num_seqs to at most 524.",
        "too_many_seqs",
        "1024, and the cache has only 524",
    ),
    (
        starts.of_the_configuration,
        "Total number of attention heads (32) must be divisible by tensor parallel size (3).",
        "tp_does_not_divide",
        "over 3 GPUs",
    ),
    (
        starts.of_the_configuration,
        "World size (4) is larger than the number of available GPUs (2) in this node.",
        "too_few_gpus",
        "needs 4 GPUs and the container has 2",
    ),
    (
        starts.of_a_worker,
        "RuntimeError: Insufficient space in /dev/shm for the message queue: 640.0 MiB needed, 64.0 MiB available",
        "shm_too_small",
        "/dev/shm",
    ),
    (
        starts.of_a_worker,
        "torch.distributed.DistBackendError: NCCL error in: /pytorch/torch/csrc/distributed/c10d/NCCLUtils.cpp:94, "
        "unhandled cuda error (run with NCCL_DEBUG=INFO for details), NCCL version 2.28.3",
        "nccl",
        "cannot talk to each other",
    ),
    (
        starts.of_the_api_server,
        "huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: Root=1-69)",
        "no_access",
        "token",
    ),
    (
        starts.of_the_api_server,
        "requests.exceptions.HTTPError: 401 Client Error: Unauthorized for url: https://huggingface.co/nvidia/x",
        "no_access",
        "token",
    ),
    (
        starts.of_the_api_server,
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files, and couldn't find them in the "
        "cached files.",
        "hub_unreachable",
        "cannot be reached",
    ),
    (starts.of_the_arguments, "unrecognized arguments: --swap-space 4", "stale_flag", "--swap-space 4"),
    (
        starts.of_the_configuration,
        "User-specified max_model_len (1048576) is greater than the derived max_model_len "
        "(max_position_embeddings=262144 or model_max_length=None in model's config.json).",
        "context_beyond_model",
        "1048576 tokens",
    ),
    (
        starts.of_the_api_server,
        "TimeoutError: Timed out waiting for engine core processes to start. This is often caused by slow weight "
        "loading for large models. Waited 600s (configured by VLLM_ENGINE_READY_TIMEOUT_S).",
        "engine_timeout",
        "longer to start",
    ),
    (
        starts.of_the_engine,
        "ValueError: The quantization method modelopt_fp4 is not supported for the current GPU. Minimum capability: "
        "89. Current capability: 80.",
        "quantization_unsupported",
        "capability 80",
    ),
    (
        starts.of_the_engine,
        "ValueError: FP8 KV cache is not supported by the Triton attention backend on this GPU; it requires SM89+.",
        "kv_dtype_unsupported",
        "FP8",
    ),
]
ENGINE_REPLIES = [
    ('could not select device driver "" with capabilities: [[gpu]]', "no_nvidia_toolkit"),
    (
        "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
        "error during container init: error running hook #0: error running hook: exit status 1, stdout: , stderr: "
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0, please update your driver to a "
        "newer version, or use an earlier cuda container: unknown",
        "driver_too_old",
    ),
    (
        "driver failed programming external connectivity on endpoint nemotui (3fd1): Bind for 127.0.0.1:8000 failed: "
        "port is already allocated",
        "port_taken",
    ),
]
STUCK = (
    "(EngineCore pid=9) INFO 11-23 15:01:25 [shm_broadcast.py:501] No available shared memory broadcast block found in "
    "60 seconds. This typically happens when some processes are hanging or doing some time-consuming work."
)
HEALTHY = [path.name for path in sorted(LOGS.glob("*.log")) if "Application startup complete" in path.read_text()]


@pytest.mark.parametrize(("shape", "words", "kind", "cause"), ROWS, ids=[row[2] for row in ROWS])
def test_the_cause_of_a_whole_failed_log_is_not_its_generic_tail(
    shape: Callable[[str], list[LogLine]], words: str, kind: str, cause: str
) -> None:
    log = shape(words)

    found = diagnose(log, exit_code=1)

    assert found is not None
    assert (found.kind, found.evidence) == (kind, (found.evidence[0],))
    assert cause in found.cause
    assert "initialization failed" not in found.cause + found.remedy + " ".join(found.evidence)
    assert words[:60] in found.evidence[0]


@pytest.mark.parametrize(("words", "kind"), ENGINE_REPLIES, ids=[row[1] for row in ENGINE_REPLIES])
def test_what_the_engine_itself_replies(words: str, kind: str) -> None:
    found = explain(words)

    assert found is not None
    assert found.kind == kind


def test_workers_that_wait_for_each_other_until_they_are_killed() -> None:
    healthy = captured("h200-vllm-0.24-fp8-startup.log")
    log = starts.with_a_warning(healthy[: len(healthy) // 2], STUCK)

    found = diagnose(log, exit_code=137)

    assert found is not None
    assert found.kind == "workers_wait"
    assert "NCCL_P2P_DISABLE=1" in found.remedy
    assert found.evidence == (STUCK.partition("] ")[2],)


def test_workers_that_waited_and_went_on_are_no_failure() -> None:
    log = starts.with_a_warning(captured("h200-vllm-0.24-fp8-startup.log"), STUCK)

    assert diagnose(log) is None
    stopped = diagnose(log, exit_code=0)
    assert stopped is not None
    assert stopped.kind == "stopped"


@pytest.mark.parametrize("name", HEALTHY)
def test_no_healthy_log_yields_a_diagnosis(name: str) -> None:
    assert diagnose(captured(name)) is None


def test_there_are_healthy_logs_of_a_gpu_and_of_a_cpu() -> None:
    assert sum(name.startswith("h200") for name in HEALTHY) >= 2
    assert sum(name.startswith("vllm-cpu") for name in HEALTHY) >= 2
