"""Reads a terminal, a pipe or a file without blocking the event loop."""

import asyncio
import concurrent.futures
import contextlib
import os
import threading
from collections.abc import AsyncIterator, Iterable
from typing import BinaryIO, TextIO, TypeVar

Item = TypeVar("Item")
_MAX_WAITING = 64


def input_lines(source: TextIO) -> AsyncIterator[str]:
    """Give lines as they come, with their line breaks, until the end of the input."""
    return _read_aside(source)


def input_pieces(source: BinaryIO, num_bytes: int) -> AsyncIterator[bytes]:
    """Give what there is, at most ``num_bytes`` at a time, until the end of the input."""
    # Past the buffer: its lock, held by a thread that waits, would abort the interpreter when it ends.
    return _read_aside(iter(lambda: os.read(source.fileno(), num_bytes), b""))


async def _read_aside(source: Iterable[Item]) -> AsyncIterator[Item]:
    loop = asyncio.get_running_loop()
    waiting: asyncio.Queue[Item | None] = asyncio.Queue(_MAX_WAITING)

    def read() -> None:
        # The loop may end while an item is handed over; nobody wants it then.
        with contextlib.suppress(RuntimeError, concurrent.futures.CancelledError):
            for item in source:
                asyncio.run_coroutine_threadsafe(waiting.put(item), loop).result()
            asyncio.run_coroutine_threadsafe(waiting.put(None), loop).result()

    # A daemon, because a thread that waits for a key cannot be stopped and must not hold up Ctrl-C.
    threading.Thread(target=read, name="input", daemon=True).start()
    while (item := await waiting.get()) is not None:
        yield item
