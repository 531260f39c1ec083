"""An incident: all that is known of a failed start, in files to send to somebody, with every secret taken out."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import asdict
from typing import Any, Final

from nemotui import __version__
from nemotui.core.diagnose import diagnose
from nemotui.core.errors import NemotuiError
from nemotui.core.logs import LogLine
from nemotui.core.plan import docker_run
from nemotui.core.ports import Backends, Container
from nemotui.core.secret_args import MASK, is_secret_name, redacted

_LINES: Final = 200_000
_SHORTEST: Final = 4  # a shorter "secret" would take half the log with it
# A token by its looks, in whatever text it stands.
_LOOKS: Final = (
    re.compile(r"\b(?:hf|sk|nvapi|gh[opsu]|glpat)[_-][A-Za-z0-9_-]{8,}"),
    re.compile(r"(?i)(?<=bearer )[A-Za-z0-9._~+/=-]{6,}"),
    re.compile(r"(?<=://)[^/\s:@]+:[^/\s@]+(?=@)"),
    re.compile(r"(?i)(?<=[\"' _-]api[_-]key[\"'])\s*[:=]\s*\[?[\"'][^\"']+[\"']"),
)


async def incident(b: Backends, container: Container) -> dict[str, str]:
    """The files by name: the plan, the log, the engine's own document, the environment, the diagnosis."""
    lines: list[LogLine] = []
    async with aclosing(b.runtime.logs(container.id, follow=False, tail=_LINES)) as batches:
        async for batch in batches:
            lines += batch
    document = await b.runtime.document(container.id)
    spec = await b.runtime.spec(container.id)
    found = diagnose(lines, container.exit_code, container.oom_killed)
    diagnosis = {name: getattr(found, name) for name in ("kind", "cause", "remedy", "evidence")} if found else None
    plan = {**asdict(spec), "args": redacted(spec.args), "command": shlex.join(docker_run(spec))}
    files = {
        "plan.json": _json(plan),
        "log.txt": "".join(f"{line.time or 0:.6f} {line.stream} {line.text}\n" for line in lines),
        "inspect.json": _json(_masked(document)),
        "environment.json": _json(await _environment(b)),
        "diagnosis.json": _json(diagnosis),
    }
    secrets = (*_values(document), *filter(None, [b.keys.key()]))
    return {name: scrubbed(text, secrets) for name, text in files.items()}


def scrubbed(text: str, secrets: Sequence[str] = ()) -> str:
    """Text without these secrets, and without whatever looks like one."""
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= _SHORTEST:
            text = text.replace(secret, MASK).replace(json.dumps(secret)[1:-1], MASK)
    for looks in _LOOKS:
        text = looks.sub(MASK, text)
    return text


async def _environment(b: Backends) -> dict[str, Any]:
    known: dict[str, Any] = {"nemotui_version": __version__}
    for name, ask in (("machine", b.probe.sample), ("engine", b.runtime.info)):
        try:
            known[name] = asdict(await ask())
        except NemotuiError as error:
            known[name] = asdict(error.problem)
    return known


def _values(document: Mapping[str, Any]) -> Iterator[str]:
    """The secrets that the engine's document holds."""
    config = document.get("Config") or {}
    for name, _, value in (str(entry).partition("=") for entry in config.get("Env") or ()):
        if is_secret_name(name):
            yield value
    command = [str(word) for word in (*(config.get("Cmd") or ()), *(config.get("Entrypoint") or ()))]
    yield from (word for word, shown in zip(command, redacted(command), strict=True) if shown == MASK)
    for word, shown in zip(command, redacted(command), strict=True):
        if shown != word and shown.endswith(f"={MASK}"):
            yield word.partition("=")[2]


def _masked(document: Mapping[str, Any]) -> Mapping[str, Any]:
    """The variables with a secret's name hold none any more, however short it was."""
    config = document.get("Config") or {}
    kept = [
        f"{name}={MASK}" if is_secret_name(name) else f"{name}{equals}{value}"
        for name, equals, value in (str(entry).partition("=") for entry in config.get("Env") or ())
    ]
    return {**document, "Config": {**config, "Env": kept}} if config else document


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=_plain) + "\n"


def _plain(value: Any) -> Any:
    return dict(value) if isinstance(value, Mapping) else str(value)
