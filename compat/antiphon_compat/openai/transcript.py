"""What was said in one file, as far as it is known."""

import dataclasses

from antiphon.speech.v1 import report_pb2, transcript_pb2, transcription_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.reports import from_server, header_text, warnings_header
from antiphon_compat.openai.transcription_request import TranscriptionJob


@dataclasses.dataclass(slots=True)
class Transcript:
    """Everything that was said in one file."""

    texts: list[str] = dataclasses.field(default_factory=list)
    segments: list[transcript_pb2.Segment] = dataclasses.field(default_factory=list)
    words: list[transcript_pb2.Word] = dataclasses.field(default_factory=list)
    language: str = ""
    audio_ms: int = 0
    pieces: list[transcript_pb2.ListenedPiece] = dataclasses.field(default_factory=list)
    """How it came about, if that was asked for."""
    usage: report_pb2.Usage = dataclasses.field(default_factory=report_pb2.Usage)
    timings: report_pb2.Timings = dataclasses.field(default_factory=report_pb2.Timings)
    _begun: str = ""

    def settle(self, partial: transcription_service_pb2.PartialTranscript) -> None:
        """Take in what will not change of an utterance that goes on."""
        begun = partial.text[: partial.num_settled_characters].strip()
        if not self._begun.startswith(begun):
            self._begun = begun

    def add(self, final: transcription_service_pb2.FinalTranscript) -> None:
        """Take in one utterance."""
        self._begun = ""
        if final.text.strip():
            self.texts.append(final.text.strip())
        self.segments += final.segments
        self.words += final.words
        self.pieces += final.report.pieces
        self.language = self.language or final.language

    def end(self, done: transcription_service_pb2.TranscriptionDone) -> None:
        """Take in the books of the call."""
        self.audio_ms, self.usage, self.timings = done.audio_ms, done.usage, done.timings

    @property
    def text(self) -> str:
        """All that is settled, utterances joined by a space."""
        return " ".join([*self.texts, self._begun] if self._begun else self.texts)


class TranscriptionReply:
    """What is known of the answer to one request so far."""

    def __init__(self, job: TranscriptionJob) -> None:
        """Begin with nothing but the request."""
        self.job = job
        self.transcript = Transcript()
        self.warnings: list[report_pb2.CallWarning] = list(job.warnings)
        self.model = ""
        self._is_done = False

    def note(self, event: transcription_service_pb2.TranscribeResponse) -> None:
        """Take in one event."""
        kind = event.WhichOneof("response")
        if kind == "started":
            self.model = header_text(event.started.model)
            self.warnings += from_server(event.started.warnings)
        elif kind == "partial":
            self.transcript.settle(event.partial)
        elif kind == "final":
            self.transcript.add(event.final)
        elif kind == "warning":
            self.warnings += from_server([event.warning])
        elif kind == "done":
            self.transcript.end(event.done)
            self._is_done = True

    def require_done(self) -> None:
        """Make sure that nothing is missing.

        Raises:
            ApiError: The transcription ended early.
        """
        if not self._is_done:
            raise ApiError("ENGINE_FAILED", "The transcription ended before it was complete.")

    def headers(self) -> dict[str, str]:
        """Describe what was decided about the request."""
        return {"X-Model": self.model, "X-Warnings": warnings_header(self.warnings)}
