"""How a transcript came about, for people and for programs."""

from collections.abc import Iterable, Iterator

from antiphon.speech.v1.transcript_pb2 import FiredCheck, ListeningReport
from antiphon_client.transcription import ended_by


def report_lines(report: ListeningReport) -> Iterator[str]:
    """Write a line for each piece that the model was given, and one for each check that fired."""
    for piece in report.pieces:
        yield (
            f"  {_seconds(piece.start_ms, piece.end_ms)}  heard in {piece.engine_ms:.0f} ms, ended by {ended_by(piece)}"
        )
        for check in piece.checks:
            yield f"  {_seconds(check.start_ms, check.end_ms)}  {check.name} {check.value:.3g}, limit {check.limit:.3g}"


def report_as_json(report: ListeningReport) -> dict[str, object]:
    """Give the same as plain values; times in milliseconds."""
    return {
        "pieces": [
            {
                "start_ms": piece.start_ms,
                "end_ms": piece.end_ms,
                "ended_by": ended_by(piece),
                "engine_ms": round(piece.engine_ms, 1),
                "checks": list(_checks(piece.checks)),
            }
            for piece in report.pieces
        ]
    }


def _checks(checks: Iterable[FiredCheck]) -> Iterator[dict[str, object]]:
    for check in checks:
        yield {
            "name": check.name,
            "value": round(check.value, 4),
            "limit": round(check.limit, 4),
            "start_ms": check.start_ms,
            "end_ms": check.end_ms,
        }


def _seconds(start_ms: int, end_ms: int) -> str:
    return f"{start_ms / 1000:8.2f} {end_ms / 1000:8.2f}"
