"""Arguments of a command that carry a secret: found, so that they can be refused; masked wherever they are shown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MASK = "***"
# --api-key, --hf-token, --ssl-keyfile-password; not --max-num-batched-tokens. vLLM reads `_` as `-`.
_SECRET = re.compile(r"--?(?:[\w-]*[-_])?(?:api[-_]?keys?|token|password|passphrase|secret)")

_SECRET_NAME = re.compile(r"(?:^|_)(?:API_?KEY|TOKEN|PASSWORD|PASSPHRASE|SECRET|ACCESS_KEY|CREDENTIALS?)(?:_|$)", re.I)


def secret_flags(args: Sequence[str]) -> tuple[str, ...]:
    """The flags among these arguments whose value is a secret."""
    return tuple(flag for flag in (arg.partition("=")[0] for arg in args) if _SECRET.fullmatch(flag))


def is_secret_name(name: str) -> bool:
    """Whether an environment variable of this name holds a secret: HF_TOKEN, VLLM_API_KEY, AWS_SECRET_ACCESS_KEY."""
    return _SECRET_NAME.search(name) is not None


def redacted(args: Sequence[str]) -> tuple[str, ...]:
    """The arguments with each secret value replaced by `***`; vLLM's --api-key takes several."""
    return tuple(_redacted(args))


def _redacted(args: Sequence[str]) -> Iterator[str]:
    secret = False
    for arg in args:
        flag, joined, _ = arg.partition("=")
        if arg.startswith("-"):
            secret = _SECRET.fullmatch(flag) is not None
            yield f"{flag}={MASK}" if secret and joined else arg
        else:
            yield MASK if secret else arg
