"""The palette's search: an action by its name, by its key, by the words of what it does."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hit, Hits
from textual.system_commands import SystemCommandsProvider

_IS_THE_KEY, _IS_SAID_OF_IT = 1000.0, 0.5  # above and below every score that Textual gives a name


class Actions(SystemCommandsProvider):
    """The commands of the console, each with its key in parentheses at the end of its name."""

    async def discover(self) -> Hits:
        """All of them, those of the pane in front first."""
        for name, does, run, *_ in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(name, run, help=does)

    async def search(self, query: str) -> Hits:
        """First what is on that key, then whose name is like it, then of which its words are said."""
        matcher, asked, words = self.matcher(query), query.strip(), query.casefold().split()
        for name, does, run, *_ in self.app.get_system_commands(self.screen):
            score = matcher.match(name)
            if _is_key(asked, name):
                score = _IS_THE_KEY
            elif score <= 0 and words and all(word in f"{name} {does}".casefold() for word in words):
                score = _IS_SAID_OF_IT
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=does)


def _is_key(asked: str, name: str) -> bool:
    """A name of a key in whatever case; a character as it is, since `g` and `G` are two keys."""
    keys = name.rpartition(" (")[2].removesuffix(")").split(" or ")
    return asked in keys or (len(asked) > 1 and asked.casefold() in (key.casefold() for key in keys))
