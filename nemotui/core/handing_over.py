"""Handing a server over to a client: its side tested, the recipe, and the recipe run where it can be."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TypeAlias

from nemotui.core.connect import RUN_AT_LENGTH, RUN_HERE, Client, Target, fits, no_answer, recipe
from nemotui.core.handover import RunEvent
from nemotui.core.model_server import ModelServer
from nemotui.core.ports import Clock
from nemotui.core.stores import HandoverStore
from nemotui.core.verify_checks import TrustCheck


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is to be pasted; the server's side of it was tested and holds."""

    text: str


@dataclass(frozen=True, slots=True)
class Tried:
    """The recipe was run: its exit code, None where it could not be or did not end; what it printed, or why.

    `trouble`: why that is no answer of a model, though it ended well.
    """

    exit_code: int | None
    output: str
    trouble: str = ""

    @property
    def ok(self) -> bool:
        """A model has answered."""
        return self.exit_code == 0 and not self.trouble


HandingOver: TypeAlias = TrustCheck | Recipe | Tried | RunEvent


async def hand_over(
    client: Client,
    server: ModelServer,
    to: Target,
    environ: Mapping[str, str],
    store: HandoverStore,
    clock: Clock,
    *,
    at_length: bool = False,
) -> AsyncGenerator[HandingOver, None]:
    """The checks; where none fails the recipe; of a short one what it printed, of a long one, `at_length`, its run."""
    works = True
    async with aclosing(fits(client, server, to.model, environ)) as checks:
        async for check in checks:
            works = works and check.status != "fail"
            yield check
    if not works:
        return
    text = recipe(client, to)
    yield Recipe(text)
    if client in RUN_HERE:
        code, output = await store.once(text, RUN_HERE[client])
        yield Tried(code, output, no_answer(client, output) if code == 0 else "")
    elif at_length:
        about = {"base_url": to.base_url, "model": to.model, "began": clock.now()}
        async with aclosing(store.run(client, text, RUN_AT_LENGTH[client], about)) as events:
            async for event in events:
                yield event
