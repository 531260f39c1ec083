"""What this is: the version, and the commit that it was built from or is.

`nemotui --version` is to take no longer than a start of Python, so what is imported here is already there.
"""

from __future__ import annotations

import os

from nemotui import __version__

_ABBREVIATED = 9


def version() -> str:
    """`0.1.0 (1a2b3c4d5)`, or `0.1.0` where no commit is known."""
    found = commit()
    return f"{__version__} ({found[:_ABBREVIATED]})" if found else __version__


def commit() -> str | None:
    """The commit: of a wheel the one that it was built from, in a checkout the one that is checked out."""
    here = os.path.dirname(os.path.abspath(__file__))
    return _first_line(f"{here}/commit") or checked_out(os.path.dirname(here))


def checked_out(root: str) -> str | None:
    """From git's own files: `root` may be a clone or a worktree (gitrepository-layout(5))."""
    git = f"{root}/.git"
    if (elsewhere := _first_line(git)) is not None:
        git = os.path.join(root, elsewhere.removeprefix("gitdir: "))
    head = _first_line(f"{git}/HEAD")
    if head is None or not head.startswith("ref: "):
        return head
    branch = head.removeprefix("ref: ")
    common = os.path.join(git, _first_line(f"{git}/commondir") or "")
    return _first_line(os.path.join(common, branch)) or _packed(os.path.join(common, "packed-refs"), branch)


def _packed(path: str, branch: str) -> str | None:
    try:
        with open(path, encoding="utf-8") as file:
            return next((line.split()[0] for line in file if line.rstrip().endswith(f" {branch}")), None)
    except (OSError, ValueError):
        return None


def _first_line(path: str) -> str | None:
    """None where there is no such file, or nothing in it."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.readline().strip() or None
    except (OSError, ValueError):
        return None
