"""The compiled fake driver library, and programs that find it where a driver would be."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from .parts import require


def build(folder: Path) -> Path:
    """`libnvidia-ml.so.1` from fake_nvml.c in this folder."""
    require("gcc")
    source = Path(__file__).with_name("fake_nvml.c")
    flags = ["-shared", "-fPIC", "-fvisibility=hidden", "-Wall", "-Wextra", "-Werror", "-Wl,-soname,libnvidia-ml.so.1"]
    subprocess.run(["gcc", *flags, "-o", folder / "libnvidia-ml.so.1", source, "-lpthread"], check=True)
    return folder


def environment(library: Path, scene: Path) -> dict[str, str]:
    """For a program that shall see the machine of this scene; its state goes beside the scene."""
    return {
        **os.environ,
        "LD_LIBRARY_PATH": str(library),
        "FAKE_NVML_SCENE": str(scene),
        "NEMOTUI_STATE_DIR": str(scene.parent / "state"),
        "DOCKER_HOST": f"unix://{scene.parent}/no-engine",
    }
