"""One of our programs as a child process: its ready line, its log, its end."""

import asyncio
import asyncio.subprocess
import contextlib
import re
import sys
from collections.abc import Sequence
from typing import Any

from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.progress import note

_MAX_LINE_BYTES = 1024 * 1024
_GRACE_S = 30.0
_READY = re.compile(r"ready (?:grpc|http)=(\S+)")


class Program:
    """A running program whose lines go to stderr under its name."""

    def __init__(self, name: str, process: asyncio.subprocess.Process) -> None:
        """Follow ``process`` until it ends."""
        self.name = name
        self._process = process
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._followers = [
            asyncio.create_task(self._follow(stream)) for stream in (process.stdout, process.stderr) if stream
        ]

    @classmethod
    async def start(cls, name: str, module: str, arguments: Sequence[str]) -> "Program":
        """Start ``python -m module``, in a session of its own so that Ctrl-C reaches only us."""
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", module, *arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            limit=_MAX_LINE_BYTES,
            start_new_session=True,
        )
        return cls(name, process)

    async def ready(self) -> str:
        """Wait for the ready line and give its address.

        Raises:
            CommandFailed: The program ended before it was ready.
        """
        ended = asyncio.create_task(self._process.wait())
        either: set[asyncio.Future[Any]] = {ended, self._address}
        await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        if self._address.done():
            ended.cancel()
            return self._address.result()
        await asyncio.wait(self._followers)  # what it said last must be seen first
        raise CommandFailed(f"The {self.name} ended with code {ended.result()} before it was ready; see its log above.")

    async def ended(self) -> int:
        """Wait for its end and give its exit code."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Ask it to stop, wait while it finishes its calls, and kill it after 30 s."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), _GRACE_S)
            except TimeoutError:
                note(f"the {self.name} did not stop within {_GRACE_S:.0f} s and is killed")
                self._process.kill()
                await self._process.wait()
        await asyncio.wait(self._followers)
        self._address.cancel()

    async def _follow(self, stream: asyncio.StreamReader) -> None:
        async for raw in stream:
            line = raw.decode("utf-8", "replace").rstrip()
            ready = _READY.fullmatch(line)
            if ready and not self._address.done():
                self._address.set_result(ready[1])
            elif line:
                note(f"[{self.name}] {line}")
