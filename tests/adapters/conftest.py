"""What the tests of the adapters share."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nemotui.adapters import nvml_gpu
from nemotui.adapters.nvml_calls import pynvml

from .fake_nvml import FakeGpu, FakeNvml


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., FakeNvml]:
    """Puts a fake driver library with these GPUs under nvidia-ml-py, and their NUMA nodes into a sysfs."""

    def put(*gpus: FakeGpu) -> FakeNvml:
        library = FakeNvml(*gpus)
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        for gpu in gpus:
            device = tmp_path / gpu.bus_id.decode()[4:].lower()
            device.mkdir(exist_ok=True)
            (device / "numa_node").write_text(f"{gpu.numa}\n")
        monkeypatch.setattr(nvml_gpu, "_PCI_DEVICES", tmp_path)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return library

    return put
