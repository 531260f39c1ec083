"""The keys that work now, on one line: as many as there is room for, and always the way to all of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from textual import events
from textual.binding import Binding
from textual.content import Content
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, TextArea

from nemotui.keys.grammar import BACK, DOWN, HELP, UP
from nemotui.keys.keymap import key_shown
from nemotui.keys.places import ENTRIES
from nemotui.ui.keys import binding_shown

_APART = 2  # cells between two keys
_PINNED = (HELP, BACK)
_PLACE = {action: place for place, action in enumerate(ENTRIES)}


class KeyBar(Widget):
    """The footer of a screen, and the last line of a dialog. A click is the key. Under another screen it is empty.

    `labels` are other words for some actions; `first`: keys of a list or a field that no table has, and what they do;
    `scrolls`: the keys that move are said too, once.
    """

    DEFAULT_CSS = "KeyBar { height: 1; padding: 0 1; text-wrap: nowrap; color: $footer-foreground; }"

    def __init__(
        self,
        labels: Mapping[str, str] | None = None,
        *,
        first: Sequence[tuple[str, str]] = (),
        scrolls: str = "",
        docked: bool = False,
    ) -> None:
        super().__init__()
        self._labels, self._own, self._scrolls = labels or {}, first, scrolls
        self._words = Content("")
        self._places: list[tuple[int, int, str]] = []  # from, to and the key, in cells
        if docked:
            self.styles.dock = "bottom"

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._changed)
        self.app.screen_change_signal.subscribe(self, lambda _: self._say())
        self._say()

    def _changed(self, screen: Screen[object]) -> None:
        if self.is_attached and screen is self.screen:
            self.call_after_refresh(self._say)

    def on_resize(self) -> None:
        """Others fit."""
        self._say()

    def render(self) -> Content:
        return self._words

    def on_click(self, event: events.Click) -> None:
        """A click on a key is the key."""
        for start, end, key in self._places:
            if start <= event.x - self.gutter.left < end:
                self.app.simulate_key(key)

    def _say(self) -> None:
        """Drawn again only where the words are others."""
        if not self.is_attached:
            return
        words = self._fitting() if self.screen is self.app.screen else Content("")
        if words.plain != self._words.plain:
            self._words = words
            self.refresh()

    def _fitting(self) -> Content:
        """What matters most has its room first: the first action, the way back and the help, then the others."""
        keys = [(self._is_pinned(binding), self._key(binding), binding.key) for binding in self._active()]
        first = [
            (_key(" ".join(map(key_shown, each.split())), label), each if " " not in each else "")
            for each, label in self._own
        ]
        first += [(words, key) for pinned, words, key in keys if not pinned]
        last = [(words, key) for pinned, words, key in keys if pinned]
        if self._scrolls:
            arrows = f"{key_shown(_first(UP.keys))} {key_shown(_first(DOWN.keys))}"
            last.append((_key(arrows, self._scrolls), ""))
        room, fitting = self.content_size.width + _APART, []
        for one in [*first[:1], *last, *first[1:]]:
            room -= one[0].cell_length + _APART
            if room < 0:
                break
            fitting.append(one)
        self._places, at = [], 0
        shown = [one for one in [*first, *last] if one in fitting]
        for words, key in shown:
            self._places.append((at, at + words.cell_length, key))
            at += words.cell_length + _APART
        return Content(" " * _APART).join(words for words, _ in shown)

    def _active(self) -> Iterator[Binding]:
        """What works now and is for this line, each action once, in the order of the table.

        Textual puts those with other keys last; what is nearest to the focus comes first.
        """
        seen = set()
        in_field = isinstance(self.screen.focused, Input | TextArea)
        working = list(self.screen.active_bindings.values())
        nodes = list(dict.fromkeys(active.node for active in working))
        for active in sorted(working, key=lambda a: (nodes.index(a.node), _PLACE.get(a.binding.id or "", 0))):
            entry = ENTRIES.get(active.binding.id or "")
            if entry is None or entry.id in seen or not active.enabled:
                continue
            if active.binding.show or (in_field and entry.id == "leave-field"):
                seen.add(entry.id)
                yield active.binding

    def _is_pinned(self, binding: Binding) -> bool:
        entry = ENTRIES[binding.id or ""]
        return (
            entry.keys in _PINNED or entry.id in ("quit", "leave-field", "ask-no") or entry.label in ("Back", "Close")
        )

    def _key(self, binding: Binding) -> Content:
        label = self._labels.get(binding.id or "", binding.description)
        return _key(binding_shown(binding), label)


def _key(key: str, label: str) -> Content:
    return Content.assemble((key, "bold $footer-key-foreground"), f" {label}")


def _first(keys: str) -> str:
    return keys.split(",")[0]
