"""`nemotui pull`: the image and the weights ahead of time."""

from __future__ import annotations

from contextlib import aclosing
from dataclasses import asdict
from typing import Any

from nemotui.cli.backends import backends
from nemotui.cli.output import Answer
from nemotui.cli.plans import chosen, plan_request
from nemotui.cli.verb import Invocation, plan_flags, verb
from nemotui.core.deploy import Pulling
from nemotui.core.errors import Problem
from nemotui.core.failed import Failed
from nemotui.core.lookout import Fetch
from nemotui.core.plan import container_spec
from nemotui.core.pull import Fetching, Kept, Pulled
from nemotui.core.pull import pull as pull_events
from nemotui.core.show import arriving, gib


@verb(
    example="nemotui pull --variant FP8 && nemotui deploy --variant FP8",
    lines=True,
    machine=True,
    flags=(plan_flags,),
)
async def pull(inv: Invocation, **flags: Any) -> Answer:
    """Fetch the image and weights of a plan, and start nothing.

    Weights can be broken off: what was fetched stays, and the next pull or deploy goes on from there. When this
    connection is lost their download goes on by itself, and another pull shows it. An image is Docker's to resume.
    """
    async with backends(inv) as b:
        spec = container_spec(await chosen(b, plan_request(inv, flags)))
        step = ""
        inv.out.afterwards = "What was fetched stays: run it again to go on."
        async with aclosing(pull_events(b, spec)) as events:
            async for event in events:
                match event:
                    case Pulling():
                        inv.out.event("pulling", pulling_json(event))
                        step = _step(inv, step, f"Image {spec.image}")
                        inv.out.progress(pulling_line(event))
                    case Kept(why=why):
                        inv.out.event("kept", {"image": spec.image, "why": why})
                        inv.out.note(f"{why}: the one that is here is kept.")
                    case Fetching(fetch=fetch):
                        inv.out.event("fetching", asdict(fetch))
                        step = _step(inv, step, f"Weights {fetch.repo}")
                        inv.out.progress(fetch_line(fetch))
                    case Failed():
                        for line in event.evidence:
                            inv.out.note(f"  {line}")
                        problem = Problem(event.kind, event.cause, event.remedy)
                        return Answer({"evidence": list(event.evidence)}, exit_code=1, error=problem)
                    case Pulled():
                        return Answer(_json(event), _text(event))
    raise AssertionError("a pull ends with Pulled or Failed")


def pulling_json(event: Pulling) -> dict[str, Any]:
    """An image's progress, with its rate."""
    return {
        **asdict(event.progress),
        "bytes_per_s": event.bytes_per_s,
        "eta_s": event.eta_s,
        "elapsed_s": event.elapsed_s,
    }


def pulling_line(event: Pulling) -> str:
    """The same for a terminal."""
    progress = event.progress
    figures = arriving(progress.current_bytes, progress.total_bytes, event.bytes_per_s, event.eta_s)
    done = sum(layer.step == "done" for layer in progress.layers)
    return f"Image: {figures}" + (f", {done} of {len(progress.layers)} layers unpacked" if progress.layers else "")


def fetch_line(fetch: Fetch) -> str:
    """The weights' progress for a terminal."""
    return f"Weights: {arriving(fetch.held_bytes, fetch.total_bytes, fetch.bytes_per_s, fetch.eta_s)}"


def _step(inv: Invocation, before: str, now: str) -> str:
    if now != before:
        inv.out.say(now)
    return now


def _json(event: Pulled) -> dict[str, Any]:
    fetch = event.fetch
    return {
        "image": event.image,
        "model": fetch.repo if fetch else None,
        "held_bytes": fetch.held_bytes if fetch else None,
    }


def _text(event: Pulled) -> str:
    if event.fetch is None:
        return f"{event.image} is here; there are no weights to fetch."
    return f"{event.image} and {event.fetch.repo} ({gib(event.fetch.held_bytes)}) are here."
