"""The commit of a checkout, read from git's own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemotui.version import checked_out

ONE, OTHER = "1" * 40, "2" * 40


@pytest.fixture
def git(tmp_path: Path) -> Path:
    """The `.git` of a checkout of `main`, whose commit nobody has written yet."""
    folder = tmp_path / ".git"
    (folder / "refs" / "heads").mkdir(parents=True)
    (folder / "HEAD").write_text("ref: refs/heads/main\n")
    return folder


def test_a_branch(git: Path) -> None:
    (git / "refs/heads/main").write_text(f"{ONE}\n")
    assert checked_out(str(git.parent)) == ONE


def test_a_branch_that_git_has_packed(git: Path) -> None:
    lines = ("# pack-refs with: peeled fully-peeled sorted", f"{OTHER} refs/heads/not-main", f"{ONE} refs/heads/main")
    (git / "packed-refs").write_text("\n".join(lines) + "\n")
    assert checked_out(str(git.parent)) == ONE


def test_no_branch(git: Path) -> None:
    (git / "HEAD").write_text(f"{ONE}\n")
    assert checked_out(str(git.parent)) == ONE


def test_a_worktree(git: Path, tmp_path: Path) -> None:
    tree, own = tmp_path / "tree", git / "worktrees" / "tree"
    tree.mkdir()
    own.mkdir(parents=True)
    (tree / ".git").write_text(f"gitdir: {own}\n")
    (own / "HEAD").write_text("ref: refs/heads/side\n")
    (own / "commondir").write_text("../..\n")
    (git / "refs/heads/side").write_text(f"{OTHER}\n")
    assert checked_out(str(tree)) == OTHER


def test_no_checkout_and_a_broken_one(git: Path, tmp_path: Path) -> None:
    assert checked_out(str(tmp_path / "none")) is None
    assert checked_out(str(git.parent)) is None  # before the first commit
