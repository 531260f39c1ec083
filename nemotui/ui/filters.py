"""The picture for terminals that can do less: two colours, sixteen, or no sign beyond ASCII.

One place for all of it: a line is changed on its way out, so no widget knows of any of this.
"""

from __future__ import annotations

import colorsys
from collections.abc import Container, Iterable
from functools import lru_cache

from rich.cells import cell_len
from rich.color import Color as RichColor
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.filter import LineFilter

from nemotui.ui.themes import contrast

_STANDS_OUT = 1.45  # contrast with the ground from which a background means something: a cursor, a tab
_FAINT = 8.0  # contrast below which a grey is said more quietly
_GREY = 0.2  # saturation below which a colour is none
_HUES = ((20, "red"), (70, "yellow"), (165, "green"), (200, "cyan"), (260, "blue"), (345, "magenta"), (361, "red"))
_BLOCKS = frozenset("▁▂▃▄▅▆▇█▏▎▍▌▋▊▉▔ ")
_LIGHTER = str.maketrans("█", "░")

# One ASCII sign for each sign of ours, of the same width.
_STAND_INS = {
    "●": "*", "○": "o", "◐": "%", "◆": "+", "◇": "o", "◌": ".", "■": "#", "✓": "+", "✖": "x", "✚": "+",
    "▲": "^", "▼": "v", "▶": ">", "▸": ">", "▾": "v", "›": ">", "❯": ">", "→": ">", "←": "<", "↑": "^", "↓": "v",
    "⏎": "<", "·": ".", "…": "~", "×": "x", "÷": ":", "±": "~", "°": "'", "µ": "u", "–": "-", "—": "-",
    "─": "-", "━": "=", "│": "|", "┃": "|", "╭": "+", "╮": "+", "╰": "+", "╯": "+", "┌": "+", "┐": "+", "└": "+",
    "┘": "+", "├": "+", "┤": "+", "┬": "+", "┴": "+", "┼": "+", "▌": "|", "▍": "|", "▎": "|", "▏": "|", "▊": "|",
    "█": "#", "▉": "#", "▋": "|", "▇": "#", "▆": "#", "▅": "=", "▄": "=", "▃": "-", "▂": "_", "▁": "_", "▔": "-",
    "▓": "%", "▒": ":", "░": ".", "▐": "|", "▀": "'", "‘": "'", "’": "'", "“": '"', "”": '"', "\u00a0": " ", "🔎": "/ ",
}  # fmt: skip
_BRAILLE = range(0x2800, 0x2900)


class Fewer(LineFilter):
    """Weight and reversal in place of colours; with `colours` also the six that every terminal has.

    `ground` is the theme's background: what is drawn on it is drawn on the terminal's own. `fields` are the grounds of
    what one types into: they become a line below it, so that the cursor in it still stands out.
    """

    def __init__(self, ground: Color, *, colours: bool, fields: Container[Color] = ()) -> None:
        super().__init__()
        self._ground = ground
        self._fields = fields
        self._colours = colours
        self._style = lru_cache(maxsize=4096)(self._fewer)

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments with other styles."""
        return list(self._each(segments))

    def _each(self, segments: Iterable[Segment]) -> Iterable[Segment]:
        for text, style, control in segments:
            if style is None or control:
                yield Segment(text, style, control)
                continue
            blocks = _BLOCKS.issuperset(text) and not text.isspace()
            fewer, faint = self._style(style, blocks)
            yield Segment(text.translate(_LIGHTER) if faint and blocks else text, fewer)

    def _fewer(self, style: Style, blocks: bool) -> tuple[Style, bool]:
        """The style, and whether what is drawn with it is the lighter part of something."""
        back, front = _of(style.bgcolor), _of(style.color)
        field = back is not None and back in self._fields
        stands_out = back is not None and not field and not blocks and contrast(back, self._ground) >= _STANDS_OUT
        shown = back if stands_out else front
        name = None if shown is None else _hue(shown)
        faint = (
            not stands_out
            and front is not None
            and contrast(front, self._ground) < (4.0 if blocks else _FAINT)
            and (blocks or name is None)
        )
        return Style(
            color=name if self._colours else None,
            bold=style.bold,
            italic=style.italic,
            underline=style.underline or field or None,
            strike=style.strike,
            reverse=bool(style.reverse) != stands_out,
            dim=faint,
            meta=style.meta or None,
        ), faint


class Ascii(LineFilter):
    """A stand-in for each sign that is not ASCII; of what comes from outside, a question mark."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        """The segments in ASCII, as wide as they were."""
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment.text), segment.style, segment.control)
            for segment in segments
        ]


def in_ascii(text: str) -> str:
    """Text in ASCII, as many cells wide."""
    return "".join(map(_stand_in, text))


_ascii = lru_cache(maxsize=4096)(in_ascii)


def _stand_in(sign: str) -> str:
    if sign.isascii():
        return sign
    if ord(sign) in _BRAILLE:
        dots = (ord(sign) - _BRAILLE.start).bit_count()
        return " .:*#"[min(-(-dots // 2), 4)]
    return _STAND_INS.get(sign) or "?" * cell_len(sign)


def _of(color: object) -> Color | None:
    if not isinstance(color, RichColor) or color.is_default or color.triplet is None:
        return None
    return Color(*color.triplet)


def _hue(color: Color) -> str | None:
    """The nearest of the six, or None for a grey."""
    hue, lightness, saturation = colorsys.rgb_to_hls(color.r / 255, color.g / 255, color.b / 255)
    if saturation < _GREY or not 0.05 < lightness < 0.97:
        return None
    return next(name for end, name in _HUES if hue * 360 < end)
