"""A request as a shell sends it: the key reaches curl, and not its arguments, which everybody on a box can read."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from nemotui.core.connect import Target, curl_again, recipe
from nemotui.core.exchange import HIDDEN, Sent
from nemotui.core.served import curl

KEY = "sk-a-secret-of-the-test"
SENT = Sent(at=0, method="POST", url="http://x", headers=(("Authorization", HIDDEN),), body="{}", size=2)
# In place of curl: its arguments, and what its header comes from.
STAND_IN = 'curl() { printf "argument %s\\n" "$@"; for word; do case $word in @*) cat "${word#@}";; esac; done; }'


@pytest.mark.parametrize(
    "command",
    [
        curl("http://x", {"model": "m"}, with_key=True),
        curl_again(SENT, "$VLLM_API_KEY"),
        recipe("curl", Target(base_url="http://x", model="m", key="$VLLM_API_KEY")),
    ],
)
def test_a_key_is_in_no_argument(command: str, tmp_path: Path) -> None:
    said = subprocess.run(
        ["bash", "-c", f"{STAND_IN}\n{command}"],
        env={"VLLM_API_KEY": KEY, "PATH": "/usr/bin:/bin"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        text=True,
        cwd=tmp_path,
    ).stdout
    arguments = [line for line in said.splitlines() if line.startswith("argument ")]
    assert f"Authorization: Bearer {KEY}" in said
    assert "argument @/dev/fd/" in said
    assert not any(KEY in line for line in arguments)


def test_without_a_key_no_header_is_sent() -> None:
    assert "Authorization" not in curl("http://x", {"model": "m"})
