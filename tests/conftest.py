"""What every test may use."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import settings

from tests.real.parts import require

# No timed assertions in the suite: a slow machine must not fail a property.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


class PlainNames:
    """Names a test as pytest alone would. xdist adds "@" and the test's group, and no other run knows that name."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        report.nodeid = re.sub(r"@[^\]]*$", "", report.nodeid)


def pytest_configure(config: pytest.Config) -> None:
    """Only where reports come together: a worker still needs its own names."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(PlainNames())


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
