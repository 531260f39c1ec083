"""What is said about one GPU wherever it is shown: signs, figures, holders, troubles."""

from __future__ import annotations

from textual.content import Content

from nemotui.core.hardware import Gpu, GpuProcess
from nemotui.core.show import gib, number
from nemotui.core.trouble import ALARMING, troubles
from nemotui.ui.widgets.history import column

TONES = {"ok": "$success", "not-answering": "$warning"}
SIGNS = {"ok": "●", "not-answering": "◌"}
_LEAST_ROOM = 20  # cells for words


def mark(selected: bool) -> tuple[str, str]:
    """The cursor, as the first cell of a line."""
    return ("▌", "$primary") if selected else (" ", "")


def state_words(gpu: Gpu) -> Content:
    """A sign and a word; the reasons are among the troubles."""
    if gpu.state == "ok" and troubles(gpu):
        return Content.styled("▲ in trouble", "$warning")
    return Content.styled(f"{sign(gpu)} {silence(gpu) or gpu.state}", TONES.get(gpu.state, "$error"))


def sign(gpu: Gpu) -> str:
    """Of its state."""
    return SIGNS.get(gpu.state, "✖")


def silence(gpu: Gpu) -> str:
    """How old the values of a GPU are that gives none now; nothing for one that does."""
    age = "" if gpu.age_s is None else f", values {number(gpu.age_s, 's')} old"
    if gpu.state == "not-answering":
        return f"no answer{age}" if age else f"{gpu.state}: {gpu.state_reason or 'no reason given'}"
    return f"{gpu.state}{age}" if age else ""


def used_words(gpu: Gpu) -> str:
    """`38.0 of 79.6 GiB`."""
    if gpu.memory_used_bytes is None:
        return "n/a" if gpu.memory_total_bytes is None else f"n/a of {gib(gpu.memory_total_bytes)}"
    return f"{gpu.memory_used_bytes / 2**30:.1f} of {gib(gpu.memory_total_bytes)}"


def power_words(gpu: Gpu) -> str:
    """`490 of 700 W`."""
    if gpu.power_w is None or gpu.power_limit_w is None:
        return number(gpu.power_w, "W")
    return f"{gpu.power_w:.0f} of {number(gpu.power_limit_w, 'W')}"


def mhz(clock: int | None) -> str:
    """A clock as everybody writes it, without a comma."""
    return "n/a" if clock is None else f"{clock} MHz"


def clock_words(gpu: Gpu) -> str:
    """The clock, and what holds it back."""
    reasons = ["slowed down"] if set(gpu.throttle_reasons) & set(ALARMING) else gpu.throttle_reasons
    return ", ".join([mhz(gpu.sm_clock_mhz), *reasons])


def holder(process: GpuProcess) -> Content:
    """One process that holds memory."""
    if process.name is None:
        who = f"a process of another namespace, pid {process.pid}"
    else:
        place = f"in container {process.container}" if process.container else ""
        who = " · ".join(filter(None, [process.name, f"pid {process.pid}", process.user, place]))
    return Content.assemble(f"{gib(process.memory_bytes):>9}  ", who)


def holders(gpu: Gpu) -> list[Content]:
    """Who holds the memory, the greatest first."""
    rows = [holder(p) for p in sorted(gpu.processes, key=lambda p: -(p.memory_bytes or 0))]
    if gpu.unlisted_bytes is not None:
        rows.append(Content(f"{gib(gpu.unlisted_bytes):>9}  another namespace, such as a container's"))
    return rows


def beside(lead: Content, words: Content, width: int) -> list[Content]:
    """Words that stand at the right of their lead, on as many lines as `width` cells in all ask for."""
    indent = lead.cell_length
    room = max(_LEAST_ROOM, width - indent)
    lines = [words] if words.cell_length <= room else words.wrap(room)
    return [Content.assemble(" " * indent if i else lead, line) for i, line in enumerate(lines)]


def trouble_lines(gpu: Gpu, width: int) -> list[Content]:
    """What is wrong, whole: what to do stands at the end. That it does not answer is said beside its name."""
    found = troubles(gpu)[1 if gpu.state == "not-answering" else 0 :]
    gone = gpu.state not in ("ok", "not-answering")
    lines = []
    for i, words in enumerate(found):
        sign, tone = ("✖", "$error") if gone and i == 0 else ("▲", "$warning")
        lines += beside(Content.styled(f"{sign} ", tone), Content.styled(words, tone), width)
    return lines


def note_lines(gpu: Gpu, width: int) -> list[Content]:
    """What is special and no trouble."""
    facts = (
        (gpu.mig_enabled, f"MIG, {len(gpu.slices)} slices"),
        (gpu.unified_memory, "memory shared with the host"),
        (not gpu.visible, "hidden by CUDA_VISIBLE_DEVICES"),
        ("visible" in gpu.unknown, gpu.unknown.get("visible", "")),
        (gpu.persistence is False, "persistence off: slow to wake"),
    )
    said = " · ".join(words for is_so, words in facts if is_so)
    return beside(Content(""), Content.styled(said, "$muted"), width) if said else []


def picture(values: tuple[float | None, ...], width: int, height: int) -> list[str]:
    """The newest values as `height` lines of columns, on a scale of 0 to 100."""
    shown = [column(value, 100, height) for value in values[-width:]] if width > 0 else []
    return ["".join(cells[y] for cells in shown).rjust(max(width, 0)) for y in range(height)]
