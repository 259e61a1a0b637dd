"""A finished transcript, and how each ``response_format`` shows it."""

import dataclasses
import json
from collections.abc import Iterable

from antiphon.speech.v1 import transcript_pb2, transcription_service_pb2
from antiphon_compat.errors import ApiError


@dataclasses.dataclass(slots=True)
class Transcript:
    """Everything that was said in one file."""

    texts: list[str] = dataclasses.field(default_factory=list)
    segments: list[transcript_pb2.Segment] = dataclasses.field(default_factory=list)
    words: list[transcript_pb2.Word] = dataclasses.field(default_factory=list)
    language: str = ""
    audio_ms: int = 0

    def add(self, final: transcription_service_pb2.FinalTranscript) -> None:
        """Take in one utterance."""
        if final.text.strip():
            self.texts.append(final.text.strip())
        self.segments += final.segments
        self.words += final.words
        self.language = self.language or final.language

    @property
    def text(self) -> str:
        """All utterances, joined."""
        return " ".join(self.texts)


def render(transcript: Transcript, response_format: str, *, with_words: bool) -> tuple[str, str]:
    """Give the body and its content type.

    Raises:
        ApiError: The format needs times and the model gave none.
    """
    if response_format == "text":
        return transcript.text + "\n", "text/plain"
    if response_format == "json":
        return json.dumps({"text": transcript.text, "usage": _usage(transcript)}), "application/json"
    if transcript.texts and not transcript.segments:
        message = f"response_format {response_format} needs times, and the model gives none."
        raise ApiError("UNSUPPORTED_FEATURE", message, param="response_format")
    if response_format == "verbose_json":
        return json.dumps(_verbose(transcript, with_words=with_words)), "application/json"
    if response_format == "srt":
        return _cues(transcript.segments, comma=","), "text/plain"
    return "WEBVTT\n\n" + _cues(transcript.segments, comma=".", numbered=False), "text/vtt"


def _usage(transcript: Transcript) -> dict[str, object]:
    return {"type": "duration", "seconds": transcript.audio_ms / 1000}


def _verbose(transcript: Transcript, *, with_words: bool) -> dict[str, object]:
    body: dict[str, object] = {
        "task": "transcribe",
        "language": transcript.language,
        "duration": transcript.audio_ms / 1000,
        "text": transcript.text,
        "segments": [_segment(index, segment) for index, segment in enumerate(transcript.segments)],
        "usage": _usage(transcript),
    }
    if with_words:
        body["words"] = [
            {"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000} for word in transcript.words
        ]
    return body


def _segment(index: int, segment: transcript_pb2.Segment) -> dict[str, object]:
    def given(name: str) -> object:  # null where the model has no such number, rather than one made up
        return getattr(segment, name) if segment.HasField(name) else None  # type: ignore[arg-type]

    return {
        "id": index,
        "seek": None,
        "start": segment.start_ms / 1000,
        "end": segment.end_ms / 1000,
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": given("temperature"),
        "avg_logprob": given("average_log_prob"),
        "compression_ratio": given("compression_ratio"),
        "no_speech_prob": given("no_speech_prob"),
    }


def _cues(segments: Iterable[transcript_pb2.Segment], *, comma: str, numbered: bool = True) -> str:
    cues = []
    for number, segment in enumerate(segments, start=1):
        times = f"{_clock(segment.start_ms, comma)} --> {_clock(segment.end_ms, comma)}"
        # An arrow or an empty line inside a cue would end it early.
        text = " ".join(segment.text.replace("-->", "->").split())
        cues.append((f"{number}\n" if numbered else "") + f"{times}\n{text}\n")
    return "\n".join(cues)


def _clock(at_ms: int, comma: str) -> str:
    seconds, ms = divmod(at_ms, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{comma}{ms:03}"
