"""The framed channel between the front and one engine process: a connected AF_UNIX socket, no network."""

import asyncio
import logging
import socket
from collections.abc import Callable
from typing import cast

from antiphon_server.worker.frame import MAX_FRAME_BYTES, Frame, FrameBuffer, FramePacker, FrameTooLarge

_log = logging.getLogger(__name__)


class Channel(asyncio.BufferedProtocol):
    """Sends frames, and hands every frame that arrives to ``receive`` in order.

    ``receive`` runs on the event loop and must not wait. Breach of the framing ends the channel.
    """

    def __init__(
        self, receive: Callable[[Frame], None], lost: Callable[[], None], *, max_frame_bytes: int = MAX_FRAME_BYTES
    ) -> None:
        self._receive = receive
        self._lost = lost
        self._buffer = FrameBuffer(max_frame_bytes)
        self._packer = FramePacker(max_frame_bytes)
        self._transport: asyncio.Transport | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.is_open = False
        self.breach: Exception | None = None
        """Why this side ended the channel, if it did."""

    def send(self, frame: Frame) -> None:
        """Queue a frame; once the channel is lost, do nothing, because ``lost`` has told everyone.

        Raises:
            FrameTooLarge: If the frame is over the limit.
            TypeError: If a value is not a plain one.
        """
        data = self._packer.pack(frame)
        if self.is_open and self._transport is not None:
            self._transport.write(data)

    async def writable(self) -> None:
        """Wait until the other side has taken most of what was sent."""
        await self._writable.wait()

    def close(self) -> None:
        """Send what is queued, then end; the other side sees the end of the stream."""
        if self._transport is not None:
            self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport (called by the loop)."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one without saying so
        self.is_open = True

    def get_buffer(self, sizehint: int) -> memoryview:
        """Say where to receive (called by the loop)."""
        del sizehint
        return self._buffer.space()

    def buffer_updated(self, nbytes: int) -> None:
        """Hand out the frames that are complete (called by the loop)."""
        try:
            for frame in self._buffer.received(nbytes):
                self._receive(frame)
        except (FrameTooLarge, ValueError) as breach:
            self._break(breach)

    def pause_writing(self) -> None:
        """Hold back ``writable`` (called by the loop)."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Let ``writable`` go on (called by the loop)."""
        self._writable.set()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell ``lost``, once (called by the loop)."""
        del exc  # a reset by a killed peer is as good as an end of stream
        self.is_open = False
        self._writable.set()
        self._lost()

    def _break(self, breach: Exception) -> None:
        _log.error("channel broken: %s", type(breach).__name__)
        self.breach = breach
        assert self._transport is not None
        self._transport.abort()


async def open_channel(
    sock: socket.socket,
    receive: Callable[[Frame], None],
    lost: Callable[[], None],
    *,
    max_frame_bytes: int = MAX_FRAME_BYTES,
) -> Channel:
    """Speak frames over a connected AF_UNIX socket, which the channel then owns."""
    sock.settimeout(0)
    loop = asyncio.get_running_loop()
    _, channel = await loop.create_unix_connection(
        lambda: Channel(receive, lost, max_frame_bytes=max_frame_bytes), sock=sock
    )
    return channel
