"""The answer to one speech request while it comes in: its audio, and what was decided and reported about it."""

from collections.abc import AsyncIterator

from antiphon.speech.v1 import synthesis_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.reports import (
    finish_reason,
    header_text,
    speech_usage,
    warning_rows,
    warnings_header,
)
from antiphon_compat.openai.speech_request import SpeechPlan
from antiphon_compat.openai.true_length import set_flac_length, set_mp3_length, set_wav_length

Event = synthesis_service_pb2.SynthesizeOnceResponse

_CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/L16; rate={rate}; channels=1",
}
_16_BIT = ("wav", "pcm", "flac")


class SpeechReply:
    """What is known of the answer so far."""

    def __init__(self, plan: SpeechPlan) -> None:
        """Begin with what is known before the server answers."""
        self._plan = plan
        self._started = synthesis_service_pb2.SynthesisStarted()
        self._done: synthesis_service_pb2.UtteranceDone | None = None
        self._warnings = list(plan.notices)

    def note(self, event: Event) -> None:
        """Take in what is not audio."""
        kind = event.WhichOneof("response")
        if kind == "started":
            self._started = event.started
            self._warnings += self._plan.reported(event.started.warnings)
        elif kind == "warning":
            self._warnings += self._plan.reported([event.warning])
        elif kind == "utterance_done":
            self._done = event.utterance_done

    def require_done(self) -> synthesis_service_pb2.UtteranceDone:
        """Give the report of the end.

        Raises:
            ApiError: There is none: the audio is not whole.
        """
        if self._done is None:
            raise ApiError("ENGINE_FAILED", "The speech ended before it was complete.")
        return self._done

    async def next_audio(self, events: AsyncIterator[Event]) -> bytes:
        """Wait for audio; empty at the end.

        Raises:
            ApiError: The speech failed or ended early.
        """
        try:
            async for event in events:
                if event.audio.data:
                    return event.audio.data
                self.note(event)
        except ApiError as error:
            raise self._plan.named(error) from error.__cause__
        self.require_done()
        return b""

    async def whole_audio(self, events: AsyncIterator[Event]) -> bytes:
        """Wait for all of it; a WAV, FLAC or MP3 file says how long it is.

        Raises:
            ApiError: The speech failed or ended early.
        """
        audio = bytearray()
        while piece := await self.next_audio(events):
            audio += piece
        if self._plan.response_format == "wav":
            set_wav_length(audio)
        elif self._plan.response_format == "flac":
            set_flac_length(audio, self.require_done().num_samples)
        elif self._plan.response_format == "mp3":
            set_mp3_length(audio, self.require_done().num_samples)
        return bytes(audio)

    @property
    def content_type(self) -> str:
        """The media type of the audio."""
        return _CONTENT_TYPES[self._plan.response_format].format(rate=self._started.sample_rate_hz)

    def headers(self) -> dict[str, str]:
        """Describe the audio and what was decided about it."""
        headers = {
            "Content-Type": self.content_type,
            "X-Model": header_text(self._started.model),
            "X-Warnings": warnings_header(self._warnings),
            "X-Sample-Rate": str(self._started.sample_rate_hz),
            "X-Channels": "1",
        }
        if self._plan.response_format in _16_BIT:
            headers["X-Bit-Depth"] = "16"
        return headers

    def end_headers(self) -> dict[str, str]:
        """Describe how it ended; for an answer that is sent when everything is known.

        Raises:
            ApiError: The speech is not whole.
        """
        done = self.require_done()
        return {"X-Finish-Reason": finish_reason(done.finish_reason), "X-Seed": str(done.seed)}

    def report(self) -> dict[str, object]:
        """Say the same as the headers do, for a JSON body or event.

        Raises:
            ApiError: The speech is not whole.
        """
        done = self.require_done()
        return {
            "usage": speech_usage(done.usage),
            "finish_reason": finish_reason(done.finish_reason),
            "seed": done.seed,
            "model": self._started.model,
            "sample_rate": self._started.sample_rate_hz,
            "warnings": warning_rows(self._warnings),
        }
