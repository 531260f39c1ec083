"""What cannot be meant is refused, with what to give."""

from __future__ import annotations

import pytest

from nemotui.core.errors import NothingThereError, UsageError
from nemotui.core.hardware import Machine
from nemotui.core.recommend import PlanRequest
from tests.core.machines import machine
from tests.core.plans import H100, H200, rows


@pytest.mark.parametrize(
    ("request_", "said"),
    [
        (PlanRequest(tensor_parallel_size=3), "--tp 3 cannot share the model's 32 attention heads"),
        (PlanRequest(tensor_parallel_size=0), "--tp 0 cannot share"),
        (PlanRequest(tensor_parallel_size=16), "among the GPUs of one host. Use 1, 2, 4, 8."),
        (PlanRequest(tensor_parallel_size=4), "--tp 4 needs 4 GPUs, and there are 2"),
        (PlanRequest(tensor_parallel_size=2, data_parallel_size=2), "--tp 2 with --dp 2 needs 4 GPUs"),
        (PlanRequest(tensor_parallel_size=2, gpus=("1",)), "--tp 2 needs 2 GPUs, and named are 1"),
        (PlanRequest(gpus=("7",)), "--gpus '7' is no GPU of this machine. There are: 0 (GPU-0000), 1 (GPU-1000)."),
        (PlanRequest(gpus=("GPU-",)), "--gpus 'GPU-' fits several GPUs"),
        (PlanRequest(gpus=("0", "GPU-0000")), "names a GPU twice"),
        (PlanRequest(gpus=("",)), "--gpus '' is no GPU"),
        (PlanRequest(gpus=("9" * 5000,)), "is no GPU of this machine"),
        (PlanRequest(gpus=()), "none at all"),
        (PlanRequest(context=0), "--context 0 is out of range. Use 1 to 1048576."),
        (PlanRequest(context=10**9), "--context 1000000000 is out of range"),
        (PlanRequest(max_num_seqs=0), "--max-num-seqs 0 is out of range"),
        (PlanRequest(mtp=8), "--mtp 8 is out of range. Use 0 to 7."),
        (PlanRequest(port=70_000), "--port 70000 is out of range"),
        (PlanRequest(data_parallel_size=0), "--dp 0 is out of range"),
        (PlanRequest(bind="everywhere"), "--bind 'everywhere' is not an IP address"),
        (PlanRequest(name="a b"), "--name 'a b' is no name for a container"),
        (PlanRequest(image="--privileged"), "--image '--privileged' names nothing"),
        (PlanRequest(variant="INT4"), "--variant 'INT4' is none of this model's"),
        (PlanRequest(model_path="/data/model"), "--model-path '/data/model' does not say which variant it is"),
        (PlanRequest(no_gpu=True, gpus=("0",)), "--no-gpu goes with neither --gpus nor --as-published"),
        (PlanRequest(as_published=True, context=4096), "--as-published is the published command unchanged"),
        (PlanRequest(as_published=True, prefix_caching=False), "--as-published is the published command unchanged"),
        (PlanRequest(gpu_memory_utilization=1.5), "--gpu-memory-utilization 1.5 is out of range. Use 0.1 to 1."),
        (PlanRequest(gpu_memory_utilization=float("nan")), "--gpu-memory-utilization nan is out of range"),
    ],
)
def test_a_wrong_flag_is_refused_with_what_to_give(request_: PlanRequest, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        rows(machine(H100, H100), request_)
    assert said in str(caught.value)


def test_gpus_that_differ_cannot_share_a_model() -> None:
    with pytest.raises(UsageError, match="2 GPUs of one product are needed"):
        rows(machine(H100, H200), PlanRequest(tensor_parallel_size=2))


def test_a_machine_without_a_gpu_is_nothing_to_act_on() -> None:
    with pytest.raises(NothingThereError, match="no NVIDIA GPU"):
        rows(Machine())
