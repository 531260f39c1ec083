"""F8 in the lab: what went over the wire for each column of the prompt that is shown."""

from __future__ import annotations

import pytest

from tests.ui.conftest import ConsoleFactory

pytestmark = pytest.mark.anyio


async def test_each_column_has_its_exchange(console: ConsoleFactory) -> None:
    async with console(speed=500) as c:
        await c.serve()
        await c.press("5", "escape")
        c.main.on_chat_pane_lab()
        await c.until("Lab")
        await c.press("f8")
        await c.until("Nothing was asked yet.")
        await c.press("enter")
        await c.until(lambda: c.main.lab.rows and c.main.lab.rows[-1].over)
        await c.press("f8")
        await c.until("On the wire")
        assert "1 of 3" in c.text
        await c.press("right", "right")
        await c.until("3 of 3")
        assert "[off]" in c.text
        assert "POST /v1/chat/completions" in c.text
