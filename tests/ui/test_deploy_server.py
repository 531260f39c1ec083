"""Servers started, replaced and stopped in the Deploy pane, by its keys, on a pretend machine."""

from __future__ import annotations

import os
import socket
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from nemotui.core.failed import Failed
from nemotui.core.hardware import GpuProcess
from nemotui.core.ports import Container
from nemotui.core.stop import Stopped, Stopping
from nemotui.core.watch import ServerSample
from nemotui.ui.panes.deploy import DeployPane
from nemotui.ui.preview import Preview
from tests.ui.conftest import ConsoleFactory

pytestmark = pytest.mark.anyio


async def test_enter_shows_the_command_and_enter_again_starts_it_to_ready(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter")
        assert isinstance(c.app.screen, Preview)
        assert "Start FP8 on GPU 0,1?" in c.text
        assert "$ docker run -d --name nemotui" in c.text
        await c.press("enter")
        await c.until("● Ready after")
        assert f"at http://127.0.0.1:{c.port}" in c.text
        assert f"$ curl http://127.0.0.1:{c.port}/v1/chat/completions" in c.text
        assert "It said: " in c.text
        assert "✓ boot" in c.text
        await c.until(lambda: c.deploy.running)
        await c.press("enter")
        await c.until("Replace nemotui?")
        assert f"1. Both want port {c.port}: nemotui is stopped first" in c.text
        assert "The same command once more." in c.text


async def test_escape_in_the_preview_starts_nothing(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "escape")
        assert not isinstance(c.app.screen, Preview)
        assert c.deploy.launch is None


async def test_a_plan_that_would_not_start_says_why_instead(console: ConsoleFactory) -> None:
    async with console("1xh100") as c:
        await c.press("2")
        await c.until("✖ no")
        await c.press("enter")
        await c.until("This would not start")
        assert not isinstance(c.app.screen, Preview)
        assert "✖ 0.7 over" in c.text


async def test_a_failed_start_shows_its_cause_and_its_cure(console: ConsoleFactory) -> None:
    async with console() as c:
        with socket.create_server(("127.0.0.1", c.port)):
            await c.press("2")
            await c.until("published")
            spec = c.deploy.choices[0].spec  # the port was taken after the preflight
            assert spec is not None
            c.pane("deploy").post_message(DeployPane.Start(spec))
            await c.until("✖ The start failed")
        ended = c.deploy.launch
        assert ended is not None
        assert isinstance(ended.ended, Failed)
        assert ended.ended.kind == "port_taken"
        assert "--port" in c.text
        assert c.other_port


async def test_r_shows_what_changes_and_tries_again(console: ConsoleFactory) -> None:
    async with console() as c:
        with socket.create_server(("127.0.0.1", c.port)):
            await c.press("2")
            await c.until("published")
            spec = c.deploy.choices[0].spec
            assert spec is not None
            c.pane("deploy").post_message(DeployPane.Start(spec))  # the port was taken after the preflight
            await c.until("✖ The start failed")
        failed = c.deploy.failed
        assert failed is not None
        assert failed.cure is not None
        await c.press("r")
        assert isinstance(c.app.screen, Preview)
        await c.until("Preflight")
        assert f"- -p 127.0.0.1:{c.port}:8000" in c.text
        other = c.other_port
        await c.press("enter")
        await c.until("● Ready after")
        assert f"at http://127.0.0.1:{other}" in c.text


async def test_what_holds_on_to_the_gpus_is_named_and_ended_if_it_is_the_containers_own(
    console: ConsoleFactory,
) -> None:
    async with console() as c:
        await c.press("2")
        container = Container(id="a" * 64, name="nemotui", image="vllm", state="exited", labels={})
        held = GpuProcess(pid=os.getpid(), name="vllm", memory_bytes=2**30)  # of no container, least of all of that one
        c.main._offer_to_end(Stopped(container=container, held=(held,)))
        await c.until("End them?")
        assert f"Process {held.pid} (vllm) still holds 1.0 GiB of GPU memory." in c.text
        await c.press("enter")
        await c.until("does not belong to the container")


async def test_the_grace_period_is_counted_down_and_a_stranger_is_only_looked_at(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        c.main.workers.cancel_group(c.main, "server")  # this test says what runs
        stranger = Container(id="b" * 64, name="by-hand", image="vllm", state="running", labels={})
        sample = ServerSample(at=0.0, base_url="http://127.0.0.1:9", container=stranger)
        c.main._next("deploy", sample)
        await c.until("by-hand runs, and was not started by nemotui")
        await c.press("x")
        await c.until("was started by hand")
        c.main._next("deploy", Stopping(container=stranger, left_s=12.3))
        await c.until("Stopping by-hand: it has 12 s to end by itself")
        c.main._next("deploy", Stopped(container=stranger))
        await c.until(lambda: "Stopping by-hand" not in c.text)


async def test_a_failed_start_names_the_key_that_saves_what_is_known_of_it(
    console: ConsoleFactory, tmp_path: Path
) -> None:
    async with console("2xh100") as c:
        await c.press("2")
        await c.until("published")
        spec = c.deploy.choices[0].spec
        assert spec is not None
        c.pane("deploy").post_message(DeployPane.Start(replace(spec, args=(*spec.args, "--max-num-seqs", "1024"))))
        await c.until("✖ The start failed: max_num_seqs is 1024")
        assert "S saves a bundle" in c.text
        await c.press("S")
        await c.until(lambda: list((tmp_path / "incidents").glob("*.tar.gz")))
        (bundle,) = (tmp_path / "incidents").glob("*-nemotui.tar.gz")
        with tarfile.open(bundle) as tar:
            names = {Path(name).name for name in tar.getnames()}
        assert names == {"plan.json", "log.txt", "inspect.json", "environment.json", "diagnosis.json"}


async def test_a_replacement_that_fails_brings_the_old_server_back_and_says_why(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.serve()
        old = c.deploy.running
        assert old is not None
        spec = await c.main.b.runtime.spec(old.id)
        worse = replace(spec, args=(*spec.args, "--max-num-seqs", "1024"))
        c.pane("deploy").post_message(DeployPane.Replace(old, worse))
        await c.until("Replace nemotui?")
        await c.press("enter")
        await c.until("✖ The start failed: max_num_seqs is 1024")
        await c.until("● nemotron-super")
        assert "nemotui is started again as it was." in " ".join(c.text.split())


async def test_x_stops_the_server_and_the_plans_are_free_again(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "enter")
        await c.until("● Ready after")
        await c.until(lambda: c.deploy.running)
        await c.press("x")
        await c.until("Stop nemotui?")
        await c.press("enter")
        await c.until(lambda: c.deploy.launch is None and c.deploy.running is None)
        await c.until("● fits")


async def test_a_start_is_set_beside_its_plan(console: ConsoleFactory) -> None:
    async with console(size=(120, 60)) as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "enter")
        await c.until("● Ready after")
        await c.until(lambda: c.deploy.choices[0].plan and c.deploy.choices[0].plan.measured)
        plan = next(choice.plan for choice in c.deploy.choices if choice.key == "FP8-tp2")
        assert plan is not None
        assert plan.planned is not None
        assert plan.measured is not None
        assert (plan.planned.blocks, plan.measured.blocks) == (618, 618)
        await c.hold()
        first = next(choice for choice in c.deploy.choices if choice.key == "FP8-tp2")
        c.main.states["deploy"] = replace(c.deploy, plans=(first,), launch=None, container=None)
        c.main._show("deploy")
        await c.until("Last start here, vLLM 0.33.0")
        assert "blocks                                   618         618" in c.text
        assert "KV cache memory                      9.8 GiB     9.8 GiB" in c.text


async def test_a_server_that_ran_before_the_console_is_named(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("published")
        await c.hold()
        labels = {"nemotui": "mine", "nemotui.variant": "FP8", "nemotui.tensor-parallel-size": "2"}
        running = Container(id="0a1b", name="mine", image="vllm", state="running", port=8000, labels=labels)
        c.main.states["deploy"] = replace(c.deploy, container=running)
        c.main._show("deploy")
        await c.until("● mine runs: FP8, TP 2, port 8000  x stops it, v verifies it, 3 shows its log")


async def test_x_stops_a_start_that_is_fetching_its_image_and_nothing_is_left_of_it(console: ConsoleFactory) -> None:
    async with console(start_s=60.0) as c:
        await c.press("2")
        await c.until("published")
        await c.press("enter", "enter")
        await c.until("Fetching the image")
        await c.until("x Stop")
        await c.press("x")
        await c.until("Stop fetching the image? Nothing is started then")
        await c.press("enter")
        await c.until("Broken off: nothing was started.")
        assert c.deploy.launch is None
        assert "○ nothing is served" in c.text
        assert list(await c.main.b.runtime.containers()) == []
        await c.press("enter")
        await c.until("Preflight")  # it can be begun again


async def test_f_fetches_image_and_weights_ahead_and_breaks_that_off(console: ConsoleFactory) -> None:
    async with console(start_s=60.0, hf_cache="/cache") as c:
        await c.press("2")
        await c.until("1,015-1,228")
        await c.press("f")
        await c.until("Fetching the weights")
        await c.press("f")
        await c.until("Broken off. What was fetched stays.")
        assert c.deploy.ahead is None
        assert not c.deploy.starting
