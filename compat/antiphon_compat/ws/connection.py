"""The server's end of a WebSocket: bounded writes, pings, an idle limit, and closing with a code and a reason."""

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Awaitable, Callable

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web

from antiphon_compat.errors import ApiError

MAX_MESSAGE_BYTES = 1024 * 1024
"""Largest message a client may send where its session does not say otherwise."""

_CLOSE_TIMEOUT_S = 2.0
_WRITER_LIMIT_BYTES = 64 * 1024  # 1.4 s of audio; a slow reader makes generation wait
_PINGS_UNTIL_GONE = 3
_MAX_REFUSED_IN_A_ROW = 100
_MAX_REASON_BYTES = 123  # what a close frame has room for


class Connection:
    """One client. It is gone when it answers no ping, or takes nothing of a write, for three ping intervals."""

    def __init__(
        self,
        request: web.Request,
        *,
        ping_s: float,
        idle_s: float,
        is_busy: Callable[[], bool],
        max_message_bytes: int = MAX_MESSAGE_BYTES,
    ) -> None:
        """Prepare; ``open`` answers the handshake.

        Args:
            request: The handshake.
            ping_s: Seconds between pings.
            idle_s: Seconds without a message either way after which the socket is closed; pings do not count.
            is_busy: Whether something is being made for the client, which keeps an idle socket open.
            max_message_bytes: Largest message the client may send, all its fragments together.
        """
        self._request = request
        self._ws = web.WebSocketResponse(
            timeout=_CLOSE_TIMEOUT_S,
            autoping=False,  # a pong that stays away behind seconds of unread audio is no dead client
            max_msg_size=max_message_bytes,
            writer_limit=_WRITER_LIMIT_BYTES,
            compress=False,  # audio does not shrink, it only costs time
        )
        self._max_message_bytes = max_message_bytes
        self._ping_s, self._idle_s, self._is_busy = ping_s, idle_s, is_busy
        self._seen_at = self._active_at = asyncio.get_running_loop().time()
        self._is_idle = self._is_handling = False
        self._num_refused = 0

    async def open(self, limits: dict[str, str]) -> web.WebSocketResponse:
        """Answer the handshake, with the limits as headers.

        Raises:
            web.HTTPBadRequest: It is no WebSocket handshake.
        """
        self._ws.headers["X-Idle-Timeout-S"] = f"{self._idle_s:g}"
        self._ws.headers["X-Ping-Interval-S"] = f"{self._ping_s:g}"
        self._ws.headers["X-Max-Message-Bytes"] = str(self._max_message_bytes)
        self._ws.headers.update(limits)
        await self._ws.prepare(self._request)
        return self._ws

    async def messages(self) -> AsyncGenerator[WSMessage, None]:
        """Give text and binary messages until the socket closes, and answer pings meanwhile.

        Raises:
            ConnectionError: The client is gone.
        """
        watching = asyncio.create_task(self._watch())
        try:
            async for message in self._ws:
                self._seen_at = asyncio.get_running_loop().time()
                if message.type is WSMsgType.PING:
                    await self._write(self._ws.pong(message.data))
                elif message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                    self._active_at = self._seen_at
                    self._is_handling = True  # nobody looks for pongs meanwhile
                    yield message
                    self._is_handling = False
                    self._seen_at = asyncio.get_running_loop().time()
        finally:
            if not self._is_idle:  # else it is just waiting for the client's half of the farewell
                watching.cancel()
            await asyncio.wait([watching])

    async def send_event(self, event: dict[str, object]) -> None:
        """Send one JSON frame.

        Raises:
            ConnectionError: The client is gone.
        """
        await self._write(self._ws.send_str(json.dumps(event, ensure_ascii=False)))
        self._active_at = asyncio.get_running_loop().time()

    async def send_audio(self, audio: bytes) -> None:
        """Send one binary frame.

        Raises:
            ConnectionError: The client is gone.
        """
        await self._write(self._ws.send_bytes(audio))
        self._active_at = asyncio.get_running_loop().time()

    async def refusing(self, handling: Awaitable[None], tell: Callable[[ApiError], Awaitable[None]]) -> None:
        """Handle a message. A refusal is told and the socket stays open, unless nothing but refusals comes of it.

        Args:
            handling: Handles the message.
            tell: Tells the client what was wrong, in the words of its dialect.

        Raises:
            ConnectionError: The client is gone.
        """
        try:
            await handling
            self._num_refused = 0
        except ApiError as error:
            self._num_refused += 1
            await tell(error)
        if self._num_refused >= _MAX_REFUSED_IN_A_ROW:
            reason = f"{_MAX_REFUSED_IN_A_ROW} messages in a row were refused"
            await self.close(WSCloseCode.POLICY_VIOLATION, reason)

    async def close(self, code: WSCloseCode, reason: str) -> None:
        """Say farewell; waits a little for the client's answer."""
        await self._ws.close(code=code, message=reason.encode()[:_MAX_REASON_BYTES])

    async def _write(self, writing: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(_PINGS_UNTIL_GONE * self._ping_s):
                await writing
        except TimeoutError:
            self._abort()
            raise ConnectionResetError("the client takes nothing") from None

    async def _watch(self) -> None:
        with contextlib.suppress(ConnectionError):
            while True:
                now = asyncio.get_running_loop().time()
                await asyncio.sleep(max(0.0, min(self._ping_s, self._active_at + self._idle_s - now)))
                now = asyncio.get_running_loop().time()
                if self._is_busy():
                    self._active_at = now
                if not self._is_handling and now - self._seen_at >= _PINGS_UNTIL_GONE * self._ping_s:
                    self._abort()
                    return
                if now - self._active_at >= self._idle_s:
                    self._is_idle = True
                    await self.close(WSCloseCode.OK, f"idle for {self._idle_s:g} s")
                    return
                await self._write(self._ws.ping())

    def _abort(self) -> None:
        if self._request.transport is not None:
            self._request.transport.abort()
