"""A file on disk for what is uploaded, closed whatever becomes of its caller."""

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from typing import IO


@contextlib.asynccontextmanager
async def open_spool() -> AsyncIterator[IO[bytes]]:
    """Open a file without a name; it is gone from the disk when the context ends.

    Its opening and closing are no tasks: these are cancelled with the caller's, or with the whole loop, before a
    busy executor comes to them.
    """
    loop = asyncio.get_running_loop()
    opening = loop.run_in_executor(None, tempfile.TemporaryFile)
    try:
        file = await asyncio.shield(opening)
    except asyncio.CancelledError:  # the caller left; what the thread has opened is nobody's
        opening.add_done_callback(lambda opened: opened.result().close())
        raise
    try:
        yield file
    finally:
        await asyncio.shield(loop.run_in_executor(None, file.close))
