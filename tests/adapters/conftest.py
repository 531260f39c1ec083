"""What the tests of the adapters share."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from nemotui.adapters.nvml_gpu import pynvml

from .fake_nvml import FakeGpu, FakeNvml


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[..., FakeNvml]:
    """Puts a fake driver library with these GPUs under nvidia-ml-py."""

    def put(*gpus: FakeGpu) -> FakeNvml:
        library = FakeNvml(*gpus)
        monkeypatch.setattr(pynvml, "nvmlLib", library)
        monkeypatch.setattr(pynvml, "_nvmlGetFunctionPointer_cache", {})
        return library

    return put
