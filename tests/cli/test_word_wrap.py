"""An answer that comes in pieces onto a terminal breaks between words; elsewhere it is as it came."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import struct
import subprocess
import termios
from pathlib import Path

import pytest

from nemotui.cli.word_wrap import WordWrap
from tests.cli.conftest import PROGRAM

COLUMNS = 24


def terminal() -> tuple[int, int]:
    """A terminal of so many columns: its own end, and that of a program."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, COLUMNS, 0, 0))
    return ours, theirs


def lines(ours: int) -> list[str]:
    """What a terminal got until its program's end was closed."""
    data = b""
    with contextlib.suppress(OSError):  # which is how a terminal says that
        while part := os.read(ours, 1 << 16):
            data += part
    os.close(ours)
    return data.decode().split("\r\n")


def shown(*pieces: str) -> list[str]:
    """The lines of a terminal after these pieces."""
    ours, theirs = terminal()
    with open(theirs, "w", encoding="utf-8") as stream:
        words = WordWrap(stream)
        for piece in pieces:
            words.write(piece)
        words.end()
    return lines(ours)


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_line_ends_between_words_whatever_the_pieces(size: int) -> None:
    text = "A Mamba layer keeps a state of one size,\nwhatever the length.\n\n  - so it is cheap to keep"
    assert shown(*(text[at : at + size] for at in range(0, len(text), size))) == [
        *("A Mamba layer keeps a", "state of one size,", "whatever the length.", "", "  - so it is cheap to", "keep")
    ]


def test_a_word_longer_than_a_line_is_whole_and_counted_on() -> None:
    url = "https://example.org/" + "x" * 20  # 16 cells of a second line
    assert shown("see ", url, " and on", " again") == ["see", f"{url} and on", "again"]


def test_ideographs_are_two_cells_and_need_no_space() -> None:
    assert shown("状態空間模型的記憶是固定的大小") == ["状態空間模型的記憶是固定", "的大小"]


def test_code_is_left_as_it_is_to_be_copied() -> None:
    code = "```\nprint('one line of code, longer than this terminal')\n```"
    assert shown(code, "\nand words after it, in lines") == [*code.split("\n"), "and words after it, in", "lines"]


def test_an_answer_on_a_terminal_breaks_no_word_and_in_a_pipe_no_line(
    environment: dict[str, str], tmp_path: Path
) -> None:
    command = (
        *PROGRAM,
        "chat",
        "--demo",
        "--speed",
        "50",
        "--mode",
        "off",
        "--seed",
        "1",
        "--max-tokens",
        "40",
        "Why?",
    )
    piped = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, timeout=120, check=True)
    ours, theirs = terminal()
    with subprocess.Popen(command, env=environment, cwd=tmp_path, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        found, answer = lines(ours), piped.stdout.decode()
    assert process.returncode == 0
    assert max(map(len, found)) <= COLUMNS < max(map(len, answer.split("\n")))
    answered = len(answer.split())  # then come the figures, whose times are others
    assert " ".join(found).split()[:answered] == answer.split()
    assert len(piped.stderr.decode().splitlines()) == 1


def test_a_terminal_without_a_sign_gets_a_question_mark(environment: dict[str, str], tmp_path: Path) -> None:
    command = (*PROGRAM, "chat", "--demo", "--speed", "50", "--mode", "off", "hi")
    done = subprocess.run(
        command, env={**environment, "PYTHONIOENCODING": "ascii"}, cwd=tmp_path, capture_output=True, timeout=120
    )
    assert (done.returncode, b"? TTFT" in done.stderr) == (0, True)
