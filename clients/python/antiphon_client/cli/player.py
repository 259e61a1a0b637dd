"""Plays PCM through whichever sound program this machine has."""

import asyncio
import asyncio.subprocess
import contextlib
import shutil
from collections.abc import AsyncIterator

from antiphon_client.cli.failure import CommandFailed

_RATE = "{rate}"
# Each reads headerless 16-bit mono samples from its standard input.
_PLAYERS: dict[str, tuple[str, ...]] = {
    "aplay": ("-q", "-t", "raw", "-f", "S16_LE", "-c", "1", "-r", _RATE, "-"),
    "pacat": ("--playback", "--raw", "--format=s16le", "--channels=1", "--rate={rate}"),
    "ffplay": ("-nodisp", "-autoexit", "-loglevel", "error", "-f", "s16le", "-ar", _RATE, "-i", "-"),
    "play": ("-q", "-t", "raw", "-e", "signed", "-b", "16", "-c", "1", "-r", _RATE, "-"),
}


class Player:
    """A sound program that is being fed."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Feed ``process``."""
        self._process = process

    async def write(self, samples: bytes) -> None:
        """Queue samples, waiting while the program has enough.

        Raises:
            CommandFailed: The program has stopped.
        """
        feed = self._process.stdin
        assert feed is not None
        try:
            feed.write(samples)
            await feed.drain()
        except (BrokenPipeError, ConnectionResetError):
            raise CommandFailed("The sound program stopped; is there a sound device? Use --out FILE.") from None


@contextlib.asynccontextmanager
async def player(sample_rate_hz: int) -> AsyncIterator[Player]:
    """Start a sound program, and wait at the end until all has been heard.

    Raises:
        CommandFailed: There is no sound program.
    """
    name = next((name for name in _PLAYERS if shutil.which(name)), None)
    if name is None:
        raise CommandFailed(f"To play sound, install one of {', '.join(_PLAYERS)}; or use --out FILE.")
    arguments = [part.format(rate=sample_rate_hz) for part in _PLAYERS[name]]
    process = await asyncio.create_subprocess_exec(name, *arguments, stdin=asyncio.subprocess.PIPE)
    try:
        yield Player(process)
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
