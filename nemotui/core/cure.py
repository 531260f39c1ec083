"""A cure: the settings of a failed start that change, as data; what it makes of the container, and how that differs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from nemotui.core.hardware import BUSY_BYTES, Machine
from nemotui.core.plan import ALL_GPUS, LABEL, ContainerSpec, docker_run
from nemotui.core.serve_args import same_flag
from nemotui.core.show import options

_GAP = 0.01  # of a GPU's memory, left free beside what somebody else holds
_LEAST_SHARE = 0.6  # of a GPU's memory: with less, no variant of the model has room for its cache


@dataclass(frozen=True, slots=True)
class Change:
    """One setting and its new value.

    `setting` is a flag of `vllm serve` (value "" for one without a value, None to take it out), an environment
    variable in capitals, or one of the container's own: `port`, `name`, `image`, `gpus` (UUIDs with commas), `ipc`.
    """

    setting: str
    value: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Cure:
    """What to change and try again. `replaces` is the container that has to go first, where one is in the way."""

    changes: tuple[Change, ...] = ()
    before: ContainerSpec
    after: ContainerSpec
    replaces: str | None = None

    @property
    def diff(self) -> tuple[str, ...]:
        """The lines of the command that change, `- ` before and `+ ` after."""
        return command_diff(docker_run(self.before), docker_run(self.after))


def cured(spec: ContainerSpec, changes: Sequence[Change]) -> Cure | None:
    """The cure that these changes are to this container; None where they change nothing of it."""
    after = spec
    for change in changes:
        after = _changed(after, change)
    return Cure(changes=tuple(changes), before=spec, after=after) if after != spec else None


def command_diff(before: Sequence[str], after: Sequence[str]) -> tuple[str, ...]:
    """Two commands, option by option: what goes behind `- `, what comes behind `+ `."""
    old, new = ([" ".join(words) for words in options(command)] for command in (before, after))
    lines = difflib.ndiff(old, new)
    return tuple(line for line in lines if line[:2] in ("- ", "+ "))


# -- changes that hang on the container, or on the machine


def next_port(spec: ContainerSpec) -> tuple[Change, ...]:
    """The port above."""
    return (Change("port", str(spec.port + 1)),) if spec.port < 65535 else ()


def other_name(spec: ContainerSpec) -> tuple[Change, ...]:
    """The name with the next number."""
    stem, dash, number = spec.name.rpartition("-")
    counted = dash and number.isdigit()
    return (Change("name", f"{stem}-{int(number) + 1}" if counted else f"{spec.name}-2"),)


def smaller_share(free_gib: float, total_gib: float) -> tuple[Change, ...]:
    """As much of the GPU as is free; nothing where that is too little for the model."""
    share = int((free_gib / total_gib - _GAP) * 100) / 100 if total_gib else 0.0
    return (Change("--gpu-memory-utilization", f"{share:g}"),) if share >= _LEAST_SHARE else ()


def idle_gpus(spec: ContainerSpec, machine: Machine) -> tuple[Change, ...]:
    """As many GPUs of the same model that nobody uses; nothing where there are too few."""
    if not spec.gpus or spec.gpus == ALL_GPUS:
        return ()
    models = {gpu.name for gpu in machine.gpus if gpu.uuid in spec.gpus}
    idle = [
        gpu.uuid
        for gpu in machine.gpus
        if gpu.state == "ok" and gpu.visible and not gpu.processes and gpu.name in models
        if gpu.memory_used_bytes is not None and gpu.memory_used_bytes < BUSY_BYTES
    ]
    chosen = tuple(idle[: len(spec.gpus)])
    return (Change("gpus", ",".join(chosen)),) if len(chosen) == len(spec.gpus) and chosen != spec.gpus else ()


# -- one change


def _changed(spec: ContainerSpec, change: Change) -> ContainerSpec:
    value = change.value
    if change.setting.startswith("-"):
        return replace(spec, args=with_flag(spec.args, change.setting, value))
    if change.setting.isupper():
        kept = tuple(pair for pair in spec.environment if pair[0] != change.setting)
        return replace(spec, environment=kept if value is None else (*kept, (change.setting, value)))
    return _FIELDS[change.setting](spec, value or "")


_FIELDS: dict[str, Callable[[ContainerSpec, str], ContainerSpec]] = {
    "port": lambda spec, value: replace(spec, port=int(value), labels=_labelled(spec, f"{LABEL}.port", value)),
    "name": lambda spec, value: replace(spec, name=value, labels=_labelled(spec, LABEL, value)),
    "image": lambda spec, value: replace(spec, image=value),
    "gpus": lambda spec, value: replace(spec, gpus=tuple(value.split(","))),
    "ipc": lambda spec, value: replace(spec, ipc_host=value == "host"),
}


def _labelled(spec: ContainerSpec, name: str, value: str) -> tuple[tuple[str, str], ...]:
    return tuple((key, value if key == name else old) for key, old in spec.labels)


def with_flag(args: Sequence[str], flag: str, value: str | None) -> tuple[str, ...]:
    """The new value in the place of the flag's first, or at the end; None takes the flag out with its values."""
    new = () if value is None else (flag, value) if value else (flag,)
    result: list[str] = []
    placed = dropping = False
    for word in args:
        if same_flag(word.partition("=")[0], flag):
            dropping = "=" not in word
            if not placed:
                result += new
                placed = True
        elif dropping and not word.startswith("-"):
            continue
        else:
            dropping = False
            result.append(word)
    return tuple(result) if placed else (*args, *new)
