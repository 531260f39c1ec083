"""`nemotui clean` lists of its own folder just what docs/configuration.md says that it lists."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from tests.cli.conftest import Run
from tests.docs.generated import ROOT
from tests.recorded import RECORDED

PAGE = (ROOT / "docs/configuration.md").read_text()


def table() -> dict[str, str]:
    """What is kept, and by which flag `clean` lists it; "" for what it does not."""
    rows = re.findall(
        r"^\| (`.+?) \| .* \| (?:`--(\w+)` )?\|$", PAGE.partition("## Where things are kept")[2], re.MULTILINE
    )
    return {name: kind for names, kind in rows for name in re.findall("`([^`]+)`", names)}


def test_what_is_kept_is_listed_as_the_documentation_says(nemotui: Run, state: Path) -> None:
    kept = table()
    for name in kept:
        if name == "runs/":
            shutil.copytree(RECORDED, state / name / "20261101T100000Z-tried")
        elif name.endswith("/"):
            (state / name).mkdir(parents=True)
            (state / name / "one").write_text("x")
        else:
            (state / name).write_text("{}")
    left = nemotui("clean", "--json").document["left"]
    listed = {Path(each["name"]).relative_to(state).parts[0]: each["kind"] for each in left}
    assert listed == {name.rstrip("/"): kind for name, kind in kept.items() if kind}
    assert {name for name, kind in kept.items() if not kind} > {"verified.json", "console.json"}
