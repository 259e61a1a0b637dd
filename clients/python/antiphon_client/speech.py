"""Speaks one text, or text that is still being written, and reports at the end."""

import contextlib
import dataclasses
import time
import zlib
from collections.abc import AsyncIterable
from types import TracebackType
from typing import Self

from antiphon.speech.v1.audio_pb2 import AudioChunk
from antiphon.speech.v1.report_pb2 import CallWarning, FinishReason
from antiphon.speech.v1.synthesis_service_pb2 import (
    AlignedWord,
    SynthesisStarted,
    SynthesizeResponse,
    UtteranceCancelled,
    UtteranceDone,
)
from antiphon_client.errors import ServerFailed
from antiphon_client.feed import feeding
from antiphon_client.synthesis import SynthesisStream

_MAX_TEXT_PIECE_CHARACTERS = 32 * 1024  # 128 KiB of UTF-8 at worst


@dataclasses.dataclass(slots=True)
class SpeechReport:
    """What was spoken; complete once the audio has ended."""

    started: SynthesisStarted
    """Model, rate and config in effect."""
    utterances: list[UtteranceDone] = dataclasses.field(default_factory=list)
    """The end of every utterance: why, how much, how long it took."""
    cancelled: list[UtteranceCancelled] = dataclasses.field(default_factory=list)
    """Receipts of cancelled utterances."""
    words: list[AlignedWord] = dataclasses.field(default_factory=list)
    """Times of words, if asked for; sample offsets count from the start of each utterance."""
    warnings: list[CallWarning] = dataclasses.field(default_factory=list)
    """What was ignored or replaced."""
    num_bytes: int = 0
    """Audio bytes received."""
    num_samples: int = 0
    """Samples received, at ``started.sample_rate_hz``."""
    first_audio_ms: float | None = None
    """From entering the block to the first audio, as seen by this client; ``None`` before it."""

    @property
    def audio_s(self) -> float:
        """Length of the audio in seconds."""
        return self.num_samples / self.started.sample_rate_hz

    @property
    def early_ends(self) -> list[str]:
        """Why utterances ended before all of their text was spoken, as in "runaway"; empty if the speech is whole."""
        ended = [done.finish_reason for done in self.utterances]
        found = [reason_name(reason) for reason in ended if reason != FinishReason.FINISH_REASON_STOP]
        return found + ["cancelled"] * len(self.cancelled)


def reason_name(reason: int) -> str:
    """Name a finish reason in lower case; one of a newer server is "other"."""
    found = FinishReason.DESCRIPTOR.values_by_number.get(reason)
    return found.name.removeprefix("FINISH_REASON_").lower() if found else "other"


class Speech:
    """Audio of a text, as an asynchronous iterator of :class:`AudioChunk` inside ``async with``.

    Leaving the block early cancels the call. Audio that was damaged or cut on the way raises; it never just ends.
    """

    def __init__(self, stream: SynthesisStream, text: str | AsyncIterable[str]) -> None:
        """Prepare the call; see :meth:`AntiphonClient.speak`."""
        self._stream = stream
        self._text = text
        self._exits = contextlib.AsyncExitStack()
        self._report: SpeechReport | None = None
        self._entered_at_s = 0.0
        self._crc32 = 0

    async def __aenter__(self) -> Self:
        self._entered_at_s = time.perf_counter()
        async with contextlib.AsyncExitStack() as exits:
            stream = await exits.enter_async_context(self._stream)
            await exits.enter_async_context(feeding(self._send_text(), abort=stream.abort))
            self._report = SpeechReport(stream.started, warnings=list(stream.started.warnings))
            self._exits = exits.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._exits.__aexit__(kind, error, trace)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> AudioChunk:
        async for response in self._stream:
            if response.WhichOneof("response") == "audio":
                return self._count(response.audio)
            self._note(response)
        raise StopAsyncIteration

    @property
    def started(self) -> SynthesisStarted:
        """Model, rate and config in effect."""
        return self.done.started

    @property
    def done(self) -> SpeechReport:
        """The report so far; final once the iteration has ended."""
        if self._report is None:
            raise RuntimeError("the speech is not open; use it inside `async with`")
        return self._report

    async def cancel(self) -> None:
        """Have the server drop all that is left; the receipt is in ``done.cancelled`` after the iteration."""
        await self._stream.cancel()

    async def read(self) -> bytes:
        """Collect all audio that is left."""
        return b"".join([chunk.data async for chunk in self])

    async def _send_text(self) -> None:
        if isinstance(self._text, str):
            for start in range(0, len(self._text), _MAX_TEXT_PIECE_CHARACTERS):
                await self._stream.send_text(self._text[start : start + _MAX_TEXT_PIECE_CHARACTERS])
        else:
            async for piece in self._text:
                await self._stream.send_text(piece)
        await self._stream.finish()  # and no half-close, so that `cancel` can still be sent

    def _count(self, chunk: AudioChunk) -> AudioChunk:
        report = self.done
        if report.first_audio_ms is None:
            report.first_audio_ms = (time.perf_counter() - self._entered_at_s) * 1000
        report.num_bytes += len(chunk.data)
        report.num_samples += chunk.num_samples
        self._crc32 = zlib.crc32(chunk.data, 0 if chunk.sequence == 0 else self._crc32)
        return chunk

    def _note(self, response: SynthesizeResponse) -> None:
        report = self.done
        match response.WhichOneof("response"):
            case "utterance_started":
                self._crc32 = 0
            case "utterance_done":
                self._check(response.utterance_done)
                report.utterances.append(response.utterance_done)
            case "cancelled":
                report.cancelled.append(response.cancelled)
            case "alignment":
                report.words.extend(response.alignment.words)
            case "warning":
                report.warnings.append(response.warning)

    def _check(self, done: UtteranceDone) -> None:
        if done.crc32 != self._crc32:
            request_id = self.started.request_id
            raise ServerFailed("The audio arrived damaged: its checksum does not agree.", request_id=request_id)
