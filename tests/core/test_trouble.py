"""What is wrong with a GPU, in sentences."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.hardware import Gpu
from nemotui.core.trouble import troubles

GPU = Gpu(
    index=3, uuid="GPU-a", name="NVIDIA H100 80GB HBM3", ecc_uncorrected=0, throttle_reasons=("software power cap",)
)


def test_a_sound_gpu_has_none_and_its_power_cap_is_a_choice() -> None:
    assert troubles(GPU) == ()


@pytest.mark.parametrize(
    ("xid", "words"),
    [
        (31, "Xid 31: a program touched GPU memory that is not its own"),
        (79, "Xid 79: it has fallen off the bus"),
        (999, "Xid 999: see NVIDIA's list of Xid errors"),
    ],
)
def test_an_xid_in_words(xid: int, words: str) -> None:
    assert troubles(replace(GPU, xid=xid)) == (words,)


def test_all_that_can_be_wrong_worst_first() -> None:
    gpu = replace(
        GPU,
        state="not-answering",
        state_reason="no answer for 20 s",
        ecc_uncorrected=1,
        fabric="failed",
        throttle_reasons=("software power cap", "hardware thermal slowdown"),
    )
    assert troubles(gpu) == (
        "not-answering: no answer for 20 s",
        "1 memory error that ECC could not correct: "
        "end all that uses it, nemotui too, then run `sudo nvidia-smi --gpu-reset -i 3`",
        "its NVLink fabric has failed: see `systemctl status nvidia-fabricmanager`",
        "it is slowed down: hardware thermal slowdown",
    )


def test_a_gpu_that_is_gone_says_what_to_do() -> None:
    lost = Gpu(index=2, uuid="GPU-a", name="H100", state="lost", state_reason="GPU is lost")
    assert troubles(lost) == ("lost: GPU is lost; see `sudo dmesg | grep -i xid`, and reboot",)
    reset = replace(lost, state="reset-required", state_reason="GPU requires restart")
    assert troubles(reset) == (
        "reset-required: GPU requires restart; "
        "end all that uses it, nemotui too, then run `sudo nvidia-smi --gpu-reset -i 2`",
    )
