"""Secrets among a command's arguments: found and masked, whatever way they are written; nothing else is touched."""

from __future__ import annotations

import pytest

from nemotui.core.secret_args import redacted, secret_flags


@pytest.mark.parametrize(
    ("args", "flags", "shown"),
    [
        ("model --api-key sk-1 --port 8000", ["--api-key"], "model --api-key *** --port 8000"),
        ("--api-key=sk-1 x", ["--api-key"], "--api-key=*** ***"),
        ("--api_key sk-1 sk-2 --tp 2", ["--api_key"], "--api_key *** *** --tp 2"),
        ("--hf-token hf_1", ["--hf-token"], "--hf-token ***"),
        ("--ssl-keyfile-password a=b", ["--ssl-keyfile-password"], "--ssl-keyfile-password ***"),
        ("--hf-token", ["--hf-token"], "--hf-token"),
    ],
)
def test_secrets(args: str, flags: list[str], shown: str) -> None:
    assert list(secret_flags(args.split())) == flags
    assert " ".join(redacted(args.split())) == shown


def test_flags_that_only_sound_like_it() -> None:
    args = ("--max-num-batched-tokens", "8192", "--ssl-keyfile", "key.pem", "--tokenizer", "x", "--served-model-name=a")
    assert (secret_flags(args), redacted(args)) == ((), args)
