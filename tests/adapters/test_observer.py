"""What stands beside a run, written down by a process of its own that ends with it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from nemotui.adapters.clock import SystemClock
from nemotui.adapters.load import LoadProcess
from nemotui.adapters.observer import ApartObserver, TaskObserver
from nemotui.adapters.vllm import VllmServer
from nemotui.catalog import load_catalog
from nemotui.core.bench import BenchFinished, BenchObserved, BenchSpec, follow_bench, run_bench
from nemotui.core.hardware import Machine
from nemotui.rundir import RunDirectory
from nemotui.sim.machines import load_machine
from tests.load.known_server import Behaviour, KnownServer, serving
from tests.waiting import alive

pytestmark = pytest.mark.anyio

PAGE = b"""\
vllm:num_requests_running{engine="0"} 2
vllm:kv_cache_usage_perc{engine="0"} 0.25
vllm:generation_tokens_total{engine="0"} 40
vllm:time_to_first_token_seconds_sum{engine="0"} 3.0
vllm:time_to_first_token_seconds_count{engine="0"} 12
vllm:e2e_request_latency_seconds_sum{engine="0"} 6.0
vllm:e2e_request_latency_seconds_count{engine="0"} 12
"""


class Probe:
    """A machine that stands still and counts how often it is asked."""

    def __init__(self, machine: Machine) -> None:
        self.machine, self.asked = machine, 0

    async def sample(self, detail: str | None = None, *, anew: bool = False) -> Machine:
        self.asked += 1
        return self.machine

    async def close(self) -> None: ...


def spec(url: str) -> BenchSpec:
    return BenchSpec(base_url=url, input_len=8, output_len=5, num_prompts=6, max_concurrency=2)


async def test_the_pretend_machine_is_watched_beside_us(tmp_path: Path) -> None:
    machine = load_machine("2xh100")
    probe, clock = Probe(machine), SystemClock()
    observe = TaskObserver(probe, VllmServer, clock)
    load = LoadProcess(tmp_path, clock, load_catalog(), observe=observe)
    with serving(KnownServer(lambda _: Behaviour(gap_s=0.1), metrics=PAGE)) as server:
        events = [event async for event in run_bench(load, spec(server.url), {"machine": asdict(machine)})]
        await observe.close()
    finished = events[-1]
    assert isinstance(finished, BenchFinished)
    seen = [event.observation for event in events if isinstance(event, BenchObserved)]
    power = sum(gpu.power_w or 0 for gpu in machine.gpus)
    assert {(o.gpus, o.power_w, o.server.running, o.server.kv_cache_usage) for o in seen} == {(2, power, 2.0, 0.25)}
    assert "run" in {o.phase for o in seen}
    assert RunDirectory(Path(finished.result["run"])).status() == "finished"
    energy = finished.result["energy"]
    assert energy["energy_j"] == pytest.approx(power * finished.result["duration"])
    assert finished.result["server_side"]["requests"] is None  # its counters did not move
    assert finished.result["verdict"]


async def test_gpus_of_another_machine_are_not_ours_to_count(tmp_path: Path) -> None:
    probe = Probe(load_machine("2xh100"))
    directory = RunDirectory.create(tmp_path, BenchSpec(base_url="http://192.0.2.7:8000"), {"machine": {}}, now=0)
    observe = TaskObserver(probe, lambda url: VllmServer("http://127.0.0.2:9"), SystemClock())
    far = TaskObserver(probe, VllmServer, SystemClock())
    assert await _one_look(observe, directory) == 2  # 127.0.0.2 is this machine
    directory = RunDirectory.create(tmp_path, BenchSpec(base_url="http://[2001:db8::1]:9"), {"machine": {}}, now=0)
    assert await _one_look(far, directory) == 0


async def _one_look(observe: TaskObserver, directory: RunDirectory) -> int:
    """How many GPUs a run that has ended already shows: it is looked at once."""
    observe(str(directory.path))
    clock = SystemClock()
    while not (seen := list(directory.observations()[0])):
        await clock.sleep(0.05)
    await observe.close()
    assert seen[-1].last
    return seen[-1].gpus


async def test_a_process_of_its_own_watches_and_ends_with_the_run(tmp_path: Path) -> None:
    """Without a driver it still sees the server; its key goes by the environment."""
    observe, clock = ApartObserver(lambda: "sk-secret"), SystemClock()
    pids: list[int] = []

    def begin(run: str) -> int:
        pids.append(observe(run))
        return pids[-1]

    load = LoadProcess(tmp_path, clock, load_catalog(), api_key=lambda: "sk-secret", observe=begin)
    page = Behaviour(gap_s=0.3)
    with serving(KnownServer(lambda _: page, metrics=PAGE)) as server:
        events = [event async for event in run_bench(load, spec(server.url), {"machine": None})]
        result = events[-1]
        assert isinstance(result, BenchFinished)
        seen = list(RunDirectory(Path(result.result["run"])).observations()[0])
        assert seen[-1].last
        assert {(o.gpus, o.server.running) for o in seen} == {(0, 2.0)}
        assert result.result["energy"] is None
        while alive(pids[0]):  # a zombie, until somebody follows a run again
            _ = [event async for event in follow_bench(load, result.result["run"])]
            await clock.sleep(0.05)
    directory = RunDirectory(Path(result.result["run"]))
    assert b"sk-secret" not in b"".join(path.read_bytes() for path in directory.path.iterdir())
