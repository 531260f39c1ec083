"""Timings are of an installed program: compiled, as pip leaves it, wherever this runs."""

import compileall
from pathlib import Path

import pytest

import nemotui


@pytest.fixture(scope="session", autouse=True)
def compiled() -> None:
    """A checkout may forbid Python to keep what it compiles (PYTHONDONTWRITEBYTECODE)."""
    assert compileall.compile_dir(Path(nemotui.__file__).parent, quiet=1)
