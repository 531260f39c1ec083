"""Pull: the image and the weights of a server ahead of time, as events; both resume where they were broken off.

The weights are fetched by the image itself, which has all that this needs: a short container without GPU or port runs
Hugging Face's own downloader into the mounted model cache, where `vllm serve` looks for them.
"""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from typing import Final

from nemotui.core.deploy import Pulling, pull_image
from nemotui.core.diagnose import diagnose
from nemotui.core.errors import FailedError, NemotuiError, NothingThereError
from nemotui.core.failed import Failed, failed
from nemotui.core.failures import Diagnosis
from nemotui.core.logs import LogLine, Place, Rest
from nemotui.core.lookout import Fetch, FetchWatch
from nemotui.core.plan import FETCH_LABEL, HF_CACHE, ContainerSpec
from nemotui.core.ports import Backends, Container, ContainerRuntime
from nemotui.core.serve_args import model_of

_LOOK_S: Final = 0.5
# vLLM reads safetensors; what some repositories hold beside them would be fetched for nothing.
_FETCH: Final = """\
import os, sys
os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
from huggingface_hub import snapshot_download
print(snapshot_download(sys.argv[1], ignore_patterns=["*.bin", "*.pt", "*.pth", "original/*"]))
"""
_ENDED_FROM_OUTSIDE: Final = Diagnosis(
    kind="killed",
    cause="The download was ended from outside",
    remedy="Run `nemotui pull` again: it goes on where it was.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetching:
    """The weights are arriving; twice a second."""

    fetch: Fetch


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """The image could not be asked for anew, and the one that is here is kept; `why` in words."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pulled:
    """All is here. `fetch` None: the plan's model is no repository, or no model cache is mounted."""

    image: str
    fetch: Fetch | None


PullEvent = Pulling | Kept | Fetching | Pulled | Failed


async def pull(b: Backends, serve: ContainerSpec) -> AsyncGenerator[PullEvent, None]:
    """Fetch, for the container that would `serve`, what is not here yet; `Pulled` or `Failed` is the last event.

    Leaving early ends what this call has begun, and what was fetched stays. Two may pull the same: the second watches
    the first. Raises `NothingThereError` when there is no engine.
    """
    had_it = await b.runtime.has_image(serve.image)
    try:
        async with aclosing(pull_image(b.runtime, serve.image, b.clock)) as image:
            async for event in image:
                yield event
    except FailedError as error:
        if not had_it or error.problem.kind == "disk_full":
            yield Failed(kind=error.problem.kind, cause=error.problem.message, remedy=error.problem.fix)
            return
        yield Kept(why=error.problem.message)
    spec = fetch_spec(serve)
    if spec is None:
        yield Pulled(image=serve.image, fetch=None)
        return
    watch = FetchWatch(b, dict(spec.labels)[FETCH_LABEL])
    async with aclosing(_weights(b, spec, watch)) as weights:
        async for got in weights:
            yield got
            if isinstance(got, Failed):
                return
    yield Pulled(image=serve.image, fetch=await watch.look())


def fetch_spec(serve: ContainerSpec) -> ContainerSpec | None:
    """The container that fetches the weights; None where there are none to fetch, or no cache to put them in."""
    model = model_of(serve.args)
    cache = tuple(volume for volume in serve.volumes if volume.target == HF_CACHE)
    if model is None or model.startswith("/") or not cache:
        return None
    return replace(
        serve,
        name=f"nemotui-pull-{re.sub(r'[^A-Za-z0-9_.-]', '-', model)}"[:128],  # what Docker accepts
        entrypoint="python3",
        args=("-c", _FETCH, model),
        gpus=(),
        container_port=None,
        volumes=cache,
        environment=(),
        secret_environment=tuple(name for name in serve.secret_environment if name != "VLLM_API_KEY"),
        labels=((FETCH_LABEL, model),),
        ipc_host=False,
    )


async def _weights(b: Backends, spec: ContainerSpec, watch: FetchWatch) -> AsyncGenerator[Fetching | Failed, None]:
    try:
        container, begun_here = await _begun(b.runtime, spec)
    except FailedError as error:
        yield Failed(kind=error.problem.kind, cause=error.problem.message, remedy=error.problem.fix)
        return
    lines: deque[LogLine] = deque(maxlen=400)
    reading = asyncio.create_task(_read(b, container, lines))
    try:
        while not reading.done():
            yield Fetching(fetch=await watch.look())
            await b.clock.sleep(_LOOK_S)
        begun_here = True  # it has ended: whoever sees that clears it away
        ended = await reading
        if ended is None or ended.exit_code in (137, 143):
            yield failed(_ENDED_FROM_OUTSIDE)
        elif ended.exit_code:
            found = diagnose(lines, ended.exit_code, ended.oom_killed)
            yield failed(found or _ENDED_FROM_OUTSIDE)
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError, NemotuiError):
            await reading
        if begun_here:
            with suppress(NemotuiError):
                await b.runtime.remove(container.id)


async def _begun(runtime: ContainerRuntime, spec: ContainerSpec) -> tuple[Container, bool]:
    """The container that fetches this, and whether it was started just now: another nemotui may have."""
    with suppress(NothingThereError):
        there = await runtime.inspect(spec.name)
        if there.state == "running" and there.labels.get(FETCH_LABEL):
            return there, False
        await runtime.remove(there.id)
    return await runtime.start(spec), True


async def _read(b: Backends, container: Container, lines: deque[LogLine]) -> Container | None:
    """Its log until it has ended; None when it is gone."""
    last = Place()
    while True:
        rest = Rest(last)
        try:
            async with aclosing(b.runtime.logs(container.id, follow=True, since=last.time)) as batches:
                async for batch in batches:
                    fresh = rest.new(batch)
                    lines.extend(fresh)
                    last = last.after(fresh)
            ended = await b.runtime.inspect(container.id)
        except NothingThereError as error:
            if error.problem.kind == "no_container":
                return None
            await b.clock.sleep(_LOOK_S)  # an engine that is restarted comes back
            continue
        if not ended.going_on:
            return ended
        await b.clock.sleep(_LOOK_S)
