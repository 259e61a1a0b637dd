"""What a transcript looks like in a file, and how the file comes into being: whole or not at all."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

from antiphon.speech.v1.transcript_pb2 import Segment, Word
from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.listening_reports import report_as_json
from antiphon_client.transcription import Transcript

TIMED_FORMATS = frozenset({"srt", "vtt", "json"})
"""Formats that want segments as short as the model can time."""


def rendered(transcript: Transcript, kind: str, *, source: str) -> str:
    """Write a transcript as ``txt``, ``srt``, ``vtt`` or ``json``.

    Args:
        transcript: What was heard.
        kind: One of the formats.
        source: Name of the recording, for JSON.

    Raises:
        CommandFailed: If subtitles are wanted and the model gave no times.
    """
    if kind == "txt":
        return f"{transcript.text}\n"
    if kind == "json":
        return json.dumps(as_json(source, transcript), ensure_ascii=False, indent=1) + "\n"
    segments = [segment for segment in transcript.segments if segment.text.strip()]
    if transcript.text and not any(segment.end_ms > segment.start_ms for segment in segments):
        raise CommandFailed(f"{kind} needs times, and the model {transcript.started.model} gives none")
    if kind == "srt":
        return _cues(segments, comma=",", is_numbered=True)
    return "WEBVTT\n\n" + _cues(segments, comma=".", is_numbered=False)


def write_whole(path: Path, text: str, *, may_replace: bool) -> None:
    """Write a file so that nobody ever sees half of it.

    Raises:
        FileExistsError: If there is one already and it may not be replaced.
        OSError: If it cannot be written.
    """
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        if may_replace:
            part.replace(path)
        else:
            _move_to_new(part, path)
    finally:
        part.unlink(missing_ok=True)


def as_json(source: str, transcript: Transcript) -> dict[str, object]:
    """Give everything worth keeping of a transcript."""
    return {
        "file": source,
        "text": transcript.text,
        "language": transcript.language,
        "duration_ms": transcript.done.audio_ms,
        "model": transcript.started.model,
        "no_speech": transcript.no_speech,
        "words": [_word_as_json(word) for word in transcript.words],
        "segments": [_segment_as_json(segment) for segment in transcript.segments],
        "warnings": [warning.message for warning in transcript.warnings],
        **({"report": report_as_json(transcript.report)} if transcript.started.config.report else {}),
    }


def _segment_as_json(segment: Segment) -> dict[str, object]:
    confidence = segment.confidence if segment.HasField("confidence") else None
    return {"text": segment.text, "start_ms": segment.start_ms, "end_ms": segment.end_ms, "confidence": confidence}


def _word_as_json(word: Word) -> dict[str, object]:
    confidence = word.confidence if word.HasField("confidence") else None
    return {"text": word.text, "start_ms": word.start_ms, "end_ms": word.end_ms, "confidence": confidence}


def _move_to_new(part: Path, path: Path) -> None:
    try:
        os.link(part, path)  # unlike a rename, this never replaces what came into being meanwhile
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if path.exists():
            raise FileExistsError(17, "File exists", str(path)) from None
        part.replace(path)


def _cues(segments: Iterable[Segment], *, comma: str, is_numbered: bool) -> str:
    cues = []
    for number, segment in enumerate(segments, start=1):
        times = f"{_clock(segment.start_ms, comma)} --> {_clock(segment.end_ms, comma)}"
        text = " ".join(segment.text.replace("-->", "->").split())  # an arrow or an empty line would end the cue early
        cues.append((f"{number}\n" if is_numbered else "") + f"{times}\n{text}\n")
    return "\n".join(cues)


def _clock(at_ms: int, comma: str) -> str:
    seconds, ms = divmod(at_ms, 1000)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}{comma}{ms:03}"
