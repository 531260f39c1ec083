"""What the console remembers between two starts."""

from __future__ import annotations

from pathlib import Path

from nemotui.adapters.console_memory import ConsoleMemory


def test_a_theme_is_remembered_and_the_tour_is_shown_once(tmp_path: Path) -> None:
    memory = ConsoleMemory(tmp_path / "state")
    assert memory.theme is None
    assert memory.tour()
    memory.remember_theme("light")
    again = ConsoleMemory(tmp_path / "state")
    assert again.theme == "light"
    assert not again.tour()


def test_a_file_that_is_not_ours_is_as_none(tmp_path: Path) -> None:
    for text in (b"\xff", b"[]", b'{"theme": "pink"}', b"{"):
        (tmp_path / "console.json").write_bytes(text)
        assert ConsoleMemory(tmp_path).theme is None


def test_what_is_copied_is_kept_for_its_owner_alone(tmp_path: Path) -> None:
    path = ConsoleMemory(tmp_path / "state").keep_copied("häßlich")
    assert path is not None
    assert path.read_text() == "häßlich"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_state_directory_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    memory = ConsoleMemory(tmp_path / "state")
    assert memory.tour()
    assert memory.keep_copied("x") is None
