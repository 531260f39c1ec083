"""What our command does differently from the published guide's for the same variant and GPUs, and why."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, replace

from nemotui.core.flags import Flag
from nemotui.core.plan import ALL_GPUS, GPU_IMAGE, Plan, plan_flags

_OURS_ALONE = ("--name", "--label", "--restart", "--log-driver")  # nothing that the server itself does


# What those who paste the published command run into.
FAULTS = (
    "no --max-num-seqs: vLLM's own 1024 ends the start where the Mamba cache has fewer blocks, after the weights were"
    " loaded (2×H100 FP8: about 520)",
    "no reasoning parser: the thinking lands in the answer",
    'no tool parser: tool_choice "auto" is answered by HTTP 400',
    "it listens on every address without a key, and Docker publishes past ufw",
    "the image is `latest`: not the same one tomorrow",
    "vLLM's compile cache goes with the container: every start compiles again",
    "all GPUs, whoever uses them; --tensor-parallel-size decides how many are used",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One flag. `published` and `here` are what stands there; None: nothing does. `why` is a phrase."""

    flag: str
    published: str | None
    here: str | None
    why: str


def as_published(plan: Plan) -> Plan:
    """The guide's own plan for this variant on so many GPUs."""
    return replace(
        plan,
        as_published=True,
        image=GPU_IMAGE,
        gpus=ALL_GPUS,
        bind="0.0.0.0",
        port=8000,
        vllm_cache=None,
        inherited=(),
        model_mount=None,
        extra_args=(),
    )


def differences(plan: Plan) -> tuple[Difference, ...]:
    """Flag by flag, in the order of our command."""
    here, there = _by_name(plan), _by_name(as_published(plan))
    found = []
    if plan.image != GPU_IMAGE:
        found.append(Difference(flag="image", published=GPU_IMAGE, here=plan.image, why="the image you chose"))
    for name in here | there:
        ours, theirs = here.get(name), there.get(name)
        flag = ours or theirs
        if flag is None or name in _OURS_ALONE or (ours and theirs and _value(ours) == _value(theirs)):
            continue
        found.append(Difference(flag=name, published=_text(theirs), here=_text(ours), why=flag.why))
    return tuple(found)


def _by_name(plan: Plan) -> dict[str, Flag]:
    return {_name(flag): flag for flag in plan_flags(plan)}


def _name(flag: Flag) -> str:
    """What two commands are compared by: the flag, and for those that come several times also what it sets."""
    first = flag.words[0]
    if first == "-e":
        return f"-e {flag.words[1].partition('=')[0]}"
    if first == "-v":
        return f"-v {flag.words[1].split(':')[1]}"
    return first if first.startswith("-") else "--model"  # the model stands without its flag in ours


def _value(flag: Flag) -> tuple[str, ...]:
    return flag.words[1:] or flag.words


def _text(flag: Flag | None) -> str | None:
    return shlex.join(flag.words) if flag else None
