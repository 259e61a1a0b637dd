"""Reads a file piece by piece without blocking the event loop."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

PIECE_BYTES = 64 * 1024
"""Size of one piece: the largest audio message of the contract."""


async def file_pieces(path: Path) -> AsyncIterator[bytes]:
    """Give the bytes of ``path`` in order, 64 KiB at a time.

    Raises:
        OSError: The file cannot be read.
    """
    file = await asyncio.to_thread(path.open, "rb")
    with file:
        while piece := await asyncio.to_thread(file.read, PIECE_BYTES):
            yield piece
