"""The HTML report in a real browser: drawn, readable on a phone and at a desk, silent, and asking for nothing."""

from __future__ import annotations

import html as escaping
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from nemotui.core.compare import compare
from nemotui.core.report_html import html
from nemotui.core.sweep import Swept
from tests.core.test_report import HOSTILE, run
from tests.core.test_sweep import CURVE
from tests.core.virtual_runs import measured
from tests.real.parts import require

pytestmark = pytest.mark.real

# The page as it is, in a frame of some width; what the frame then looks like is written where --dump-dom shows it.
_FRAME = """<!doctype html><body><iframe id="f" style="width:{width}px;height:900px;border:0" srcdoc="{page}"></iframe>
<script>onload = () => {{ const d = f.contentDocument; const boxes = [...d.querySelectorAll("svg")].map(
s => s.getBoundingClientRect()); document.body.textContent = "FOUND" + JSON.stringify({{
wide: d.documentElement.scrollWidth, charts: boxes.length, smallest: Math.min(...boxes.map(b => b.width)),
shapes: d.querySelectorAll("svg polyline, svg rect").length, font: parseFloat(getComputedStyle(d.body).fontSize),
tick: Math.min(...[...d.querySelectorAll("svg text.x")].map(t => t.getBoundingClientRect().height)),
scripts: d.scripts.length}}) + "END"; }}</script></body>"""


@pytest.fixture(scope="module")
def page() -> str:
    """A report of two runs beside each other, with names that would like to be markup."""
    comparison = compare(measured("before", 1), measured(HOSTILE, 2, slower=1.2))
    return html([run("before"), run(HOSTILE)], [comparison], Swept(points=CURVE, earlier=CURVE[:2]))


def chromium(tmp_path: Path, content: str, *flags: str) -> tuple[str, str, list[str]]:
    """What a page's document is, what the console said, and the addresses that the browser asked for."""
    require("chromium")
    file, log = tmp_path / "page.html", tmp_path / "net.json"
    file.write_text(content)
    done = subprocess.run(
        [
            *("chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"),
            *(f"--user-data-dir={tmp_path}/profile", f"--log-net-log={log}", "--enable-logging=stderr", "--v=0"),
            *("--disable-background-networking", "--disable-component-update", "--no-first-run"),
            "--host-resolver-rules=MAP * ~NOTFOUND",  # what the browser itself would like to ask stays here
            *flags,
            "--dump-dom",
            file.as_uri(),
        ],
        capture_output=True,
        text=True,
        timeout=120,
    )
    console = "\n".join(line for line in done.stderr.splitlines() if "CONSOLE" in line)
    return done.stdout, console, asked(json.loads(log.read_text()))


def asked(net_log: Any) -> list[str]:
    """The addresses that a page asked for; what the browser wants for itself has no origin."""
    requests = (event["params"] for event in net_log["events"] if "initiator" in event.get("params", {}))
    return [request["url"] for request in requests if request["initiator"] != "not an origin"]


@pytest.mark.parametrize("width", [390, 1280])
def test_it_is_drawn_and_fits_a_phone_and_a_desk(tmp_path: Path, page: str, width: int) -> None:
    framed = _FRAME.format(width=width, page=escaping.escape(page, quote=True))
    dom, console, _ = chromium(tmp_path, framed, f"--window-size={width + 100},1000")
    assert "FOUND" in dom, console
    found = json.loads(escaping.unescape(dom.split("FOUND")[1].split("END")[0]))
    assert found["wide"] <= width
    assert found["charts"] == 14
    assert found["smallest"] >= 300
    assert found["shapes"] > 30
    assert found["font"] >= 16
    assert found["tick"] >= 8
    assert found["scripts"] == 0


def test_a_page_that_asks_for_something_is_caught(tmp_path: Path) -> None:
    _, console, urls = chromium(tmp_path, '<img src="http://127.0.0.1:9/x.png"><script>console.log("heard")</script>')
    assert urls == ["http://127.0.0.1:9/x.png"]
    assert "heard" in console


def test_it_says_nothing_to_the_console_and_asks_for_nothing(tmp_path: Path, page: str) -> None:
    dom, console, urls = chromium(tmp_path, page)
    assert "nemotui benchmark report" in dom
    assert console == ""
    assert urls == []
