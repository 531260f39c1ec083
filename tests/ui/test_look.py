"""The looks: readable in every theme, without colours, with sixteen, and without a sign beyond ASCII."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.color import Color
from textual.theme import Theme

from nemotui.adapters.console_memory import ConsoleMemory
from nemotui.ui.copying import said
from nemotui.ui.filters import Fewer, in_ascii
from nemotui.ui.look import Look
from nemotui.ui.themes import HIGH_CONTRAST, MONOCHROME, THEMES, contrast
from nemotui.ui.widgets.tour import lines
from tests.ui.conftest import ConsoleFactory

pytestmark = pytest.mark.anyio

WORDS = ("foreground", "muted", "primary", "secondary", "accent", "warning", "error", "success")
BLACK = Color.parse("#101410")


def colour(theme: Theme, name: str) -> Color:
    found = theme.variables.get(name) or getattr(theme, name, None) or theme.to_color_system().generate()[name]
    return Color.parse(found)


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("ground", ["background", "panel"])
def test_every_word_can_be_read(theme: Theme, ground: str) -> None:
    enough = 7.0 if theme is HIGH_CONTRAST else 4.5
    for word in WORDS:
        assert contrast(colour(theme, word), colour(theme, ground)) >= enough, word


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
def test_a_row_under_the_cursor_can_be_read(theme: Theme) -> None:
    enough = 7.0 if theme is HIGH_CONTRAST else 4.5
    for word in WORDS:
        assert contrast(colour(theme, word), colour(theme, "cursor")) >= enough, word


@pytest.mark.parametrize("theme", THEMES.values(), ids=THEMES)
@pytest.mark.parametrize("ground", ["field", "field-focus"])
def test_what_is_typed_can_be_read_and_what_might_be_too(theme: Theme, ground: str) -> None:
    enough = 7.0 if theme is HIGH_CONTRAST else 4.5
    for word in ("foreground", "muted", "error"):
        assert contrast(colour(theme, word), colour(theme, ground)) >= enough, word


def test_contrast_is_that_of_wcag() -> None:
    assert contrast(Color.parse("#000000"), Color.parse("#ffffff")) == pytest.approx(21.0)
    assert contrast(Color.parse("#777777"), Color.parse("#ffffff")) == pytest.approx(4.48, abs=0.01)


def only(text: str, style: str, *, colours: bool) -> Segment:
    (segment,) = Fewer(BLACK, colours=colours, fields=[Color.parse("#272f27")]).apply(
        [Segment(text, Style.parse(style))], BLACK
    )
    assert segment.style is not None
    return segment


def test_without_colours_a_tab_is_reversed_and_what_is_muted_is_dim() -> None:
    tab, muted = (
        only(" 1 GPUs ", "bold #101410 on #76b900", colours=False),
        only("a", "#8d978a on #101410", colours=False),
    )
    assert (tab.style, muted.style) == (Style(bold=True, reverse=True, dim=False), Style(dim=True, reverse=False))


@pytest.mark.parametrize("colours", [False, True])
def test_with_fewer_colours_a_field_is_a_line_and_the_cursor_in_it_stands_out(colours: bool) -> None:
    typed, cursor = (
        only("8", "#d6dbd2 on #272f27", colours=colours),
        only("8", "#101410 on #d6dbd2", colours=colours),
    )
    assert typed.style is not None
    assert cursor.style is not None
    assert (typed.style.underline, typed.style.reverse) == (True, False)
    assert (cursor.style.underline, cursor.style.reverse) == (None, True)


def test_without_colours_the_lighter_part_of_a_chart_has_another_sign() -> None:
    assert only("███", "#4fb3bf", colours=False).text == "███"
    assert only("███", "#28575c", colours=False).text == "░░░"


@pytest.mark.parametrize(
    ("style", "ansi"),
    [("#76b900", "green"), ("#e0af3f", "yellow"), ("#f0665e", "red"), ("#4fb3bf", "cyan"), ("#d6dbd2", None)],
)
def test_of_sixteen_colours_each_gets_its_own(style: str, ansi: str | None) -> None:
    found = only("a", f"{style} on #101410", colours=True).style
    assert found is not None
    assert found.bgcolor is None
    assert (found.color.name if found.color else None) == ansi


def test_ascii_is_as_wide_and_says_the_same() -> None:
    assert in_ascii("● ✓ ✖ ─│╭ …×·→") == "* + x -|+ ~x.>"
    assert in_ascii("▁▄█") == "_=#"
    assert in_ascii("漢字 ä") == "???? ?"
    assert in_ascii("\u2800\u28ff") == " #"


async def test_nothing_beyond_ascii_is_drawn_in_any_pane(console: ConsoleFactory) -> None:
    async with console(look=Look(ascii=True)) as c:
        await c.until("NVIDIA H100")
        for pane in "12345":
            await c.press("escape", pane)
            await c.pilot.pause()
            assert c.text.isascii()
        assert "+- reasoning full" in c.text


async def test_a_theme_is_chosen_by_key_or_palette_and_remembered(console: ConsoleFactory, tmp_path: Path) -> None:
    memory = ConsoleMemory(tmp_path / "state")
    async with console(look=Look(remember=memory.remember_theme)) as c:
        await c.press("L")
        assert (c.app.theme, memory.theme) == ("light", "light")
        chosen = next(each for each in c.app.get_system_commands(c.main) if each.title == f"Theme: {MONOCHROME.name}")
        chosen.callback()
        await c.pilot.pause()
        assert (c.app.theme, memory.theme) == ("monochrome", "monochrome")
        styles = [segment.style for strip in c.app.screen._compositor.render_strips() for segment in strip]
        assert not [style for style in styles if style and (style.color or style.bgcolor)]


async def test_the_tour_goes_with_the_first_key_which_does_what_it_does(console: ConsoleFactory) -> None:
    async with console(size=(80, 24), tour=True) as c:
        await c.until("The first time")
        for _, words in lines():
            assert words in c.text
        await c.press("3")
        await c.until("Nothing has been started here yet.")
        assert "The first time" not in c.text


def test_what_was_copied_says_where_else_it_is() -> None:
    assert said("The table", "x", None) == "The table sent to your terminal's clipboard."
    assert said("It", "x", Path("/s/copied.txt")) == "It sent to your terminal's clipboard, and kept in /s/copied.txt."
    long = said("It", "x" * 900_000, Path("/s/copied.txt"))
    assert long == "It is too long for a terminal's clipboard: it is in /s/copied.txt."
