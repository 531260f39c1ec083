"""A run that was recorded on the pretend 2×H100, and how tests change copies of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

RECORDED = Path(__file__).parent / "fixtures/run-2xh100"


def rewrite(path: Path, change: Callable[[Any], Any]) -> None:
    """A JSON file with what `change` makes of what it holds."""
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
