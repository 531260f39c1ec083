"""What can go wrong for a user, as one exception with what happened, what to do, and the exit code that says so."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Problem:
    """A trouble in words, as every `--json` document carries it under `error`.

    `kind` is a stable word for scripts (`no_driver`, `no_engine`, `usage` …), `message` one plain sentence,
    `fix` what to do about it, as a command where there is one.
    """

    kind: str
    message: str
    fix: str

    def __str__(self) -> str:
        return f"{self.message.rstrip('.')}. {self.fix[0].upper()}{self.fix[1:]}" if self.fix else self.message


class NemotuiError(Exception):
    """Raised for what a user can understand and mend; anything else that escapes is a defect."""

    exit_code = 1

    def __init__(self, kind: str, message: str, fix: str = "") -> None:
        super().__init__(message)
        self.problem = Problem(kind, message, fix)

    def __str__(self) -> str:
        return str(self.problem)


class FailedError(NemotuiError):
    """What was asked was tried and failed: exit 1."""


class UsageError(NemotuiError):
    """A flag, a file or a setting is wrong: exit 2, no JSON document."""

    exit_code = 2


class NothingThereError(NemotuiError):
    """Nothing to act on (no GPU, no driver, no engine, no permission, no server): exit 3."""

    exit_code = 3
