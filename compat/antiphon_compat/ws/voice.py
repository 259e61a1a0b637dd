"""``WS /ws/voice``: the realtime voice agent, a turn at a time on one socket."""

import asyncio
import contextlib

from aiohttp import WSCloseCode, WSMsgType, web

from antiphon_compat.config import CompatConfig
from antiphon_compat.errors import ApiError
from antiphon_compat.settings import CONFIG_KEY
from antiphon_compat.upstream import REQUEST_ID_KEY, UPSTREAM_KEY, call_metadata
from antiphon_compat.ws.connection import Connection
from antiphon_compat.ws.messages import SAMPLE_RATE_HZ, Start, Stop, read_message
from antiphon_compat.ws.relay import error_event
from antiphon_compat.ws.sockets import hold
from antiphon_compat.ws.turn import Turn

_SAMPLE_BYTES = 2
_MAX_ID_STEM_CHARS = 112
_LARGE_CHARS = 64 * 1024  # parsing more than this would hold up everyone else's audio


async def voice_socket(request: web.Request) -> web.WebSocketResponse:
    """Hold the conversation until the client leaves, stays idle too long, or the process stops."""
    config = request.app[CONFIG_KEY]
    limits = {"X-Max-Recording-S": str(config.max_recording_s)}
    return await hold(request, VoiceSocket(request, config), request.app[SOCKETS_KEY], limits)


class VoiceSocket:
    """One client: at most one turn at a time; ``start`` ends the one before, ``text`` waits until it is answered."""

    def __init__(self, request: web.Request, config: CompatConfig) -> None:
        """Start without a turn."""
        self._request, self._config = request, config
        self._turn: Turn | None = None
        self._num_turns = 0
        self.connection = Connection(
            request, ping_s=config.socket_ping_s, idle_s=config.socket_idle_timeout_s, is_busy=self._is_answering
        )

    async def run(self) -> None:
        """Read messages until the socket closes; the running turn ends with it."""
        try:
            async with contextlib.aclosing(self.connection.messages()) as messages:
                async for message in messages:
                    is_text = message.type is WSMsgType.TEXT
                    handling = self._on_message(message.data) if is_text else self._on_audio(message.data)
                    await self.connection.refusing(handling, self._tell)
        except ConnectionError:
            return  # gone while it was being told something
        except Exception:
            await self.connection.close(WSCloseCode.INTERNAL_ERROR, "the server failed")
            raise
        finally:
            if self._turn is not None:
                await self._turn.cancel()

    async def drain(self) -> None:
        """Let the running reply finish, then close; an open microphone is not waited for."""
        if self._turn is not None and not self._turn.is_recording:
            await self._turn.wait()
        await self.connection.close(WSCloseCode.GOING_AWAY, "the server is stopping")

    async def _tell(self, error: ApiError) -> None:
        await self.connection.send_event(error_event(error))

    async def _on_message(self, raw: str) -> None:
        message = await asyncio.to_thread(read_message, raw) if len(raw) > _LARGE_CHARS else read_message(raw)
        if isinstance(message, Stop):
            if self._turn is None or not self._turn.is_recording:
                raise ApiError("STREAM_ORDER", "stop came without a running start.")
            await self._turn.stop_listening()
        elif isinstance(message, Start):
            await (await self._new_turn("spoken")).listen(message.config)
        else:
            self._refuse_parallel()
            await (await self._new_turn("typed")).take_text(message.config, message.text)

    async def _on_audio(self, audio: bytes) -> None:
        if self._turn is None:
            raise ApiError("STREAM_ORDER", "Audio came before start.")
        if not self._turn.is_recording:
            return  # the microphone's last frames, on their way while stop was sent
        if len(audio) % _SAMPLE_BYTES:
            message = f"Audio must be whole 16-bit samples; {len(audio)} bytes is an odd number."
            raise ApiError("BAD_AUDIO", message)
        limit_s = self._config.max_recording_s
        if self._turn.num_heard_bytes + len(audio) > limit_s * SAMPLE_RATE_HZ * _SAMPLE_BYTES:
            await self._turn.cancel()
            message = f"The recording is over the limit of {limit_s} s; {self._turn} is dropped."
            raise ApiError("AUDIO_TOO_LONG", message)
        await self._turn.hear(audio)

    def _is_answering(self) -> bool:
        return self._turn is not None and self._turn.is_answering

    def _refuse_parallel(self) -> None:
        if self._is_answering():
            message = f"{self._turn} is still being answered; wait for its reply_done, or send start to end it."
            raise ApiError("STREAM_ORDER", message.capitalize())

    async def _new_turn(self, kind: str) -> Turn:
        if self._turn is not None:
            await self._turn.cancel()
        self._num_turns += 1
        stem = self._request[REQUEST_ID_KEY][:_MAX_ID_STEM_CHARS]
        metadata = call_metadata(self._request, request_id=f"{stem}.{self._num_turns}")
        name = f"turn {self._num_turns} ({kind})"
        self._turn = Turn(self._request.app[UPSTREAM_KEY], self.connection, metadata, name=name)
        return self._turn


SOCKETS_KEY: web.AppKey[set[VoiceSocket]] = web.AppKey("sockets", set)
