"""Starts an engine process and ends it: the operating system's half of its life."""

import asyncio
import contextlib
import socket
import sys
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable

from antiphon_server.engine.spec import EngineSpec
from antiphon_server.worker.channel import Channel, open_channel
from antiphon_server.worker.line import Line

_STDERR = 2


class ChildProcess:
    """A process and the channel to it."""

    def __init__(self, process: Process, channel: Channel) -> None:
        self._process = process
        self._channel = channel
        self.pid = process.pid

    def kill(self) -> None:
        """Kill the process, if it still lives."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()

    async def end(self, grace_s: float) -> int:
        """Close the channel, which the child leaves at; kill it after ``grace_s``. Return its exit status."""
        self._channel.close()
        try:
            async with asyncio.timeout(grace_s):
                return await self._process.wait()
        except TimeoutError:
            self.kill()
            return await self._process.wait()


async def give_birth(spec: EngineSpec, line: Line, lost: Callable[[], None]) -> ChildProcess:
    """Start a process, connect ``line`` to it and send the spec.

    What the child prints goes to our stderr, since our stdout says when the server is ready. The child sees the end
    of the channel when we die in whatever way, because nobody else holds our end.

    Raises:
        OSError: If the system has no process or descriptor to give.
    """
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    with theirs:
        try:
            command = [sys.executable, "-P", "-m", "antiphon_server.worker", f"--fd={theirs.fileno()}"]
            process = await asyncio.create_subprocess_exec(
                *command,
                f"--name={spec.name}",
                stdin=DEVNULL,
                stdout=_STDERR,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,  # Ctrl-C in a terminal reaches the front alone
            )
        except BaseException:
            ours.close()
            raise
    channel = await open_channel(ours, line.receive, lost)
    line.begin(channel, spec)
    return ChildProcess(process, channel)
