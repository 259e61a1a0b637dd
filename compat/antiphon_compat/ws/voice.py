"""``WS /ws/voice``: the realtime voice agent, a turn at a time on one socket."""

import asyncio
import contextlib
import json
from collections.abc import Coroutine

from aiohttp import WSCloseCode, WSMsgType, web

from antiphon_compat.errors import ApiError
from antiphon_compat.settings import CONFIG_KEY, MIB
from antiphon_compat.upstream import REQUEST_ID_KEY, UPSTREAM_KEY, call_metadata
from antiphon_compat.ws.messages import Start, Stop, Text, read_message
from antiphon_compat.ws.relay import error_event
from antiphon_compat.ws.turn import Turn

_MAX_MESSAGE_BYTES = MIB
_HEARTBEAT_S = 20.0
_CLOSE_TIMEOUT_S = 2.0
_WRITER_LIMIT_BYTES = 64 * 1024  # 1.4 s of audio; a slow reader makes generation wait
_SAMPLE_BYTES = 2
_MAX_ID_STEM_CHARS = 112


async def voice_socket(request: web.Request) -> web.WebSocketResponse:
    """Hold the conversation until the client leaves or the process stops."""
    ws = web.WebSocketResponse(
        timeout=_CLOSE_TIMEOUT_S,
        heartbeat=_HEARTBEAT_S,
        max_msg_size=_MAX_MESSAGE_BYTES,
        writer_limit=_WRITER_LIMIT_BYTES,
        compress=False,  # audio does not shrink, it only costs time
    )
    await ws.prepare(request)
    socket = VoiceSocket(request, ws)
    request.app[SOCKETS_KEY].add(socket)
    try:
        await socket.run()
    finally:
        request.app[SOCKETS_KEY].discard(socket)
    return ws


class VoiceSocket:
    """One client: at most one turn at a time; a new one ends the one before."""

    def __init__(self, request: web.Request, ws: web.WebSocketResponse) -> None:
        """Start without a turn."""
        self._request = request
        self._ws = ws
        self._turn: Turn | None = None
        self._num_turns = 0

    async def run(self) -> None:
        """Read messages until the socket closes; the running turn ends with it."""
        try:
            async for message in self._ws:
                if message.type is WSMsgType.TEXT:
                    await self._answer_errors(self._on_message(message.data))
                elif message.type is WSMsgType.BINARY:
                    await self._answer_errors(self._on_audio(message.data))
        except ConnectionError:
            return  # gone while it was being told something
        finally:
            if self._turn is not None:
                await self._turn.cancel()

    async def drain(self) -> None:
        """Let the running reply finish, then close; an open microphone is not waited for."""
        if self._turn is not None and not self._turn.is_recording:
            await self._turn.wait()
        await self._ws.close(code=WSCloseCode.GOING_AWAY)

    async def send_event(self, event: dict[str, object]) -> None:
        """Send one JSON frame.

        Raises:
            ConnectionError: The client is gone.
        """
        await self._ws.send_str(json.dumps(event, ensure_ascii=False))

    async def send_audio(self, audio: bytes) -> None:
        """Send one binary frame.

        Raises:
            ConnectionError: The client is gone.
        """
        await self._ws.send_bytes(audio)

    async def _answer_errors(self, handling: Coroutine[None, None, None]) -> None:
        try:
            await handling
        except ApiError as error:
            await self.send_event(error_event(error))

    async def _on_message(self, raw: str) -> None:
        message = read_message(raw)
        if isinstance(message, Stop):
            if self._turn is None or not self._turn.is_recording:
                raise ApiError("STREAM_ORDER", "stop came without a running start.")
            await self._turn.stop_listening()
        elif isinstance(message, Start):
            await (await self._new_turn()).listen(message.config)
        elif isinstance(message, Text):
            await (await self._new_turn()).take_text(message.config, message.text)

    async def _on_audio(self, audio: bytes) -> None:
        if self._turn is None:
            raise ApiError("STREAM_ORDER", "Audio came before start.")
        if not self._turn.is_recording:
            return  # the microphone's last frames, on their way while stop was sent
        if len(audio) % _SAMPLE_BYTES:
            message = f"Audio must be whole 16-bit samples; {len(audio)} bytes is an odd number."
            raise ApiError("BAD_AUDIO", message)
        await self._turn.hear(audio)

    async def _new_turn(self) -> Turn:
        if self._turn is not None:
            await self._turn.cancel()
        self._num_turns += 1
        stem = self._request[REQUEST_ID_KEY][:_MAX_ID_STEM_CHARS]
        metadata = call_metadata(self._request, request_id=f"{stem}.{self._num_turns}")
        self._turn = Turn(self._request.app[UPSTREAM_KEY], self, metadata)
        return self._turn


SOCKETS_KEY: web.AppKey[set[VoiceSocket]] = web.AppKey("sockets", set)


async def close_sockets(app: web.Application) -> None:
    """Close every socket within the grace; a client would otherwise hold the process up for ever."""
    sockets = app[SOCKETS_KEY].copy()
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(app[CONFIG_KEY].grace_s):
            await asyncio.gather(*(socket.drain() for socket in sockets))
