"""Whether logind ends what a user has started, by its own files."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemotui.adapters.logout import ends_at_logout, lingers

SESSION = "0::/user.slice/user-1000.slice/session-3.scope\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A host whose logind ends everybody's processes, and we are in a session of it."""
    write(tmp_path / "proc/self/cgroup", SESSION)
    write(tmp_path / "etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=no\nKillUserProcesses=yes\n")
    return tmp_path


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_it_is_found_where_it_is_set(root: Path) -> None:
    assert ends_at_logout(root, "ada")


def test_it_is_off_by_default(tmp_path: Path) -> None:
    assert not ends_at_logout(tmp_path, "ada")
    write(tmp_path / "proc/self/cgroup", SESSION)
    assert not ends_at_logout(tmp_path, "ada")
    write(tmp_path / "etc/systemd/logind.conf", "[Login]\n#KillUserProcesses=yes\n")
    assert not ends_at_logout(tmp_path, "ada")


@pytest.mark.parametrize(
    ("setting", "user", "ends"),
    [
        ("", "root", False),  # spared unless told otherwise
        ("KillExcludeUsers=\n", "root", True),
        ("KillExcludeUsers=ada bob\n", "ada", False),
        ("KillOnlyUsers=bob\n", "ada", False),
        ("KillOnlyUsers=bob ada\n", "ada", True),
        ("KillUserProcesses=no\n", "ada", False),
    ],
)
def test_drop_ins_win_and_users_are_told_apart(root: Path, setting: str, user: str, ends: bool) -> None:
    write(root / "etc/systemd/logind.conf.d/50-site.conf", f"[Login]\n{setting}")
    assert ends_at_logout(root, user) is ends


def test_a_drop_in_of_etc_hides_one_of_the_distribution(root: Path) -> None:
    write(root / "usr/lib/systemd/logind.conf.d/50-x.conf", "[Login]\nKillUserProcesses=no\n")
    assert not ends_at_logout(root, "ada")
    write(root / "etc/systemd/logind.conf.d/50-x.conf", "[Login]\n")
    assert ends_at_logout(root, "ada")


@pytest.mark.parametrize(
    "cgroup",
    [
        "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run-1.scope\n",
        "0::/\n",
        "0::/system.slice/x.service\n",
    ],
)
def test_what_is_in_no_session_is_left_alone(root: Path, cgroup: str) -> None:
    write(root / "proc/self/cgroup", cgroup)
    assert not ends_at_logout(root, "ada")


def test_the_older_hierarchy_names_the_session_too(root: Path) -> None:
    write(root / "proc/self/cgroup", f"5:cpu:/\n1:name=systemd:{SESSION[3:]}")
    assert ends_at_logout(root, "ada")


def test_lingering_is_a_file(root: Path) -> None:
    assert not lingers(root, "ada")
    write(root / "var/lib/systemd/linger/ada", "")
    assert lingers(root, "ada")
