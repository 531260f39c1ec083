"""`make screenshots`: the pictures of the README, from the console over the pretend 2×H100 at its own speed."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from pathlib import Path

from tests.ui.conftest import Console, pretend_console

FOLDER = Path(__file__).parent.parent.parent / "screenshots"
_START_S = 20.0


def take(c: Console, name: str) -> None:
    """One picture as SVG, and as PNG where rsvg-convert is there (Debian: librsvg2-bin fonts-firacode)."""
    # Textual's own spaces count: without this, converters drop those at the beginning of a piece of text.
    svg = c.app.export_screenshot(title="nemotui").replace("<text ", '<text xml:space="preserve" ')
    path = FOLDER / f"{name}.svg"
    path.write_text(svg)
    if shutil.which("rsvg-convert"):
        subprocess.run(["rsvg-convert", "--zoom", "1.0", "-o", path.with_suffix(".png"), path], check=True)
    print(path.name)


async def journey(c: Console) -> None:
    """The loop by keys, with a picture at each station."""
    await c.until("NVIDIA H100")
    await c.press("2")
    await c.until("VERDICT")
    take(c, "deploy")
    await c.press("enter")
    await c.until("docker run")
    take(c, "preview")
    await c.press("enter")
    await c.pilot.pause(_START_S * 0.6)
    take(c, "start")
    await c.until("● Ready")
    await c.press("3")
    await c.pilot.pause(1)
    take(c, "logs")
    await c.press("4", "e", "tab", "tab")
    for _ in range(4):
        await c.press("backspace")
    await c.press(*"256", "enter", "escape")
    await c.pilot.pause(45)
    take(c, "bench")
    await c.press("1")
    await c.pilot.pause(1.5)
    take(c, "gpus")
    await c.press("4", "x")
    await c.until("E2EL")
    take(c, "result")
    await c.press("5")
    await c.press(*("space" if letter == " " else letter for letter in "What is a Mamba layer good for"), "enter")
    await c.until("full · TTFT")
    take(c, "chat")
    await c.press("escape", "question_mark")
    await c.until("Hold the picture")
    take(c, "help")


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as runs:
        async with pretend_console(Path(runs), start_s=_START_S, speed=1.0) as c:
            await journey(c)


if __name__ == "__main__":
    asyncio.run(main())
