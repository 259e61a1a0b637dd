"""Reads lines from a terminal, a pipe or a file without blocking the event loop."""

import asyncio
import concurrent.futures
import contextlib
import threading
from collections.abc import AsyncIterator
from typing import TextIO

_MAX_WAITING_LINES = 64


async def input_lines(source: TextIO) -> AsyncIterator[str]:
    """Give lines as they come, with their line breaks, until the end of the input."""
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[str | None] = asyncio.Queue(_MAX_WAITING_LINES)

    def read() -> None:
        # The loop may end while a line is handed over; nobody wants it then.
        with contextlib.suppress(RuntimeError, concurrent.futures.CancelledError):
            for line in source:
                asyncio.run_coroutine_threadsafe(waiting.put(line), loop).result()
            asyncio.run_coroutine_threadsafe(waiting.put(None), loop).result()

    # A daemon, because a thread that waits for a key cannot be stopped and must not hold up Ctrl-C.
    threading.Thread(target=read, name="input", daemon=True).start()
    while (line := await waiting.get()) is not None:
        yield line
