"""How each ``response_format`` shows a finished transcript. No number is ever made up."""

import json
from collections.abc import Iterable

from antiphon.speech.v1 import transcript_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.language_names import english_name
from antiphon_compat.openai.log_probs import log_probs
from antiphon_compat.openai.transcript import Transcript
from antiphon_compat.openai.transcript_reports import beside_the_words
from antiphon_compat.openai.transcription_fields import GRANULARITIES
from antiphon_compat.openai.transcription_request import TranscriptionJob


def render(transcript: Transcript, job: TranscriptionJob) -> tuple[str, str]:
    """Give the body and its content type.

    Raises:
        ApiError: What was asked for needs numbers, and the model gave none.
    """
    if job.response_format == "text":
        return transcript.text + "\n", "text/plain"
    if job.response_format == "json":
        return json.dumps(_plain(transcript, job)), "application/json"
    if transcript.texts and not transcript.segments:
        message = f"response_format {job.response_format} needs times, and the model gives none."
        raise ApiError("UNSUPPORTED_FEATURE", message, param="response_format")
    if job.response_format == "verbose_json":
        return json.dumps(_verbose(transcript, job)), "application/json"
    if job.response_format == "srt":
        return _cues(transcript.segments, comma=","), "text/plain"
    return "WEBVTT\n\n" + _cues(transcript.segments, comma=".", numbered=False), "text/vtt"


def _plain(transcript: Transcript, job: TranscriptionJob) -> dict[str, object]:
    body: dict[str, object] = {"text": transcript.text}
    if job.with_log_probs:
        body["logprobs"] = log_probs(transcript.text, transcript.words)
    return body | beside_the_words(transcript, with_report=job.with_report)


def _verbose(transcript: Transcript, job: TranscriptionJob) -> dict[str, object]:
    body: dict[str, object] = {
        "task": "translate" if job.is_translation else "transcribe",
        "language": "english" if job.is_translation else english_name(transcript.language),
        "duration": transcript.audio_ms / 1000,
        "text": transcript.text,
        "segments": [_segment(index, segment) for index, segment in enumerate(transcript.segments)],
        **beside_the_words(transcript, with_report=job.with_report),
    }
    if job.with_words:
        body["words"] = _words(transcript)
    return body


def _words(transcript: Transcript) -> list[dict[str, object]]:
    if transcript.texts and not transcript.words:
        message = f"{GRANULARITIES} word needs times of words, and the model gives none."
        raise ApiError("UNSUPPORTED_FEATURE", message, param=GRANULARITIES)
    return [{"word": word.text, "start": word.start_ms / 1000, "end": word.end_ms / 1000} for word in transcript.words]


def _segment(index: int, segment: transcript_pb2.Segment) -> dict[str, object]:
    def given(name: str) -> object:  # null where the model has no such number, rather than one made up
        return getattr(segment, name) if segment.HasField(name) else None  # type: ignore[arg-type]

    return {
        "id": index,
        "seek": segment.start_ms // 10,  # in Whisper's frames of 10 ms; strict clients refuse null
        "start": segment.start_ms / 1000,
        "end": segment.end_ms / 1000,
        "text": segment.text,
        "tokens": list(segment.tokens),
        "temperature": given("temperature"),
        "avg_logprob": given("average_log_prob"),
        "compression_ratio": given("compression_ratio"),
        "no_speech_prob": given("no_speech_prob"),
        "confidence": given("confidence"),
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
