"""From a failed start to its cause: a known message in its log, else the root of the traceback, else how it ended."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nemotui.core.cure import Change
from nemotui.core.failures import Diagnosis, explain
from nemotui.core.logs import LogLine

# Generic tails: they say that something failed, never what.
_TAIL = re.compile(
    r"Engine core initialization failed|WorkerProc (?:failed to start|initialization failed)|EngineCore failed to start"
)

_LINE = re.compile(
    r"^(?P<process>\(\S+ pid=\d+\))? ?"
    r"(?:(?P<level>DEBUG|INFO|WARNING|ERROR|CRITICAL):? +(?:\d\d-\d\d \d\d:\d\d:\d\d \[[^\]]*\] ?)?)?(?P<body>.*)$"
)
_SEARCHED = 600  # characters of a line: the longest known message has 350, and a hostile log is to cost little
_WAITING = "No available shared memory broadcast block found"
_READY = "Application startup complete"
_TRACEBACK = "Traceback (most recent call last):"


@dataclass(frozen=True, slots=True)
class _Line:
    process: str
    level: str
    body: str


def diagnose(lines: Iterable[LogLine], exit_code: int | None = None, oom_killed: bool = False) -> Diagnosis | None:
    """Why a server ended, from its log and how it ended; None when nothing says that anything is wrong.

    A known message beats the traceback's root, and the root beats the exit code. Lines of INFO and WARNING are no
    evidence, and neither is a traceback in them: a healthy start prints some.
    """
    read = [_parse(line.text) for line in lines]
    if oom_killed:
        return Diagnosis(
            kind="oom_killed",
            cause="The kernel ended the server: the machine or the container ran out of memory (RAM, not GPU memory)",
            remedy="Free RAM, or lower what vLLM keeps there; `dmesg` shows what was killed.",
        )
    root = _root(read)
    if root and (known := explain(root[-1])):
        return known
    for line in read:
        if line.level in ("DEBUG", "INFO", "WARNING") or line.body.startswith("  "):  # nor is a traceback's source
            continue
        if known := explain(line.body[:_SEARCHED]):
            return known
    if root:
        return Diagnosis(
            kind="unknown_error",
            cause=root[-1],
            remedy="See `nemotui logs` for the whole log; its first traceback holds the cause.",
            evidence=root,
        )
    return _waiting(exit_code, read) or _ended(exit_code, read)


def _parse(text: str) -> _Line:
    match = _LINE.match(text)
    if match is None:
        return _Line("", "", text)
    return _Line(match["process"] or "", match["level"] or "", match["body"])


def _root(read: Sequence[_Line]) -> tuple[str, ...]:
    """The end of the first traceback of level ERROR, else of the first without a level: its frame, then its words.

    Read along one process: the lines of several workers are interleaved.
    """
    for levels in (("ERROR", "CRITICAL"), ("",)):
        for index, line in enumerate(read):
            if line.level in levels and line.body.startswith(_TRACEBACK):
                rest = [
                    later.body
                    for later in read[index + 1 :]
                    if (later.process, later.level) == (line.process, line.level)
                ]
                if root := _end_of_block(rest):
                    return root
    return ()


def _end_of_block(bodies: Sequence[str]) -> tuple[str, ...]:
    """From the lines below a traceback's head: its last frame, and the message with its indented continuation."""
    end = next((index for index, body in enumerate(bodies) if body and not body[0].isspace()), None)
    if end is None or _TAIL.search(bodies[end]):
        return ()
    frame = [body.strip() for body in bodies[:end] if body.lstrip().startswith("File ")][-1:]
    words = bodies[end].strip()
    for body in bodies[end + 1 :]:
        if not body.startswith("  ") or "For further information" in body:
            break
        words += " " + body.strip().partition(" [type=")[0]  # pydantic's own words behind the message
    return (*frame, words)


def _waiting(exit_code: int | None, read: Sequence[_Line]) -> Diagnosis | None:
    """Killed while its workers waited for each other: a mere warning of vLLM's, which a slow start outlives."""
    warning = next((line.body for line in reversed(read) if _WAITING in line.body), None)
    if warning is None or exit_code != 137 or any(_READY in line.body for line in read):
        return None
    return Diagnosis(
        kind="workers_wait",
        cause="The workers waited for each other until the server was killed: a slow compilation, or a hang",
        remedy="Start it again: the compile cache helps now. If it hangs anew on a PCIe machine, NCCL_P2P_DISABLE=1.",
        evidence=(warning.strip(),),
        changes=lambda _: (Change("NCCL_P2P_DISABLE", "1"),),
    )


def _ended(exit_code: int | None, read: Sequence[_Line]) -> Diagnosis | None:
    if exit_code is None:
        return None
    evidence = tuple(line.body.strip() for line in read[-5:] if line.body.strip())
    if exit_code in (0, 130, 143):
        return Diagnosis(
            kind="stopped",
            cause="The server was stopped",
            remedy="Start it again with `nemotui deploy`.",
            evidence=evidence,
        )
    if exit_code == 137:
        return Diagnosis(
            kind="killed",
            cause="The server was killed (exit code 137): stopped while it was still starting, or out of RAM",
            remedy="Start it again with `nemotui deploy`; `dmesg` shows whether memory ran out.",
            evidence=evidence,
        )
    return Diagnosis(
        kind="exited",
        cause=f"The server ended with exit code {exit_code} and no traceback",
        remedy="See `nemotui logs` for the whole log.",
        evidence=evidence,
    )
