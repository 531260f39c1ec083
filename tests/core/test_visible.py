"""CUDA_VISIBLE_DEVICES, as CUDA reads it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nemotui.core.hardware import Gpu, MigSlice
from nemotui.core.visible import order_is_known, visible_gpus

GPUS = (
    Gpu(index=0, uuid="GPU-aa11", name="NVIDIA H100 80GB HBM3"),
    Gpu(index=1, uuid="GPU-aa22", name="NVIDIA H100 80GB HBM3"),
    Gpu(index=2, uuid="GPU-bb33", name="NVIDIA H100 80GB HBM3", slices=(MigSlice(uuid="MIG-cc44", name="1g.10gb"),)),
)


@pytest.mark.parametrize(
    ("setting", "visible"),
    [
        (None, {"GPU-aa11", "GPU-aa22", "GPU-bb33"}),
        ("", set()),
        ("-1", set()),
        ("1", {"GPU-aa22"}),
        (" 0, 2 ", {"GPU-aa11", "GPU-bb33"}),
        ("GPU-aa22", {"GPU-aa22"}),
        ("GPU-b", {"GPU-bb33"}),
        ("MIG-cc", {"GPU-bb33"}),
        ("GPU-aa", set()),  # two begin so
        ("0,7,1", {"GPU-aa11"}),  # an invalid one hides itself and all after it
        ("1,-1,0", {"GPU-aa22"}),
        ("NoDevFiles", set()),
    ],
)
def test_what_a_setting_leaves_visible(setting: str | None, visible: set[str]) -> None:
    assert visible_gpus(setting, GPUS) == visible


@pytest.mark.parametrize(
    ("setting", "device_order", "known"),
    [
        ("1", None, False),
        ("GPU-aa11,2", "FASTEST_FIRST", False),
        ("1", "PCI_BUS_ID", True),
        ("GPU-aa11", None, True),
        ("", None, True),
        (None, None, True),
    ],
)
def test_indices_mean_the_fastest_first_on_a_box_of_different_gpus(
    setting: str | None, device_order: str | None, known: bool
) -> None:
    mixed = (replace(GPUS[0], name="NVIDIA L40S"), *GPUS[1:])
    assert order_is_known(setting, device_order, mixed) is known
    assert order_is_known(setting, device_order, GPUS) is True
