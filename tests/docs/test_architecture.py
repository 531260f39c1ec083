"""The one diagram of docs/architecture.md, held against the imports."""

from __future__ import annotations

import re
from collections import defaultdict

import grimp

from tests.docs.generated import ROOT

PAGE = (ROOT / "docs/architecture.md").read_text()


def drawn() -> set[tuple[str, str]]:
    """The arrows of the diagram."""
    (diagram,) = re.findall(r"```mermaid\n(.*?)```", PAGE, flags=re.DOTALL)
    return set(re.findall(r"(\w+) --> (\w+)", diagram))


def imported() -> set[tuple[str, str]]:
    """The rooms that import another one."""
    graph = grimp.build_graph("nemotui", cache_dir=None)
    pairs = ((a, b) for a in graph.modules for b in graph.find_modules_directly_imported_by(a))
    rooms = {(a.split(".")[1], b.split(".")[1]) for a, b in pairs if a.count(".") and b.count(".")}
    return {(a, b) for a, b in rooms if a != b and a != "__main__"}


def reached(arrows: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """What one comes to by the arrows."""
    onward = defaultdict(set)
    for a, b in arrows:
        onward[a].add(b)
    return {(a, c) for a in list(onward) for c in _from(a, onward)}


def _from(room: str, onward: dict[str, set[str]]) -> set[str]:
    return {further for b in onward.get(room, ()) for further in (b, *_from(b, onward))}


def test_every_import_between_rooms_follows_the_arrows() -> None:
    assert imported() - reached(drawn()) == set()


def test_every_arrow_is_an_import() -> None:
    assert drawn() - imported() == set()


def test_every_room_is_explained() -> None:
    named = set(re.findall(r"^\| `(\w+)` \|", PAGE, flags=re.MULTILINE))
    assert named == {room for arrow in imported() for room in arrow}
