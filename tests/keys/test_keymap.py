"""The table of keys, and `[keys]` of the configuration over it."""

from __future__ import annotations

from contextvars import copy_context
from itertools import chain

import pytest

from nemotui.core.errors import UsageError
from nemotui.keys.keymap import Keymap, key_of, keys_shown, remapped, sentences_name
from nemotui.keys.places import PLACES, entries


def keys_of(name: str, keymap: Keymap) -> str:
    return next(keymap.keys(entry) for entry in entries() if entry.id == name)


def test_names_are_unique_and_every_action_says_what_it_does() -> None:
    names = [entry.id for entry in entries()]
    assert len(names) == len(set(names))
    for entry in entries():
        assert entry.label, entry
        assert entry.does, entry


def test_what_an_action_does_names_other_keys_as_they_are() -> None:
    changed = remapped({"next-field": "f11", "bench-faster": "}"}, "here")
    for entry in entries():
        assert "{" not in Keymap().does(entry), entry.id
    said = {entry.id: changed.does(entry) for entry in entries()}
    assert said["bench-edit"] == "Into the fields; F11 goes on, Esc back"
    assert said["runs-replay"] == "The run as it went; < } its speed"


def test_what_is_copied_stopped_or_looked_for_has_the_same_key_everywhere() -> None:
    keymap = Keymap()
    for word, key in {"copy": "y", "stop": "x", "edit": "e", "up": "up,k", "help": "?,f1"}.items():
        found = {keymap.keys(entry) for entry in entries() if entry.id.partition("-")[2] == word}
        assert found == {key}, word


def test_no_default_takes_the_key_of_another_but_tab_of_the_charts() -> None:
    for place in PLACES.values():
        keys = list(chain.from_iterable(Keymap().keys(entry).split(",") for entry in place.entries))
        assert len(keys) == len(set(keys)), place.title
    main = {key for entry in PLACES["main"].entries for key in Keymap().keys(entry).split(",")}
    for name in ("gpus", "deploy", "logs", "bench", "chat"):
        own = {key for entry in PLACES[name].entries for key in Keymap().keys(entry).split(",")}
        assert main & own <= {"tab", "shift+tab"}, name


def test_no_action_hangs_on_a_key_that_terminals_swallow() -> None:
    """Tab is ctrl+i, Enter ctrl+m, Escape ctrl+[; browsers keep ctrl+t, n, w; ctrl+s, q, z and c mean other things."""
    swallowed = {f"ctrl+{key}" for key in "imhtnwszcq["} | {"f11"}
    for entry in entries():
        if entry.id not in ("quit-anywhere", "how-to-quit"):  # q does the same; it is said what does
            assert set(Keymap().keys(entry).split(",")) - swallowed, entry


def test_a_verb_is_remapped_in_every_place_and_one_action_apart_from_it() -> None:
    keymap = remapped({"copy": "Z", "logs-copy": "ctrl+y", "palette": "F12", "next-field": "Ctrl+N"}, "here")
    assert keys_of("gpus-copy", keymap) == keys_of("chat-copy", keymap) == "Z"
    assert keys_of("logs-copy", keymap) == "ctrl+y"
    assert keys_of("palette", keymap) == "f12"
    assert keys_shown(keys_of("main-next", keymap)) == "Ctrl+N"
    assert keys_of("deploy-stop", keymap) == "x"


def test_two_actions_may_change_places() -> None:
    keymap = remapped({"logs-wrap": "t", "logs-times": "w"}, "here")
    assert (keys_of("logs-wrap", keymap), keys_of("logs-times", keymap)) == ("t", "w")


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"logs-serch": "z"}, "Did you mean 'logs-search'?"),
        ({"logs-search": "ctrl+alt+meta"}, "is no key"),
        ({"logs-search": "ctrl+m"}, "sends the same"),
        ({"logs-search": ""}, "is no key"),
        ({"logs-search": "f"}, "gives f to logs-follow (Follow) and logs-search (Search)"),
        ({"bench-copy": "q"}, "gives q to bench-copy (Copy) and quit (Quit)"),
        ({"runs-open": "ctrl+p"}, "gives Ctrl+P to runs-open (Open) and palette (Palette)"),
        ({"copy": "x"}, "gives x to"),
        ({"palette": "p"}, "works in fields"),
    ],
)
def test_what_cannot_be_is_said_with_the_file_and_the_way_out(keys: dict[str, str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        remapped(keys, "config.toml")
    assert "config.toml: [keys]" in str(caught.value)
    assert message in str(caught.value)
    assert caught.value.exit_code == 2


def test_sentences_name_the_keys_that_are() -> None:
    def said() -> tuple[str, str, str]:
        sentences_name(remapped({"deploy": "D", "chat-mode": "m, ctrl+r"}, "here"))
        return key_of("deploy"), key_of("logs"), key_of("chat-mode", typing=True)

    assert copy_context().run(said) == ("D", "3", "Ctrl+R")
    assert key_of("deploy") == "2"  # whoever began before, or elsewhere, has his own
