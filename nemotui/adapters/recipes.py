"""A recipe run as its reader would run it: by bash, bounded in time and output, and ended with us."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from contextlib import suppress

from nemotui.core.text import plain

_PATIENCE_S = 120.0
_OUTPUT_LIMIT = 64 * 1024


async def run_recipe(recipe: str, program: str) -> tuple[int | None, str]:
    """Its exit code, and what it printed; None where it could not be run, or did not end, with why."""
    for needed in ("bash", program):
        if shutil.which(needed) is None:
            return None, f"{needed} is not installed here"
    process = await asyncio.create_subprocess_exec(
        *("bash", "-c", recipe),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        env={**os.environ, "no_proxy": "localhost,127.0.0.1"},
        start_new_session=True,
    )
    assert process.stdout is not None
    printed = bytearray()
    try:
        async with asyncio.timeout(_PATIENCE_S):
            while chunk := await process.stdout.read(8192):
                printed += chunk[: max(0, _OUTPUT_LIMIT - len(printed))]
            code = await process.wait()
    except TimeoutError:
        return None, f"it did not end within {_PATIENCE_S:.0f} s"
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
    return code, plain(printed.decode("utf-8", "replace")).strip()
