"""What stands beside the words of a transcript: usage, timings, and how it came about."""

from collections.abc import Iterable

from antiphon.speech.v1 import report_pb2, transcript_pb2
from antiphon_client.transcription import ended_by
from antiphon_compat.openai.transcript import Transcript

_TIMINGS = ("queue_ms", "first_output_ms", "engine_ms", "total_ms")


def usage(transcript: Transcript) -> dict[str, object]:
    """Say how much audio was listened to, in seconds; with the tokens of models that count them."""
    used = transcript.usage
    tokens = {"input_tokens": used.input_tokens, "output_tokens": used.output_tokens}
    counted = {**tokens, "total_tokens": sum(tokens.values())} if any(tokens.values()) else {}
    return {"type": "duration", "seconds": transcript.audio_ms / 1000, **counted}


def beside_the_words(transcript: Transcript, *, with_report: bool) -> dict[str, object]:
    """Give ``usage``, ``timings`` where the server measured any, and ``report`` if it was asked for."""
    found: dict[str, object] = {"usage": usage(transcript)}
    if measured := timings(transcript.timings):
        found["timings"] = measured
    if with_report:
        found["report"] = {"pieces": [_piece(piece) for piece in transcript.pieces]}
    return found


def timings(measured: report_pb2.Timings) -> dict[str, float]:
    """Render timings in milliseconds, to the tenth; what the server did not measure is not there."""
    return {name: round(getattr(measured, name), 1) for name in _TIMINGS if measured.HasField(name)}  # type: ignore[arg-type]


def timing_header(measured: report_pb2.Timings) -> str:
    """Render timings for ``Server-Timing``, as browsers show them."""
    return ", ".join(f"{name.removesuffix('_ms')};dur={value}" for name, value in timings(measured).items())


def _piece(piece: transcript_pb2.ListenedPiece) -> dict[str, object]:
    return {
        "start": piece.start_ms / 1000,
        "end": piece.end_ms / 1000,
        "ended_by": ended_by(piece),
        "engine_ms": round(piece.engine_ms, 1),
        "checks": list(_checks(piece.checks)),
    }


def _checks(checks: Iterable[transcript_pb2.FiredCheck]) -> Iterable[dict[str, object]]:
    for check in checks:
        yield {
            "name": check.name,
            "value": round(check.value, 4),
            "limit": round(check.limit, 4),
            "start": check.start_ms / 1000,
            "end": check.end_ms / 1000,
        }
