"""One plan gives one container, and that container one `docker run` that a shell takes as it is."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace

import pytest

from nemotui.core.plan import ALL_GPUS, GPU_IMAGE, Plan, container_spec, docker_run
from nemotui.core.serve_args import value_of

FP8_ON_TWO = Plan(
    name="nemotron",
    image="vllm/vllm-openai:v0.33.0",
    model="nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8",
    served_model_name="nemotron-super",
    variant="FP8",
    tensor_parallel_size=2,
    gpus=("GPU-aaaa", "GPU-bbbb"),
    max_model_len=262_144,
    max_num_seqs=256,
    kv_cache_dtype="fp8",
    hf_cache="/home/ada/.cache/huggingface",
    vllm_cache="/home/ada/.cache/vllm",
)
ON_CPU = Plan(
    name="tiny",
    image="vllm/vllm-openai:cpu-test",
    model="/models/tiny-nemotron-h-chat",
    served_model_name="nemotron-super",
    max_model_len=4096,
    max_num_seqs=16,
    extra_args=("--enforce-eager",),
)


def test_the_recommended_command_whole() -> None:
    assert shlex.join(docker_run(container_spec(FP8_ON_TWO))) == (
        "docker run -d --name nemotron --gpus '\"device=GPU-aaaa,GPU-bbbb\"' --ipc=host -p 127.0.0.1:8000:8000"
        " -e HF_TOKEN -e VLLM_API_KEY -e DO_NOT_TRACK=1 -e CUDA_DEVICE_ORDER=PCI_BUS_ID"
        " -v /home/ada/.cache/huggingface:/root/.cache/huggingface -v /home/ada/.cache/vllm:/root/.cache/vllm"
        " --log-driver json-file --log-opt max-size=50m --log-opt max-file=3"
        " --label nemotui=nemotron --label nemotui.variant=FP8"
        " --label nemotui.tensor-parallel-size=2 --label nemotui.port=8000"
        " vllm/vllm-openai:v0.33.0 nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8"
        " --served-model-name nemotron-super --trust-remote-code --tensor-parallel-size 2"
        " --max-model-len 262144 --max-num-seqs 256 --gpu-memory-utilization 0.92 --kv-cache-dtype fp8"
        " --mamba-ssm-cache-dtype float32 --enable-prefix-caching --reasoning-parser nemotron_v3"
        " --enable-auto-tool-choice --tool-call-parser qwen3_coder"
    )


def test_a_cpu_plan_asks_for_no_gpu_and_passes_no_gpu_flag() -> None:
    spec = container_spec(ON_CPU)
    assert spec.gpus == ()
    assert spec.environment == (("DO_NOT_TRACK", "1"),)
    assert not {"--gpu-memory-utilization", "--kv-cache-dtype", "--mamba-ssm-cache-dtype"} & set(spec.args)
    assert spec.args[0] == "/models/tiny-nemotron-h-chat"
    assert spec.args[-1] == "--enforce-eager"
    assert value_of(spec.args, "--max-model-len") == "4096"
    assert "--gpus" not in docker_run(spec)


def test_mtp_is_one_json_argument() -> None:
    args = container_spec(replace(FP8_ON_TWO, mtp_tokens=3)).args
    assert json.loads(value_of(args, "--speculative-config") or "") == {"method": "mtp", "num_speculative_tokens": 3}


def test_a_context_beyond_the_configs_is_allowed_by_the_environment() -> None:
    assert ("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1") not in container_spec(FP8_ON_TWO).environment
    longer = container_spec(replace(FP8_ON_TWO, max_model_len=262_145, derived_max_model_len=262_144))
    assert ("VLLM_ALLOW_LONG_MAX_MODEL_LEN", "1") in longer.environment


def test_copies_in_one_container() -> None:
    assert "--data-parallel-size" not in container_spec(FP8_ON_TWO).args
    assert value_of(container_spec(replace(FP8_ON_TWO, data_parallel_size=2)).args, "--data-parallel-size") == "2"


def test_a_local_model_is_mounted_read_only_where_vllm_looks_for_it() -> None:
    spec = container_spec(replace(FP8_ON_TWO, model="/model", model_mount="/data/nemotron fp8"))
    argv = docker_run(spec)
    assert spec.args[0] == "/model"
    assert argv[argv.index("-v") + 1] == "/data/nemotron fp8:/model:ro"


def test_secrets_are_named_and_never_valued() -> None:
    spec = container_spec(FP8_ON_TWO)
    argv = docker_run(spec)
    assert spec.secret_environment == ("HF_TOKEN", "VLLM_API_KEY")
    assert not any(arg.startswith(("HF_TOKEN=", "VLLM_API_KEY=")) for arg in argv)


def test_a_secret_among_the_extra_arguments_is_never_shown() -> None:
    spec = container_spec(replace(FP8_ON_TWO, extra_args=("--api-key", "sk-EXTRA", "--hf-token=hf_EXTRA")))
    assert docker_run(spec)[-3:] == ["--api-key", "***", "--hf-token=***"]


def test_an_ipv6_address_is_bracketed() -> None:
    argv = docker_run(container_spec(replace(FP8_ON_TWO, bind="::1", port=9000)))
    assert argv[argv.index("-p") + 1] == "[::1]:9000:8000"


def test_the_published_command_keeps_its_faults() -> None:
    published = replace(
        FP8_ON_TWO, image=GPU_IMAGE, gpus=ALL_GPUS, bind="0.0.0.0", as_published=True, kv_cache_dtype=None
    )
    spec = container_spec(published)
    argv = docker_run(spec)
    assert argv[argv.index("--gpus") + 1] == "all"
    assert spec.args == (
        *("--model", "nvidia/NVIDIA-Nemotron-3-Super-120B-A12B-FP8"),
        *("--served-model-name", "nemotron-super", "--tensor-parallel-size", "2"),
    )
    assert spec.environment == ()


@pytest.mark.parametrize("plan", [FP8_ON_TWO, ON_CPU])
def test_the_labels_find_the_container_again(plan: Plan) -> None:
    labels = dict(container_spec(plan).labels)
    assert labels["nemotui"] == plan.name
    assert labels["nemotui.port"] == "8000"
