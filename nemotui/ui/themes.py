"""The four looks of the console. Colour repeats what words and signs say already."""

from __future__ import annotations

from textual.color import Color
from textual.theme import Theme

DARK = Theme(
    name="dark",
    primary="#76b900",
    secondary="#4fb3bf",
    accent="#e0af3f",
    warning="#e0af3f",
    error="#f4766e",
    success="#76b900",
    foreground="#d6dbd2",
    background="#101410",
    surface="#161b16",
    panel="#1e251e",
    dark=True,
    variables={
        "muted": "#9aa497",
        "field": "#272f27",  # what one types into, and where one types
        "field-focus": "#26370b",
        "cursor": "#2f362f",  # the row under it
        "panel-lighten-2": "#343c34",
        "band": "#28575c",  # the lighter part of a chart: up to p99, or all there is
        "footer-key-foreground": "#76b900",
        "input-selection-background": "#76b900 35%",
    },
)
LIGHT = Theme(
    name="light",
    primary="#356100",
    secondary="#0a5a65",
    accent="#704a00",
    warning="#704a00",
    error="#a3221b",
    success="#356100",
    foreground="#1b211a",
    background="#fafbf8",
    surface="#f2f4ef",
    panel="#e6eae2",
    dark=False,
    variables={
        "muted": "#4e584b",
        "field": "#dce2d7",
        "field-focus": "#cad7ba",
        "cursor": "#cbd3c5",
        "band": "#a9cfd4",
        "footer-key-foreground": "#356100",
        "input-selection-background": "#356100 25%",
        "panel-lighten-1": "#d8ded3",  # on a light ground what stands out is darker
        "panel-lighten-2": "#cbd3c5",
    },
)
HIGH_CONTRAST = Theme(
    name="high-contrast",
    primary="#a6f000",
    secondary="#6fe9f7",
    accent="#ffd75f",
    warning="#ffd75f",
    error="#ffaaa4",
    success="#a6f000",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#141414",
    dark=True,
    variables={
        "muted": "#d0d0d0",
        "field": "#262626",
        "field-focus": "#243500",
        "cursor": "#2e2e2e",
        "band": "#2f7480",
        "footer-key-foreground": "#a6f000",
        "input-selection-background": "#a6f000 45%",
        "panel-lighten-1": "#303030",
        "panel-lighten-2": "#808080",
    },
)
MONOCHROME = Theme(  # of which `Fewer` leaves weight and reversal: the terminal's own two colours
    name="monochrome",
    primary="#e8e8e8",
    secondary="#e8e8e8",
    accent="#e8e8e8",
    warning="#ffffff",
    error="#ffffff",
    success="#e8e8e8",
    foreground="#e8e8e8",
    background="#101010",
    surface="#101010",
    panel="#1c1c1c",
    dark=True,
    variables={
        "muted": "#9a9a9a",
        "field": "#2a2a2a",
        "field-focus": "#303030",
        "cursor": "#323232",
        "band": "#5a5a5a",
        "footer-key-foreground": "#e8e8e8",
        "input-selection-background": "#e8e8e8 40%",
        "panel-lighten-1": "#333333",
        "panel-lighten-2": "#4d4d4d",
    },
)
THEMES = {theme.name: theme for theme in (DARK, LIGHT, HIGH_CONTRAST, MONOCHROME)}


def contrast(one: Color, other: Color) -> float:
    """The contrast of two colours as WCAG counts it, 1 to 21."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(color: Color) -> float:
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in color.normalized
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
