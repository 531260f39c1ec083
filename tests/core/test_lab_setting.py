"""A column of the lab as it is written, and what cannot be meant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nemotui.core.chat import MODES, Sampling
from nemotui.core.errors import UsageError
from nemotui.core.lab_setting import MOST_COLUMNS, Setting, parse_setting, parse_settings


def test_without_a_word_there_are_the_three_modes_as_the_model_card_recommends() -> None:
    assert parse_settings(()) == tuple(Setting(mode=mode) for mode in MODES)


def test_a_column_sets_what_it_names_and_leaves_the_rest() -> None:
    setting = parse_setting("full, temperature=0.2,budget=512,seed=7")
    assert setting.mode == "full"
    assert setting.sampling == Sampling(temperature=0.2, thinking_token_budget=512, seed=7)
    assert setting.name == "full,temperature=0.2,seed=7,budget=512"


@given(
    st.sampled_from(MODES),
    st.floats(0, 2),
    st.none() | st.integers(0, 2**32 - 1),
    st.none() | st.integers(0, 10_000_000),
    st.none() | st.integers(1, 10_000_000),
)
def test_the_name_of_a_column_is_how_it_is_written(
    mode: str, temperature: float, seed: int | None, budget: int | None, most: int | None
) -> None:
    parts = [mode, f"temperature={temperature:g}"]
    parts += [f"{n}={v}" for n, v in (("seed", seed), ("budget", budget), ("max_tokens", most)) if v is not None]
    setting = parse_setting(",".join(parts))
    assert parse_setting(setting.name) == setting


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "Begin with full, low, off"),
        ("ful", "Did you mean full?"),
        ("temperature=0.2", "Begin with full, low, off"),
        ("off,temprature=1", "Did you mean temperature=?"),
        ("off,reasoning_effort=low", "is no setting"),
        ("off,temperature", "from 0 to 2"),
        ("off,temperature=nan", "from 0 to 2"),
        ("off,temperature=2.1", "from 0 to 2"),
        ("off,top_p=0", "top_p"),
        ("off,seed=1.5", "a whole number"),
        ("off,budget=-1", "a whole number"),
        ("off,max_tokens=" + "9" * 5000, "from 1"),
        ("off,seed=1,seed=1", "twice"),
        ("off,", "is no setting"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_can(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=r"(?s).*") as raised:
        parse_setting(text)
    assert words in str(raised.value)


def test_more_columns_than_a_screen_has_are_refused() -> None:
    with pytest.raises(UsageError, match="too many"):
        parse_settings(["off"] * (MOST_COLUMNS + 1))
