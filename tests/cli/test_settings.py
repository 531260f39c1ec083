"""Defaults < config.toml < NEMOTUI_* < flags, and errors that say where and what."""

from __future__ import annotations

from pathlib import Path

import pytest

from nemotui.core.errors import UsageError
from nemotui.settings import load_settings


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text('image = "from-file"\nport = 8001\nbind = "10.0.0.1"\nhf_cache = "~/hub"\n')
    return path


def test_each_layer_beats_the_one_before(config: Path) -> None:
    environ = {"NEMOTUI_PORT": "8002", "NEMOTUI_IMAGE": "from-env"}
    settings = load_settings({"image": "from-flag", "port": None}, environ, config)
    assert (settings.image, settings.port, settings.bind) == ("from-flag", 8002, "10.0.0.1")
    assert settings.base_url is None
    assert settings.hf_cache == Path.home() / "hub"


def test_the_config_file_can_be_named_by_the_environment(config: Path) -> None:
    assert load_settings({}, {"NEMOTUI_CONFIG": str(config)}).port == 8001


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[keys]\nlogs-serch = "z"', ["[keys] has no action", "Did you mean 'logs-search'?"]),
        ('[keys]\ncopy = "x"', ["[keys] gives x to deploy-stop"]),
        ('[keys]\nzzz = "x"', ["[keys] has no action 'zzz'. The last column of docs/keys.md has the names."]),
        ("[keys]\ngpus = 7", ["keys = ", "a table of actions, each with its keys in quotes"]),
        ('theme = "nope"', ["theme = 'nope'", "Use one of dark, light, high-contrast, monochrome."]),
        ('imagge = "x"', ["unknown key 'imagge'", "Did you mean 'image'?"]),
        ('port = "http"', ["port = 'http'", "int"]),
        ("port = [1]", ["port", "int"]),
        ("port = 99999999", ["port = '99999999'", "<= 65535"]),
        ("port = 0", ["port = '0'", ">= 1"]),
        ('slow = "maybe"', ["slow = 'maybe': Expected `bool`, got `str`. Use true or false."]),
        ("hf_cache = 3", ["hf_cache", "path"]),
        ("port = ", ["not valid TOML"]),
        ("a\x1b[31m = 1", ["not valid TOML"]),
    ],
)
def test_a_wrong_file_is_named_with_its_key(tmp_path: Path, text: str, words: list[str]) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        load_settings({}, {}, path)
    for word in [*words, str(path)]:
        assert word in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        load_settings({}, {}, tmp_path / "absent.toml")


def test_a_wrong_variable_is_named() -> None:
    with pytest.raises(UsageError, match="NEMOTUI_PORT"):
        load_settings({}, {"NEMOTUI_PORT": "many"})
