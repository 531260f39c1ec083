"""What `pip wheel .` adds to the package: the commit, for `nemotui --version`. A checkout knows its own without it."""

import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class Commit(BuildHookInterface):
    """`nemotui/commit` in a wheel and in a source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the build. What is installed as editable stays what is checked out, not what was once."""
        if version == "editable" or (Path(self.root) / "nemotui" / "commit").exists():
            return
        sys.path.insert(0, self.root)
        from nemotui.version import commit

        if found := commit():
            with tempfile.NamedTemporaryFile("w", delete=False) as file:
                file.write(f"{found}\n")
            self._made = Path(file.name)
            build_data["force_include"][file.name] = "nemotui/commit"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """After it."""
        if made := getattr(self, "_made", None):
            made.unlink()
