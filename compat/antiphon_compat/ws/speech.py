"""``WS /v1/audio/speech/stream``: text in as it is written, speech out as it is made."""

import asyncio
import contextlib

from aiohttp import WSCloseCode, WSMsgType, web

from antiphon_compat.errors import ApiError
from antiphon_compat.openai.models import require_exact_model
from antiphon_compat.openai.speech_request import SpeechPlan
from antiphon_compat.settings import CONFIG_KEY, MIB
from antiphon_compat.upstream import REQUEST_ID_KEY, UPSTREAM_KEY, call_metadata
from antiphon_compat.ws.connection import Connection
from antiphon_compat.ws.sockets import hold
from antiphon_compat.ws.speech_call import SpeechCall
from antiphon_compat.ws.speech_messages import (
    MAX_TEXT_BYTES,
    Cancel,
    ClientMessage,
    Close,
    Configure,
    Done,
    Flush,
    Say,
    read_message,
)
from antiphon_compat.ws.speech_relay import SpeechRelay, send_error

CONFIG_TIMEOUT_S = 10.0
"""Time a client has to send a usable ``session.config``."""

_MAX_ID_STEM_CHARS = 112
_LARGE_CHARS = 64 * 1024  # parsing more than this would hold up everyone else's audio


async def speech_socket(request: web.Request) -> web.WebSocketResponse:
    """Speak until the client leaves, stays idle too long, or the process stops."""
    limits = {"X-Max-Text-Bytes": str(MAX_TEXT_BYTES)}
    return await hold(request, SpeechSocket(request), request.app[SPEECH_SOCKETS_KEY], limits)


class SpeechSocket:
    """One client: sessions one after the other, each an RPC. The config stays until another one comes."""

    def __init__(self, request: web.Request) -> None:
        """Start without a session."""
        self._request, self._config = request, request.app[CONFIG_KEY]
        self._plan: SpeechPlan | None = None
        self._call: SpeechCall | None = None
        self._num_calls = 0
        self._configured = asyncio.Event()
        self.connection = Connection(
            request,
            ping_s=self._config.socket_ping_s,
            idle_s=self._config.socket_idle_timeout_s,
            is_busy=lambda: self._call is not None and self._call.is_busy,
            max_message_bytes=self._config.max_json_mb * MIB,  # of a session.config with a clip in it
        )

    async def run(self) -> None:
        """Read messages until the socket closes; the running session ends with it."""
        watching = asyncio.create_task(self._require_config())
        try:
            async with contextlib.aclosing(self.connection.messages()) as messages:
                async for message in messages:
                    is_text = message.type is WSMsgType.TEXT
                    handling = self._on_message(message.data) if is_text else self._on_binary()
                    await self.connection.refusing(handling, self._tell)
        except ConnectionError:
            return  # gone while it was being told something
        except Exception:
            await self.connection.close(WSCloseCode.INTERNAL_ERROR, "the server failed")
            raise
        finally:
            watching.cancel()
            if self._call is not None:
                await self._call.stop()

    async def drain(self) -> None:
        """Let a session whose text is complete finish, then close."""
        if self._call is not None and self._call.is_finishing:
            await self._call.wait()
        await self.connection.close(WSCloseCode.GOING_AWAY, "the server is stopping")

    async def _require_config(self) -> None:
        try:
            async with asyncio.timeout(CONFIG_TIMEOUT_S):
                await self._configured.wait()
        except TimeoutError:
            message = f"No usable session.config came within {CONFIG_TIMEOUT_S:g} s."
            with contextlib.suppress(ConnectionError):
                await send_error(self.connection, ApiError("CONFIG_FIRST", message))
            await self.connection.close(WSCloseCode.POLICY_VIOLATION, message)

    async def _tell(self, error: ApiError) -> None:
        await send_error(self.connection, error)

    async def _on_binary(self) -> None:
        raise ApiError.invalid(None, "Binary frames have no meaning here; text goes into input.text.")

    async def _on_message(self, raw: str) -> None:
        message = await asyncio.to_thread(read_message, raw) if len(raw) > _LARGE_CHARS else read_message(raw)
        if isinstance(message, Close):
            await self.connection.close(WSCloseCode.OK, "session.close")
        elif isinstance(message, Configure):
            await self._configure(message.plan)
        elif isinstance(message, Cancel):
            await self._cancel(message.audio_id)
        else:
            await self._speak(message)

    async def _configure(self, plan: SpeechPlan) -> None:
        if self._running is not None:
            raise ApiError("STREAM_ORDER", "session.config may come again after session.done, not before.")
        if self._config.strict_models:
            await require_exact_model(self._request, plan.config.model)
        self._plan = plan
        self._configured.set()
        await self._open(plan, is_announced=True)

    async def _cancel(self, audio_id: str) -> None:
        if (call := self._running) is None:
            message = "There is nothing to cancel; it just ended, or nothing was said."
            await self.connection.send_event(
                {"type": "warning", "code": "stale_control", "param": "id", "message": message}
            )
        else:
            await call.cancel_audio(audio_id)

    async def _speak(self, message: ClientMessage) -> None:
        call = await self._session()
        if call.is_finishing:
            raise ApiError("STREAM_ORDER", "After input.done only input.cancel may come, until session.done.")
        if isinstance(message, Say):
            await call.say(message.text)
        elif isinstance(message, Flush):
            await call.flush()
        elif isinstance(message, Done):
            await call.finish()

    @property
    def _running(self) -> SpeechCall | None:
        return self._call if self._call is not None and not self._call.is_over else None

    async def _session(self) -> SpeechCall:
        """Give the running session; opens another one with the config of the last."""
        if (running := self._running) is not None:
            return running
        if self._plan is None or (self._call is not None and self._call.has_failed):
            raise ApiError("CONFIG_FIRST", "session.config must come first, and again after a failure.")
        return await self._open(self._plan, is_announced=False)

    async def _open(self, plan: SpeechPlan, *, is_announced: bool) -> SpeechCall:
        session_id = f"{self._request[REQUEST_ID_KEY][:_MAX_ID_STEM_CHARS]}.{self._num_calls}"
        idle_ms = self._config.socket_idle_timeout_s * 1000
        relay = SpeechRelay(self.connection, plan, index=self._num_calls, session_id=session_id, idle_ms=idle_ms)
        self._num_calls += 1
        metadata = call_metadata(self._request, request_id=session_id)
        self._call = SpeechCall(self._request.app[UPSTREAM_KEY], relay, metadata, is_announced=is_announced)
        await self._call.configure(plan.config)
        return self._call


SPEECH_SOCKETS_KEY: web.AppKey[set[SpeechSocket]] = web.AppKey("speech_sockets", set)
