"""A container's log as the console reads it: taken up again where it broke off."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from nemotui.core.errors import NemotuiError, NothingThereError, Problem
from nemotui.core.logs import LogLine, Place, Rest
from nemotui.core.ports import Clock, ContainerRuntime

_BEGINNING = Place()
_RETRY_S = 2.0


async def follow_log(
    runtime: ContainerRuntime, container_id: str, clock: Clock, *, tail: int, since: Place = _BEGINNING
) -> AsyncGenerator[tuple[LogLine, ...] | Problem, None]:
    """The last `tail` lines, or those beyond `since`, and each new one until the container ends.

    A `Problem` while the engine does not give it; it is asked again until it does, or has no such container any more.
    """
    last = since
    while True:
        rest = Rest(last)
        try:
            async with aclosing(
                runtime.logs(container_id, follow=True, tail=None if last.time else tail, since=last.time)
            ) as batches:
                async for batch in batches:
                    if fresh := rest.new(batch):
                        last = last.after(fresh)
                        yield fresh
            if not (await runtime.inspect(container_id)).going_on:
                return
        except NothingThereError as error:
            yield error.problem
            if error.problem.kind == "no_container":
                return
        except NemotuiError as error:
            yield error.problem
        await clock.sleep(_RETRY_S)
