"""The whole program on a driver library that the loader finds: dlopen, ABI widths, threads, hanging, and leaving."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import INTERRUPTIBLE

from .nvml_library import environment
from .terminal import console

pytestmark = pytest.mark.real

_LIMIT_S = 120  # only for a program that is broken: nothing here measures time
_H200 = 150_754_820_096


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    return tmp_path / "scene"


def gpus(library: Path, scene: Path, code: int = 0) -> dict[str, Any]:
    """What `nemotui gpus --json` prints of this scene."""
    done = subprocess.run(
        [sys.executable, "-m", "nemotui", "gpus", "--json"],
        env=environment(library, scene),
        capture_output=True,
        text=True,
        timeout=_LIMIT_S,
        check=False,
    )
    assert (done.returncode, done.stderr) == (code, "")
    document: dict[str, Any] = json.loads(done.stdout)
    return document


@contextmanager
def watching(library: Path, scene: Path) -> Iterator[Callable[[Callable[[dict[str, Any]], bool]], dict[str, Any]]]:
    """`nemotui gpus --watch` running, and a function that reads its lines until one is as wanted."""
    argv = [*INTERRUPTIBLE, "gpus", "--watch", "0.5", "--json"]
    with subprocess.Popen(argv, env=environment(library, scene), stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        lines = program.stdout

        def until(wanted: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
            for line in lines:
                document: dict[str, Any] = json.loads(line)
                if wanted(document):
                    return document
            raise AssertionError("the program ended first")

        try:
            yield until
            program.send_signal(signal.SIGINT)
            last = [json.loads(line) for line in lines][-1]
            assert (last["event"], last["error"]["kind"]) == ("result", "interrupted")
            assert program.wait(_LIMIT_S) == 130
        finally:
            program.kill()


def states(document: dict[str, Any]) -> list[str]:
    return [gpu["state"] for gpu in document["gpus"]]


def variables(library: Path, scene: Path) -> dict[str, str]:
    """What a console in a terminal of its own has to be given of `environment`."""
    names = ("LD_LIBRARY_PATH", "FAKE_NVML_SCENE", "NEMOTUI_STATE_DIR", "DOCKER_HOST")
    return {name: environment(library, scene)[name] for name in names}


def test_two_gpus_are_read_from_the_library_that_the_loader_finds(library: Path, scene: Path) -> None:
    scene.write_text("gpus 2\nprocess 1 4194305\n")
    machine = gpus(library, scene)
    assert (machine["driver_version"], machine["cuda_version"], machine["error"]) == ("580.159.04", "13.0", None)
    first, second = machine["gpus"]
    assert [first["uuid"], second["uuid"]] == [f"GPU-00000000-1111-2222-3333-00000000000{i}" for i in (0, 1)]
    assert (first["memory_total_bytes"], first["memory_free_bytes"]) == (_H200, 150_109_880_320)
    assert (first["temperature_c"], first["sm_clock_mhz"], first["compute_capability"]) == (31, 345, "9.0")
    assert 84 <= first["power_w"] <= 86
    assert first["pci_bus_id"] == "00000000:09:00.0"
    assert (first["processes"], first["fabric"]) == ([], None)
    (process,) = second["processes"]
    assert (process["pid"], process["name"], process["memory_bytes"]) == (2**22 + 1, None, 130 * 2**30)
    assert [(link["kind"], link["nvlinks"]) for link in machine["links"]] == [("NVLINK", 18)]


def test_no_gpus_and_sixteen(library: Path, scene: Path) -> None:
    scene.write_text("gpus 0\n")
    assert gpus(library, scene)["gpus"] == []
    scene.write_text("gpus 16\n")
    assert len(gpus(library, scene)["links"]) == 120


def test_a_gpu_that_hangs_from_the_beginning_keeps_neither_the_others_nor_the_program(
    library: Path, scene: Path
) -> None:
    scene.write_text("hang 0 nvmlDeviceGetUtilizationRates\n")
    machine = gpus(library, scene)
    assert states(machine) == ["not-answering", "ok"]
    assert machine["gpus"][0]["memory_free_bytes"] is None
    assert machine["gpus"][1]["memory_free_bytes"] == 150_109_880_320


def test_a_driver_whose_gpus_all_hang_does_not_keep_the_program(library: Path, scene: Path) -> None:
    scene.write_text("hang * nvmlDeviceGetName\n")
    machine = gpus(library, scene, code=3)
    assert machine["error"]["kind"] == "driver_not_answering"
    assert machine["host"]["hostname"]


def test_a_driver_that_was_replaced_without_a_reboot_says_so(library: Path, scene: Path) -> None:
    scene.write_text("error * 18 nvmlInitWithFlags\n")
    machine = gpus(library, scene, code=3)
    assert machine["error"]["kind"] == "driver_mismatch"
    assert "Reboot" in machine["error"]["fix"]
    assert machine["host"]["hostname"], "what can be known all the same"


def test_a_call_that_is_not_allowed_costs_one_field(library: Path, scene: Path) -> None:
    scene.write_text("error 0 4 nvmlDeviceGetPowerUsage\nerror 1 999 nvmlDeviceGetUtilizationRates\n")
    first, second = gpus(library, scene)["gpus"]
    assert (first["state"], first["power_w"], first["unknown"]["power_w"]) == ("ok", None, "Insufficient Permissions")
    assert (second["state"], second["utilization_percent"]) == ("ok", None)
    assert second["unknown"]["utilization_percent"]
    assert first["utilization_percent"] == 0
    assert second["power_w"] is not None


def test_mig_is_read_with_its_slices_and_no_group_is_made_of_it(library: Path, scene: Path) -> None:
    scene.write_text("gpus 2\nmig 1 2\n")
    whole, cut = gpus(library, scene)["gpus"]
    assert (whole["mig_enabled"], whole["slices"]) == (False, [])
    assert (cut["mig_enabled"], cut["utilization_percent"]) == (True, None)
    assert [part["uuid"][:30] for part in cut["slices"]] == [f"MIG-00000000-1111-2222-{i:04}-00" for i in (0, 1)]
    assert {part["name"] for part in cut["slices"]} == {"NVIDIA H200 MIG 3g.71gb"}


def test_a_machine_without_the_library_says_so(tmp_path: Path, scene: Path) -> None:
    machine = gpus(tmp_path, scene, code=3)
    assert machine["error"]["kind"] == "no_driver"


def test_a_shutdown_that_never_comes_back_does_not_keep_the_program(library: Path, scene: Path) -> None:
    scene.write_text("hang * nvmlShutdown\n")
    assert states(gpus(library, scene)) == ["ok", "ok"]


def test_an_initialisation_that_never_comes_back_can_be_interrupted(library: Path, scene: Path) -> None:
    scene.write_text("hang * nvmlInitWithFlags\n")
    argv = [sys.executable, "-X", "importtime", *INTERRUPTIBLE[1:], "gpus", "--json"]
    with subprocess.Popen(
        argv, env=environment(library, scene), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        for line in program.stderr:  # the program is about to sample once the binding is there
            if line.rstrip().endswith("pynvml"):
                break
        program.send_signal(signal.SIGINT)
        output, _ = program.communicate(timeout=_LIMIT_S)
    assert program.returncode == 130
    assert json.loads(output)["error"]["kind"] == "interrupted"


def test_one_that_hangs_while_we_watch_goes_stale_and_comes_back(library: Path, scene: Path) -> None:
    scene.write_text("gpus 2\n")
    with watching(library, scene) as until:
        until(lambda machine: states(machine) == ["ok", "ok"])
        scene.write_text("gpus 2\nbusy\nhang 0 nvmlDeviceGetPowerUsage\n")
        machine = until(lambda machine: states(machine) == ["not-answering", "ok"])
        assert machine["gpus"][0]["age_s"] > 0
        assert machine["gpus"][0]["utilization_percent"] == 0
        until(lambda machine: machine["gpus"][1]["utilization_percent"] >= 85)
        scene.write_text("gpus 2\nbusy\n")
        machine = until(lambda machine: states(machine) == ["ok", "ok"])
        assert machine["gpus"][0]["utilization_percent"] >= 85


def test_leaving_while_a_call_hangs_makes_no_shutdown_beside_it(library: Path, scene: Path) -> None:
    scene.write_text("gpus 2\n")
    with watching(library, scene) as until:  # the library aborts the process when that happens
        until(lambda machine: states(machine) == ["ok", "ok"])
        scene.write_text("gpus 2\nhang 1 nvmlDeviceGetMemoryInfo_v2\n")
        until(lambda machine: states(machine) == ["ok", "not-answering"])


def test_a_lost_gpu_is_not_asked_again(library: Path, scene: Path) -> None:
    scene.write_text("gpus 2\n")
    with watching(library, scene) as until:  # the library aborts the process when that happens
        until(lambda machine: states(machine) == ["ok", "ok"])
        scene.write_text("gpus 2\nlost 1\n")
        machine = until(lambda machine: states(machine) == ["ok", "lost"])
        assert machine["gpus"][1]["uuid"].endswith("1")
        for _ in range(3):
            until(lambda machine: states(machine) == ["ok", "lost"])


def test_the_console_draws_and_is_left_while_the_driver_hangs(library: Path, scene: Path) -> None:
    scene.write_text("gpus 2\n")
    with console([], variables(library, scene)) as terminal:
        terminal.wait_for("NVIDIA H200")
        scene.write_text("gpus 2\nhang * nvmlDeviceGetUtilizationRates\n")
        terminal.wait_for("no answer, values [0-9]+ s old")
        terminal.keys("?")
        terminal.wait_for("Hold the picture")
        terminal.keys("q")
        terminal.wait_for("no answer")
        terminal.keys("q")
        terminal.wait_for("exit code 0")


def test_the_console_is_left_while_an_initialisation_for_the_sake_of_a_lost_gpu_hangs(
    library: Path, scene: Path
) -> None:
    scene.write_text("gpus 2\n")
    with console([], variables(library, scene)) as terminal:
        terminal.wait_for("NVIDIA H200")
        scene.write_text("gpus 2\nlost 1\nhang * nvmlInitWithFlags\n")
        terminal.wait_for("r Look again")
        terminal.keys("r")
        terminal.wait_for("the NVIDIA driver does not answer")
        terminal.keys("q")
        terminal.wait_for("exit code 0")


def test_a_call_that_blocks_for_twenty_seconds_slows_neither_the_screen_nor_the_way_out(
    library: Path, scene: Path
) -> None:
    scene.write_text("gpus 2\n")
    with console([], variables(library, scene)) as terminal:
        terminal.wait_for("NVIDIA H200")
        scene.write_text("gpus 2\nbusy\nhang 1 nvmlDeviceGetMemoryInfo_v2\n")
        terminal.wait_for("no answer, values [0-9]+ s old")
        keys = 0
        while not re.search("no answer, values ([2-9][0-9]|[0-9]{3,}) s old", terminal.screen()):
            terminal.keys("?")
            terminal.wait_for("Hold the picture")
            terminal.keys("q")
            terminal.wait_until_gone("Hold the picture")
            keys += 1
        assert keys > 3, "the keys were answered all the while, not when the call was over"
        assert re.search("load +(8[5-9]|9[0-9]|100) %", terminal.screen()), "its neighbour is read all the while"
        scene.write_text("gpus 2\nbusy\n")
        terminal.wait_until_gone("no answer")
        scene.write_text("gpus 2\nbusy\nhang 1 nvmlDeviceGetMemoryInfo_v2\n")
        terminal.wait_for("no answer, values [0-9]+ s old")
        terminal.keys("q")
        terminal.wait_for("exit code 0")
