"""Figures as people read them, the same on the screen and in the text of a verb; what is unknown is "n/a"."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from itertools import pairwise


def gib(size: float | None) -> str:
    """Bytes in GiB, one decimal; "n/a" for what is unknown."""
    return "n/a" if size is None else f"{size / 2**30:.1f} GiB"


def size(count: float | None) -> str:
    """Bytes in the unit that suits them: `12 KiB`, `3.4 MiB`, `114.2 GiB`; "n/a" for what is unknown."""
    if count is None or count >= 2**30:
        return gib(count)
    if count < 2**20:
        return f"{count / 2**10:.0f} KiB"
    return f"{count / 2**20:.1f} MiB"


def number(value: float | None, unit: str = "", digits: int = 0) -> str:
    """A figure with its unit; "n/a" for what is unknown."""
    return "n/a" if value is None else f"{value:,.{digits}f}{unit and ' '}{unit}"


def band(low_high: tuple[float, float], unit: str = "") -> str:
    """A prediction as `low-high`."""
    low, high = low_high
    digits = 0 if high >= 100 else 1
    return f"{low:,.{digits}f}-{high:,.{digits}f}{unit and ' '}{unit}"


def gpu_list(indices: Sequence[int]) -> str:
    """`0-3,6`: runs of three and more are joined."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and runs[-1][-1] == index - 1:
            runs[-1].append(index)
        else:
            runs.append([index])
    return ",".join(f"{run[0]}-{run[-1]}" if len(run) > 2 else ",".join(map(str, run)) for run in runs)


def duration(seconds: float | None) -> str:
    """`1:05`, `1:02:03`; "unknown" for what nobody can know."""
    if seconds is None:
        return "unknown"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def cut(text: str, width: int) -> str:
    """What fits into so many characters; an ellipsis for the rest."""
    return text if len(text) <= width else text[: max(0, width - 1)] + "…"


def cut_path(text: str, width: int) -> str:
    """As `cut`, but of a long path in it the end stays, which is what tells it from others."""
    path, over = max(text.split(), key=lambda word: word.count("/"), default=""), len(text) - width
    if over > 0 and "/" in path and len(path) > over + 1:
        text = text.replace(path, f"…{path[over + 1 :]}", 1)
    return cut(text, width)


def arriving(current: int, total: int | None, bytes_per_s: float | None, eta_s: float | None) -> str:
    """Bytes on their way: `12.0 of 114.2 GiB, 10 %, 1.2 GiB/s, 1:25 left`; what is unknown is left out."""
    unit, name = (2**20, "MiB") if (total or current) < 2**30 else (2**30, "GiB")
    facts = [f"{current / unit:.1f} of {total / unit:.1f} {name}" if total else f"{current / unit:.1f} {name}"]
    if total:
        facts.append(f"{min(100.0, current / total * 100):.0f} %")
    if bytes_per_s is not None:
        mib = bytes_per_s / 2**20
        facts.append(f"{mib / 1024:.1f} GiB/s" if mib >= 1024 else f"{mib:.{0 if mib >= 10 else 1}f} MiB/s")
    if eta_s is not None:
        facts.append(f"{duration(eta_s)} left")
    return ", ".join(facts)


def options(argv: Sequence[str]) -> list[list[str]]:
    """A command's words, each option together with its value."""
    found: list[list[str]] = []
    for before, word in pairwise(["", *argv]):
        if before.startswith("-") and not word.startswith("-"):
            found[-1].append(word)
        else:
            found.append([word])
    return found


def shell(argv: Sequence[str], width: int) -> str:
    """A command to be read and pasted, over several lines; no line ends between an option and its value."""
    lines = ["$"]
    for part in map(shlex.join, options(argv)):
        if len(lines[-1]) + len(part) > width - 4:
            lines.append("   ")
        lines[-1] += " " + part
    return " \\\n".join(lines)
