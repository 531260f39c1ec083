"""What every test may use."""

from __future__ import annotations

import pytest
from hypothesis import settings

# No timed assertions in the suite: a slow machine must not fail a property.
settings.register_profile("suite", deadline=None)
settings.load_profile("suite")


@pytest.fixture
def anyio_backend() -> str:
    """Async tests carry `@pytest.mark.anyio` and run on asyncio, the loop that Textual uses."""
    return "asyncio"
