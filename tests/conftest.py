"""What every test may use."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from tests.real.parts import require

# No timed assertions in the suite: a slow machine must not fail a property.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")

# A shell's background job ignores SIGINT, and so would all that the tests start and end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """`-n auto`: many tests wait for a terminal, an engine or a process, and each core has another to run meanwhile."""
    return 2 * len(os.sched_getaffinity(0))


@pytest.fixture
def anyio_backend() -> str:
    """Async tests carry `@pytest.mark.anyio` and run on asyncio, the loop that Textual uses."""
    return "asyncio"


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 and its key, in one file."""
    require("openssl")
    path = tmp_path_factory.mktemp("tls") / "both.pem"
    subject = ("-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1", "-days", "2")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run([*command, *subject, "-keyout", path, "-out", path.with_suffix(".crt")], check=True, stderr=-3)
    path.write_bytes(path.read_bytes() + path.with_suffix(".crt").read_bytes())
    return path
