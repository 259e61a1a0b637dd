"""Records PCM from the microphone through whichever sound program this machine has, or from the standard input."""

import asyncio
import asyncio.subprocess
import shutil
import signal
import sys
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.lines import input_pieces

SAMPLE_RATE_HZ = 16_000
"""Of what is recorded: signed 16-bit mono samples."""

_PIECE_BYTES = SAMPLE_RATE_HZ * 2 // 20  # 50 ms
_RECORDERS: dict[str, tuple[str, ...]] = {
    "arecord": ("-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", str(SAMPLE_RATE_HZ), "-"),
    "parec": ("--raw", "--format=s16le", "--channels=1", f"--rate={SAMPLE_RATE_HZ}"),
    "rec": ("-q", "-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", str(SAMPLE_RATE_HZ), "-"),
}


async def until_interrupted(pieces: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Give what ``pieces`` gives until it ends or Ctrl-C is pressed, which then ends nothing else."""
    stopped, loop = asyncio.Event(), asyncio.get_running_loop()
    with suppress(NotImplementedError):  # Windows: Ctrl-C ends the command without the last words
        loop.add_signal_handler(signal.SIGINT, stopped.set)
    stopping = asyncio.create_task(stopped.wait())
    try:
        async with aclosing(pieces):
            while piece := await _next(pieces, stopping):
                yield piece
    finally:
        stopping.cancel()
        with suppress(NotImplementedError):
            loop.remove_signal_handler(signal.SIGINT)


async def _next(pieces: AsyncGenerator[bytes, None], stopping: asyncio.Task[bool]) -> bytes:
    """The next piece; empty at the end."""
    reading = asyncio.ensure_future(anext(pieces, b""))
    try:
        await asyncio.wait({reading, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return b"" if stopping.done() else reading.result()
    finally:
        if not reading.done():
            reading.cancel()
            await asyncio.wait([reading])


async def microphone() -> AsyncGenerator[bytes, None]:
    """Record until the caller stops reading.

    Raises:
        CommandFailed: There is no sound program, or it stopped.
    """
    name = next((name for name in _RECORDERS if shutil.which(name)), None)
    if name is None:
        raise CommandFailed(f"To record, install one of {', '.join(_RECORDERS)}; or give samples: antiphon listen -")
    process = await asyncio.create_subprocess_exec(name, *_RECORDERS[name], stdout=asyncio.subprocess.PIPE)
    try:
        assert process.stdout is not None
        while piece := await process.stdout.read(_PIECE_BYTES):
            yield piece
        raise CommandFailed(f"{name} stopped with code {await process.wait()}; is there a microphone?")
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def standard_input() -> AsyncGenerator[bytes, None]:
    """Read samples until the input ends."""
    async for piece in input_pieces(sys.stdin.buffer, _PIECE_BYTES):
        yield piece
