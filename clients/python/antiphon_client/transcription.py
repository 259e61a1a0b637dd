"""Speech to text on one bidirectional call, and the transcript of a whole clip."""

import dataclasses
from collections.abc import AsyncIterable, AsyncIterator, Callable

from antiphon.speech.v1.report_pb2 import CallWarning
from antiphon.speech.v1.transcript_pb2 import ListenedPiece, ListeningReport, PieceEnd, Segment, Word
from antiphon.speech.v1.transcription_service_pb2 import (
    FinalTranscript,
    FinishAudio,
    FlushAudio,
    TranscribeRequest,
    TranscribeResponse,
    TranscriptionConfig,
    TranscriptionDone,
    TranscriptionStarted,
)
from antiphon.speech.v1.transcription_service_pb2_grpc import TranscriptionServiceStub
from antiphon_client.connection import CallOptions, Connection
from antiphon_client.feed import feeding
from antiphon_client.stream import MessageStream

OnResponse = Callable[[TranscribeResponse], None]
"""Is shown every response of a call as it comes."""

MAX_AUDIO_MESSAGE_BYTES = 64 * 1024
"""Most audio bytes in one message."""


class TranscriptionStream(MessageStream[TranscribeRequest, TranscribeResponse]):
    """A ``Transcribe`` call: send audio while partial and final transcripts come back.

    Iterating gives every response after ``started``: ``partial``, ``final``, ``speech_started``, ``speech_stopped``,
    ``warning`` and at the end ``done``.
    """

    def __init__(self, connection: Connection, config: TranscriptionConfig, *, call: CallOptions) -> None:
        """Prepare the call; see :meth:`AntiphonClient.transcribe_stream`."""
        method = TranscriptionServiceStub(connection.channel).Transcribe
        super().__init__(connection, method, TranscribeRequest(config=config), call=call)

    @property
    def started(self) -> TranscriptionStarted:
        """What the server decided: the config in effect, model, limits."""
        return self.first_response.started

    async def send_audio(self, audio: bytes) -> None:
        """Send audio of any length, cut into messages of at most 64 KiB."""
        for start in range(0, len(audio), MAX_AUDIO_MESSAGE_BYTES):
            await self.send(TranscribeRequest(audio=audio[start : start + MAX_AUDIO_MESSAGE_BYTES]))

    async def flush(self) -> None:
        """End the utterance here; its ``final`` follows."""
        await self.send(TranscribeRequest(flush=FlushAudio()))

    async def finish(self) -> None:
        """Say that no more audio follows."""
        await self.send(TranscribeRequest(finish=FinishAudio()))


@dataclasses.dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a clip."""

    text: str
    """All utterances, joined by spaces; empty if nobody spoke."""
    words: tuple[Word, ...]
    """Words with times; empty unless ``word_times`` was asked for."""
    segments: tuple[Segment, ...]
    """Stretches with times."""
    language: str
    """BCP 47 tag; empty if nobody spoke."""
    finals: tuple[FinalTranscript, ...]
    """The utterances one by one."""
    warnings: tuple[CallWarning, ...]
    """What was ignored or replaced."""
    started: TranscriptionStarted
    """Model and config in effect."""
    done: TranscriptionDone
    """Usage, timings and length of the audio."""

    @property
    def no_speech(self) -> bool:
        """Whether nobody spoke, so that ``text`` is empty on purpose."""
        return all(final.no_speech for final in self.finals)

    @property
    def report(self) -> ListeningReport:
        """How it came about: the pieces given to the model and the checks that fired; empty unless asked for."""
        return ListeningReport(pieces=[piece for final in self.finals for piece in final.report.pieces])


def ended_by(piece: ListenedPiece) -> str:
    """Name what ended a piece: ``pause``, ``length`` or ``audio``; what a newer server names is ``other``."""
    found = PieceEnd.DESCRIPTOR.values_by_number.get(piece.end)
    return found.name.removeprefix("PIECE_END_").lower() if found else "other"


async def read_transcript(
    stream: TranscriptionStream, audio: bytes | AsyncIterable[bytes], *, on_response: OnResponse | None = None
) -> Transcript:
    """Send a clip on an unopened stream and collect its transcript.

    Raises:
        AntiphonError: The call failed.
    """
    finals: list[FinalTranscript] = []
    warnings: list[CallWarning] = []
    done = TranscriptionDone()
    async with stream, feeding(_send_all(stream, audio), abort=stream.abort):
        warnings.extend(stream.started.warnings)
        async for response in stream:
            if on_response is not None:
                on_response(response)
            match response.WhichOneof("response"):
                case "final":
                    finals.append(response.final)
                case "warning":
                    warnings.append(response.warning)
                case "done":
                    done = response.done
    return Transcript(
        text=" ".join(final.text.strip() for final in finals if final.text.strip()),
        words=tuple(word for final in finals for word in final.words),
        segments=tuple(segment for final in finals for segment in final.segments),
        language=next((final.language for final in finals if final.language), ""),
        finals=tuple(finals),
        warnings=tuple(warnings),
        started=stream.started,
        done=done,
    )


async def _send_all(stream: TranscriptionStream, audio: bytes | AsyncIterable[bytes]) -> None:
    async for piece in _pieces(audio):
        await stream.send_audio(piece)
    await stream.finish()
    await stream.close_sending()


async def _pieces(audio: bytes | AsyncIterable[bytes]) -> AsyncIterator[bytes]:
    if isinstance(audio, bytes):
        yield audio
        return
    async for piece in audio:
        yield piece
