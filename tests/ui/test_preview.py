"""The preview before a start: what the preflight finds, what it stops, and the key of a server that is open."""

from __future__ import annotations

import os
import socket
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from nemotui.core.plan import container_spec
from nemotui.ui.panes.deploy import DeployPane
from nemotui.ui.preview import Preview
from tests.ui.conftest import Console, ConsoleFactory

pytestmark = pytest.mark.anyio


async def preview(c: Console) -> None:
    await c.press("2")
    await c.until("Memory of each GPU")
    await c.press("enter")
    await c.until("Preflight")


def started(c: Console) -> bool:
    return c.main.states["deploy"].launch is not None


async def test_what_the_engine_would_refuse_cannot_be_overruled(console: ConsoleFactory) -> None:
    async with console("2xh100-unready") as c:
        await preview(c)
        await c.until("In the way: toolkit")
        assert "sudo nvidia-ctk runtime configure" in c.text
        await c.press("enter", "a")
        assert isinstance(c.app.screen, Preview)
        await c.press("escape")
        assert not started(c)


async def test_a_failure_that_was_mended_is_gone_at_the_next_look(console: ConsoleFactory) -> None:
    async with console() as c:
        with socket.create_server(("127.0.0.1", c.port)):
            await preview(c)
            await c.until("In the way: port. c takes port ")
            await c.press("enter")
            assert isinstance(c.app.screen, Preview)
        await c.press("r")
        await c.until("Nothing is in the way.")
        await c.press("enter")
        await c.until(lambda: started(c))


async def test_one_key_takes_another_port_and_starts_there(console: ConsoleFactory) -> None:
    async with console() as c:
        with socket.create_server(("127.0.0.1", c.port)):
            await preview(c)
            await c.until("c takes port")
            await c.press("c")
            await c.until("+ -p 127.0.0.1:")
            other = c.other_port
            await c.until("Nothing is in the way.")
            await c.press("enter")
            await c.until("● Ready after")
        assert f"at http://127.0.0.1:{other}" in c.text


async def test_enter_that_comes_before_the_preview_is_drawn_starts_it(console: ConsoleFactory) -> None:
    async with console() as c:
        await c.press("2")
        await c.until("Memory of each GPU")
        choice = c.main.states["deploy"].choices[0]
        for _ in range(2):  # as two quick Enters are: both for the pane, before there is a preview to take the second
            c.pane("deploy").post_message(DeployPane.Wanted("it", choice.start, choice.spec))
        await c.until(lambda: started(c))


async def test_the_published_command_is_started_only_by_who_insists(console: ConsoleFactory) -> None:
    async with console("2xb200", size=(120, 50)) as c:
        c.main.states["deploy"] = replace(
            c.main.states["deploy"], request=replace(c.main.options.request, as_published=True)
        )
        c.main._show("deploy")
        await c.press("2", "o", "o", "o")  # plan anew
        await c.until("Memory of each GPU")
        await c.press("enter")
        await c.until("a starts it anyway")
        assert "no reasoning parser: the thinking lands in the answer" in " ".join(c.text.replace("│", " ").split())
        await c.press("enter")
        assert isinstance(c.app.screen, Preview)


async def test_the_command_goes_to_the_clipboard_with_the_token_by_its_name(
    console: ConsoleFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_planted")
    async with console(size=(120, 60)) as c:
        await preview(c)
        await c.until("Nothing is in the way.")
        await c.press("y")
        assert "-e HF_TOKEN -e VLLM_API_KEY" in c.app.clipboard
        await c.press("pagedown", "pagedown")
        assert "the value of your $HF_TOKEN" in c.text
        assert "hf_planted" not in c.app.clipboard + c.text + c.app.export_screenshot()


async def test_an_open_server_has_a_key_that_is_made_and_shown_once(console: ConsoleFactory, tmp_path: Path) -> None:
    key_file = tmp_path / "server.env"
    async with console() as c:
        request = replace(c.main.options.request, bind="0.0.0.0", key_file=str(key_file))
        c.main.states["deploy"] = replace(c.main.states["deploy"], request=request)
        c.main._show("deploy")
        await c.press("2", "o", "o", "o")
        await c.until("Memory of each GPU")
        await c.press("enter")
        await c.until("Docker publishes ports past ufw")
        assert "ssh -N -L" in c.text
        await c.until("Nothing is in the way.")
        assert not key_file.exists()
        await c.press("enter")
        await c.until("shown this once")
        key = key_file.read_text().strip().removeprefix("VLLM_API_KEY=")
        assert key in c.text
        assert stat.S_IMODE(os.stat(key_file).st_mode) == 0o600
        choice = c.main.states["deploy"].choices[0]
        assert key not in repr(container_spec(choice.start)) + repr(choice)
