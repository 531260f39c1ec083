"""A container's log as the console reads it: taken up again where it broke off."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from nemotui.core.errors import NemotuiError, NothingThereError, Problem
from nemotui.core.logs import LogLine
from nemotui.core.ports import Clock, ContainerRuntime

_RETRY_S = 2.0


async def follow_log(
    runtime: ContainerRuntime, container_id: str, clock: Clock, *, tail: int, since: float | None = None
) -> AsyncGenerator[tuple[LogLine, ...] | Problem, None]:
    """The last `tail` lines, or those after `since`, and each new one until the container ends.

    A `Problem` while the engine does not give it; it is asked again until it does, or has no such container any more.
    """
    last = since
    while True:
        seen = last
        try:
            async with aclosing(
                runtime.logs(container_id, follow=True, tail=None if seen else tail, since=seen)
            ) as batches:
                async for batch in batches:
                    # `since` includes the lines of that very time.
                    fresh = tuple(line for line in batch if seen is None or line.time is None or line.time > seen)
                    last = max((line.time for line in fresh if line.time is not None), default=last)
                    if fresh:
                        yield fresh
            if (await runtime.inspect(container_id)).state in ("exited", "dead", "created"):
                return
        except NothingThereError as error:
            yield error.problem
            if error.problem.kind == "no_container":
                return
        except NemotuiError as error:
            yield error.problem
        await clock.sleep(_RETRY_S)
