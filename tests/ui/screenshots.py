"""`make screenshots`: the README's pictures and its film, from the console over the pretend 2×H100 at its own speed."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.ui.conftest import Console, pretend_console

FOLDER = Path(__file__).parent.parent.parent / "screenshots"
_START_S = 20.0
_KEYS = {" ": "space", "?": "question_mark"}


@dataclass
class Camera:
    """Pictures of the console, and the frames of its film with the seconds that each stands."""

    c: Console
    frames: list[tuple[str, float]] = field(default_factory=list)

    def frame(self, seconds: float = 1.0) -> str:
        """The screen as SVG, kept for the film."""
        # Textual's own spaces count: without this, converters drop those at the beginning of a piece of text.
        svg = self.c.app.export_screenshot(title="nemotui").replace("<text ", '<text xml:space="preserve" ')
        self.frames.append((svg, seconds))
        return svg

    def take(self, name: str) -> None:
        """One picture as SVG, and as PNG where rsvg-convert is there (Debian: librsvg2-bin fonts-firacode)."""
        path = FOLDER / f"{name}.svg"
        path.write_text(self.frame(seconds=3.0))
        if shutil.which("rsvg-convert"):
            subprocess.run(["rsvg-convert", "--zoom", "1.0", "-o", path.with_suffix(".png"), path], check=True)
        print(path.name)

    async def roll(self, seconds: float, every: float = 1.5) -> None:
        """Film what goes on meanwhile, four times as fast."""
        for _ in range(int(seconds / every)):
            await self.c.pilot.pause(every)
            self.frame(every / 4)


def film(frames: list[tuple[str, float]]) -> str:
    """One SVG that shows the frames in turn, round and round, by style alone. Each has class names of its own."""
    total = sum(seconds for _, seconds in frames)
    rules, pictures, at = [], [], 0.0
    for number, (svg, seconds) in enumerate(frames):
        begin, end = 100 * at / total, 100 * (at + seconds) / total
        hidden = f"0%{{visibility:hidden}}{begin:.2f}%{{visibility:visible}}" if number else "0%{visibility:visible}"
        rules.append(f"@keyframes f{number}{{{hidden}{end:.2f}%,100%{{visibility:hidden}}}}")
        rules.append(f"#f{number}{{visibility:hidden;animation:f{number} {total:.2f}s step-end infinite}}")
        bare = re.sub(r"@font-face \{.*?\n    \}", "", svg, flags=re.DOTALL)
        pictures.append(f'<g id="f{number}">{bare}</g>')
        at += seconds
    (box,) = re.findall(r'viewBox="([^"]+)"', frames[0][0])
    style = f"<style>{''.join(rules)}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">{style}{"".join(pictures)}</svg>'


async def journey(c: Console) -> None:
    """The loop by keys, with a picture at each station."""
    camera = Camera(c)
    await c.until("NVIDIA H100")
    camera.frame(2.0)
    await c.press("2")
    await c.until("VERDICT")
    camera.take("deploy")
    await c.press("enter")
    await c.until("docker run")
    camera.take("preview")
    await c.press("enter")
    await camera.roll(_START_S * 0.6)
    camera.take("start")
    await c.until("● Ready")
    camera.frame(2.0)
    await c.press("3")
    await c.pilot.pause(1)
    camera.take("logs")
    await c.press("4", "e", "tab", "tab")
    for _ in range(4):
        await c.press("backspace")
    await c.press(*"256", "enter", "escape")
    await camera.roll(45, every=5.0)
    camera.take("bench")
    await c.press("1")
    await c.pilot.pause(1.5)
    camera.take("gpus")
    await c.press("4")
    await c.until("E2EL")  # the run has ended by itself: its result is whole
    await c.until("0 running")
    camera.take("result")
    await c.press("5")
    await c.press(*(_KEYS.get(sign, sign) for sign in "What is a Mamba layer good for?"), "enter")
    await camera.roll(3, every=0.5)
    await c.until("full · TTFT")
    camera.take("chat")
    (FOLDER / "loop.svg").write_text(film(camera.frames))
    await c.press("escape", "question_mark")
    await c.until("Hold the picture")
    camera.take("help")


async def main() -> None:
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as runs:
        async with pretend_console(Path(runs), start_s=_START_S, speed=1.0) as c:
            await journey(c)


if __name__ == "__main__":
    asyncio.run(main())
