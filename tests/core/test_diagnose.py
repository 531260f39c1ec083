"""From logs of failed starts to their causes."""

from __future__ import annotations

import pytest

from nemotui.core.diagnose import diagnose
from nemotui.core.failures import explain
from tests.core.logfiles import captured, written


def test_the_root_of_a_captured_failure_is_the_end_of_its_first_traceback() -> None:
    found = diagnose(captured("vllm-cpu-failed-startup-moe.log"), exit_code=1)

    assert found is not None
    assert found.kind == "unknown_error"
    assert found.cause == "NotImplementedError: is_act_and_mul=False is supported only for CUDA, XPU and ROCm for now"
    assert found.evidence[0].startswith(
        'File "/srv/venv/lib/python3.11/site-packages/vllm/model_executor/layers/fused_moe'
    )


def test_a_captured_failure_on_a_gpu() -> None:
    found = diagnose(captured("h200-vllm-0.24-failed-flashinfer.log"), exit_code=1)

    assert found is not None
    assert found.cause == "ModuleNotFoundError: No module named 'flashinfer'"


# One message a rule, in the words of vLLM, CUDA, PyTorch and the engine; then what must be told of it.
KNOWN = [
    ('could not select device driver "" with capabilities: [[gpu]]', "no_nvidia_toolkit", "", "nvidia-ctk runtime"),
    ('could not select device driver "nvidia" with capabilities: [[gpu]]', "no_nvidia_toolkit", "", "nvidia-ctk"),
    ("Unknown runtime specified nvidia", "unknown_runtime", "runtime nvidia", "nvidia-ctk runtime"),
    (
        "failed to create shim task: OCI runtime create failed: "
        "error running hook #0: error running hook: exit status 1, stdout: , stderr: "
        "nvidia-container-cli: requirement error: unsatisfied condition: cuda>=13.0, please update: unknown",
        "driver_too_old",
        "CUDA 13.0",
        "R580",
    ),
    (
        "failed to create shim task: OCI runtime create failed: error running hook #0: error running "
        "hook: exit status 1, stdout: , stderr: nvidia-container-cli: device error: 9: unknown device: unknown",
        "hook_failed",
        "nvidia-container-cli: device error: 9: unknown device",
        "nvidia-smi",
    ),
    (
        "driver failed programming external connectivity on endpoint nemotron (0a1b): Error starting userland proxy: "
        "listen tcp4 127.0.0.1:8000: bind: address already in use",
        "port_taken",
        "127.0.0.1:8000",
        "--port",
    ),
    (
        "driver failed programming external connectivity on endpoint x (0a1b): Bind for 0.0.0.0:8000 failed: port is "
        "already allocated",
        "port_taken",
        "0.0.0.0:8000",
        "--port",
    ),
    (
        'Conflict. The container name "/nemotron" is already in use by container "0a1b"',
        "name_taken",
        "named nemotron",
        "--name",
    ),
    (
        'Get "https://registry.example/v2/": dial tcp: lookup registry.example on 192.0.2.1:53: no such host',
        "image_offline",
        "cannot be reached",
        "docker load",
    ),
    ("manifest for vllm/vllm-openai:v9.9.9 not found: manifest unknown", "image_missing", "", "--image"),
    ("write /var/lib/docker/tmp/x: no space left on device", "disk_full", "", "df"),
    (
        "RuntimeError: Error 803: system has unsupported display driver / cuda driver combination",
        "driver_mismatch",
        "803",
        "--gpus",
    ),
    (
        "RuntimeError: Failed to infer device type, please set the environment variable",
        "no_gpu_in_container",
        "",
        "nvidia-smi",
    ),
    ("RuntimeError: Unexpected error from cudaGetDeviceCount(). Did you run", "no_gpu_in_container", "", "nvidia-smi"),
    (
        "ValueError: Free memory on device cuda:0 (12.34/79.19 GiB) on startup is less than desired GPU memory "
        "utilization (0.92, 72.85 GiB). Decrease GPU memory utilization or reduce GPU memory used by other processes.",
        "gpu_busy",
        "cuda:0 has 12.34 of 79.19 GiB free, and the start needs 72.85 GiB",
        "nvidia-smi",
    ),
    (
        "torch.OutOfMemoryError: CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has a total",
        "out_of_memory",
        "ran out of memory",
        "--tp",
    ),
    ("ValueError: No available memory for the cache blocks. Try increasing", "no_cache_memory", "KV cache", "--tp"),
    (
        "ValueError: To serve at least one request with the models's max seq len (262144), (2.00 GiB KV cache is "
        "needed, which is larger than the available KV cache memory (1.25 GiB). Based on the available memory, "
        "the estimated maximum model length is 163840. Try increasing `gpu_memory_utilization`",
        "context_too_long",
        "One request of 262144 tokens needs 2.00 GiB of KV cache and there are 1.25 GiB",
        "--context 163840",
    ),
    (
        "ValueError: max_num_seqs (1024) exceeds available Mamba cache blocks (524). Each decode sequence requires one",
        "too_many_seqs",
        "max_num_seqs is 1024, and the cache has only 524 Mamba blocks",
        "--max-num-seqs 524",
    ),
    (
        "ValueError: The quantization method modelopt_fp4 is not supported for the current GPU. "
        "Minimum capability: 89. Current capability: 80.",
        "quantization_unsupported",
        "(compute capability 80) cannot run modelopt_fp4, which needs 89",
        "--variant",
    ),
    (
        "ValueError: FP8 KV cache is not supported by the Triton attention backend on this GPU, it requires SM89+",
        "kv_dtype_unsupported",
        "89",
        "bfloat16",
    ),
    (
        "Value error, Total number of attention heads (32) must be divisible by tensor parallel size (3).",
        "tp_does_not_divide",
        "over 3 GPUs: its 32 attention heads",
        "--tp 1, 2, 4 or 8",
    ),
    (
        "ValueError: World size (4) is larger than the number of available GPUs (2) in this node.",
        "too_few_gpus",
        "needs 4 GPUs and the container has 2",
        "--tp",
    ),
    ("RuntimeError: Insufficient space in /dev/shm: 640.0 MiB needed", "shm_too_small", "", "--ipc=host"),
    (
        "Value error, User-specified max_model_len (1048576) is greater than the derived max_model_len "
        "(max_position_embeddings=262144)",
        "context_beyond_model",
        "1048576 tokens",
        "VLLM_ALLOW_LONG_MAX_MODEL_LEN=1",
    ),
    (
        "vllm serve: error: unrecognized arguments: --swap-space 4",
        "stale_flag",
        "--swap-space 4",
        "--",
    ),
    ("OSError: [Errno 98] Address already in use", "port_taken", "", "--port"),
    ("huggingface_hub.errors.GatedRepoError: 401 Client Error. (Request ID: x)", "no_access", "token", "HF_TOKEN"),
    (
        "OSError: We couldn't connect to 'https://huggingface.co' to load the files",
        "hub_unreachable",
        "",
        "HF_ENDPOINT",
    ),
    ("torch.distributed.DistBackendError: NCCL error in: ProcessGroupNCCL.cpp:3690", "nccl", "", "NCCL_DEBUG=INFO"),
    ("TimeoutError: Timed out waiting for engine core processes to start", "engine_timeout", "", "600"),
]


@pytest.mark.parametrize(("text", "kind", "cause", "remedy"), KNOWN, ids=lambda value: "")
def test_a_known_message(text: str, kind: str, cause: str, remedy: str) -> None:
    found = explain(text)

    assert found is not None
    assert found.kind == kind
    assert cause in found.cause
    assert remedy in found.remedy
    assert found.evidence == (text,)
    assert "{" not in found.cause + found.remedy


def test_a_known_message_without_a_traceback() -> None:
    found = diagnose(written("usage: vllm serve [-h]\nvllm serve: error: unrecognized arguments: --fast"), exit_code=2)

    assert found is not None
    assert found.kind == "stale_flag"
    assert found.evidence == ("vllm serve: error: unrecognized arguments: --fast",)


def test_the_words_of_an_error_may_go_on_below_it() -> None:
    log = """
(APIServer pid=1) Traceback (most recent call last):
(APIServer pid=1)   File "/usr/bin/vllm", line 8, in <module>
(APIServer pid=1) pydantic_core._pydantic_core.ValidationError: 1 validation error for VllmConfig
(APIServer pid=1)   Value error, World size (4) is larger than the number of available GPUs (2) in this node.
(APIServer pid=1)     For further information visit https://errors.pydantic.dev/2.12/v/value_error
"""
    found = diagnose(written(log), exit_code=1)

    assert found is not None
    assert found.kind == "too_few_gpus"


def test_the_lines_of_several_workers_are_interleaved() -> None:
    head = "ERROR 11-23 13:16:49 [multiproc_executor.py:953]"
    log = f"""
(Worker_TP0 pid=9) {head} Traceback (most recent call last):
(Worker_TP1 pid=10) {head} Traceback (most recent call last):
(Worker_TP1 pid=10) {head}   File "one.py", line 1, in one
(Worker_TP0 pid=9) {head}   File "zero.py", line 0, in zero
(Worker_TP1 pid=10) {head} ValueError: of the second worker
(Worker_TP0 pid=9) {head} ValueError: of the first worker
"""
    found = diagnose(written(log), exit_code=1)

    assert found is not None
    assert found.cause == "ValueError: of the first worker"
    assert found.evidence == ('File "zero.py", line 0, in zero', "ValueError: of the first worker")


def test_a_traceback_in_a_warning_is_no_failure() -> None:
    log = """
(EngineCore pid=9) WARNING 11-23 13:16:49 [x.py:1] Traceback (most recent call last):
(EngineCore pid=9) WARNING 11-23 13:16:49 [x.py:1]   File "x.py", line 1, in x
(EngineCore pid=9) WARNING 11-23 13:16:49 [x.py:1] ImportError: an optional part is missing
(EngineCore pid=9) WARNING 11-23 13:16:49 [x.py:1] CUDA out of memory occurred when warming up, trying less
"""
    assert diagnose(written(log)) is None


def test_out_of_memory_by_the_kernel_beats_everything() -> None:
    found = diagnose(captured("vllm-cpu-failed-startup-moe.log"), exit_code=137, oom_killed=True)

    assert found is not None
    assert found.kind == "oom_killed"


@pytest.mark.parametrize(("code", "kind"), [(0, "stopped"), (143, "stopped"), (137, "killed"), (3, "exited")])
def test_without_a_word_the_exit_code_speaks(code: int, kind: str) -> None:
    found = diagnose(written("line one\nline two"), exit_code=code)

    assert found is not None
    assert found.kind == kind
    assert found.evidence == ("line one", "line two")
