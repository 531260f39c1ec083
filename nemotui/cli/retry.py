"""The command that tries a failed deployment again, cured: what was typed, with what the cure changes."""

from __future__ import annotations

from typing import Any

import click
from click.core import ParameterSource

from nemotui.core.cure import Change, Cure, with_flag
from nemotui.core.plan import docker_run

# Settings of the container that a flag of ours speaks for; any other stands behind `--`, for `vllm serve`.
_OURS = {
    "--max-num-seqs": "--max-num-seqs",
    "--max-model-len": "--context",
    "--kv-cache-dtype": "--kv-cache-dtype",
    "--gpu-memory-utilization": "--gpu-memory-utilization",
    "port": "--port",
    "name": "--name",
    "image": "--image",
    "gpus": "--gpus",
}
_WITHOUT = {"--speculative-config": ("--mtp", "0")}  # what leaves a flag out that is ours to set


def cure_json(cure: Cure | None) -> dict[str, Any] | None:
    """What changes, and two commands that do it: ours, and the container's own."""
    if cure is None:
        return None
    return {
        "changes": [{"setting": change.setting, "value": change.value} for change in cure.changes],
        "diff": list(cure.diff),
        "retry": retry_command(cure),
        "command": docker_run(cure.after),
    }


def retry_command(cure: Cure) -> list[str]:
    """This very invocation with the changed settings in the place of the old ones."""
    context = click.get_current_context()
    words, extra = ["nemotui", "deploy"], [*context.params.get("extra", ())]
    ours = [flag for change in cure.changes for flag in _flag(change)]
    for parameter in context.command.params:
        if parameter.name is None or context.get_parameter_source(parameter.name) is not ParameterSource.COMMANDLINE:
            continue
        value = context.params.get(parameter.name)
        if not isinstance(parameter, click.Option) or parameter.name == "yes":  # `up` asks, `deploy` does not
            continue
        if not any(option in ours for option in parameter.opts):
            words += _typed(parameter, value)
    if cure.replaces and "--replace" not in words:
        words.append("--replace")
    for change in cure.changes:
        flag = change.setting
        extra = [*with_flag(extra, flag, None)]  # the user's own, which stands last, would win over ours
        if words_of_ours := _flag(change):
            words += words_of_ours
        elif flag.isupper() and change.value is not None:
            words += ["--env", f"{flag}={change.value}"]
        elif flag.startswith("-") and change.value is not None:
            extra += [flag, change.value] if change.value else [flag]
    return [*words, "--", *extra] if extra else words


def _flag(change: Change) -> tuple[str, ...]:
    if change.value is None:
        return _WITHOUT.get(change.setting, ())
    return (_OURS[change.setting], change.value) if change.setting in _OURS else ()


def _typed(option: click.Option, value: Any) -> list[str]:
    if option.is_flag:
        return [option.opts[0] if value else option.secondary_opts[0]]
    if option.multiple:
        return [word for each in value for word in (option.opts[0], str(each))]
    text = ",".join(value) if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
    return [option.opts[0], text]
