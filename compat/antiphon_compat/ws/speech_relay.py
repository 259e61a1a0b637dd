"""Events of a Synthesize stream into those of ``/v1/audio/speech/stream``: each utterance is a file of its own."""

from antiphon.speech.v1 import synthesis_service_pb2
from antiphon_compat.errors import ApiError, error_body
from antiphon_compat.openai.reports import finish_reason, speech_usage, warning_rows
from antiphon_compat.openai.speech_request import SpeechPlan
from antiphon_compat.ws.connection import Connection
from antiphon_compat.ws.speech_messages import MAX_TEXT_BYTES

Event = synthesis_service_pb2.SynthesizeResponse


class SpeechRelay:
    """Passes one session on, from its config to ``session.done``."""

    def __init__(self, connection: Connection, plan: SpeechPlan, *, index: int, session_id: str, idle_ms: int) -> None:
        """Begin before the first event.

        Args:
            connection: The client's end.
            plan: How to speak.
            index: Number of sessions on this socket before this one.
            session_id: Request id of the session.
            idle_ms: Milliseconds the socket may stay idle.
        """
        self._connection, self._plan, self._index = connection, plan, index
        self._session_id, self._idle_ms = session_id, idle_ms
        self._num_sentences = self._num_bytes = self._sample_rate_hz = 0
        self._open_id = ""

    @property
    def is_speaking(self) -> bool:
        """Whether an utterance has begun and not ended."""
        return bool(self._open_id)

    def audio_id(self, utterance_id: str) -> str:
        """Make an utterance's id unique on the socket."""
        return f"{self._index}.{utterance_id}"

    def utterance_id(self, audio_id: str) -> str:
        """Undo ``audio_id``; an id that this session never gave names nothing here."""
        prefix = f"{self._index}."
        return audio_id.removeprefix(prefix) if audio_id.startswith(prefix) else f"?{audio_id}"

    async def pass_on(self, event: Event, *, is_announced: bool) -> None:
        """Translate one event.

        Args:
            event: From the server.
            is_announced: Whether ``session.configured`` is due when the session starts.

        Raises:
            ConnectionError: The client is gone.
        """
        match event.WhichOneof("response"):
            case "audio":
                self._num_bytes += len(event.audio.data)
                await self._connection.send_audio(event.audio.data)
            case "started":
                self._sample_rate_hz = event.started.sample_rate_hz
                if is_announced:
                    await self._announce(event.started)
            case "utterance_started":
                await self._begin(event.utterance_started.utterance_id)
            case "utterance_done":
                await self._finish(event.utterance_done)
            case "cancelled":
                await self._cancelled(event.cancelled)
            case "warning":
                (row,) = warning_rows(self._plan.reported([event.warning]))
                await self._connection.send_event({"type": "warning", **row})

    async def end(self) -> None:
        """Say that everything was spoken.

        Raises:
            ApiError: An utterance is still open: it is not whole.
            ConnectionError: The client is gone.
        """
        if self._open_id:
            raise ApiError("ENGINE_FAILED", "The speech ended before it was complete.")
        await self._send("session.done", total_sentences=self._num_sentences)

    async def fail(self, error: ApiError) -> None:
        """Tell what failed, after closing what is open.

        Raises:
            ConnectionError: The client is gone.
        """
        if self._open_id:
            await self._close_audio(error=True)
        await send_error(self._connection, self._plan.named(error))

    async def _announce(self, started: synthesis_service_pb2.SynthesisStarted) -> None:
        warnings = [*self._plan.notices, *self._plan.reported(started.warnings)]
        await self._connection.send_event(
            {
                "type": "session.configured",
                "session_id": self._session_id,
                "model": started.model,
                "voice": "" if self._plan.config.references else started.config.voice,  # a cloned one has no name
                "response_format": self._plan.response_format,
                "sample_rate": started.sample_rate_hz,
                "channels": 1,
                "idle_timeout_ms": min(started.idle_timeout_ms, self._idle_ms),
                "max_text_bytes": min(started.max_text_bytes, MAX_TEXT_BYTES),
                "warnings": warning_rows(warnings),
            }
        )

    async def _begin(self, utterance_id: str) -> None:
        self._open_id, self._num_bytes = self.audio_id(utterance_id), 0
        await self._send(
            "audio.start",
            id=self._open_id,
            sentence_index=self._num_sentences,
            format=self._plan.response_format,
            sample_rate=self._sample_rate_hz,
        )
        self._num_sentences += 1

    async def _finish(self, done: synthesis_service_pb2.UtteranceDone) -> None:
        await self._close_audio(
            error=False,
            finish_reason=finish_reason(done.finish_reason),
            seed=done.seed,
            num_samples=done.num_samples,
            crc32=done.crc32,
            usage=speech_usage(done.usage),
        )

    async def _close_audio(self, **fields: object) -> None:
        audio_id, self._open_id = self._open_id, ""
        index, num_bytes = self._num_sentences - 1, self._num_bytes
        await self._send("audio.done", id=audio_id, sentence_index=index, total_bytes=num_bytes, **fields)

    async def _cancelled(self, receipt: synthesis_service_pb2.UtteranceCancelled) -> None:
        audio_id = self.audio_id(receipt.utterance_id)
        was_begun = audio_id == self._open_id
        if was_begun:
            self._open_id = ""
        await self._send(
            "audio.cancelled",
            id=audio_id,
            sentence_index=self._num_sentences - 1 if was_begun else None,
            total_bytes=self._num_bytes if was_begun else 0,
            samples_generated=receipt.samples_generated,
            samples_sent=receipt.samples_sent,
            samples_played=receipt.samples_played,
            estimated=receipt.estimated,
            text_spoken=receipt.text_spoken,
        )

    async def _send(self, kind: str, **fields: object) -> None:
        await self._connection.send_event({"type": kind, "utterance_index": self._index, **fields})


async def send_error(connection: Connection, error: ApiError) -> None:
    """Tell what was wrong; the socket stays open.

    Raises:
        ConnectionError: The client is gone.
    """
    await connection.send_event({"type": "error", "message": error.message, "error": error_body(error)})
