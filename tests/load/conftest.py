"""What the tests of the load generator share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.load.runs import begun


@pytest.fixture(autouse=True)
def no_process_is_left() -> Iterator[None]:
    """A test that fails while its run goes on must not trouble the next one."""
    yield
    while begun:
        process = begun.pop()
        process.kill()  # nothing to one that has ended
        process.wait(60)
