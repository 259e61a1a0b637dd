"""Whose window the codec decodes in this step: never where it lies, only when.

A stream without sound comes first, then the one whose player runs dry first. A step takes a bounded number, so that a
burst (streams that began together have their windows due together) costs every stream's next row a little in several
steps rather than much in one. The bound is an eighth of the running streams: even in its opening ramp a stream needs
a window for every tenth row only, so what is put off is caught up with.
"""

from heapq import nsmallest
from math import inf

from antiphon_server.engine.sequence import Sequence

_ROWS_PER_WINDOW = 8
_WINDOWS_AT_LEAST = 2


class CodecQueue:
    """Sequences that have a window due, or nothing more to wait for."""

    def __init__(self) -> None:
        """Begin empty."""
        self._due: dict[Sequence, None] = {}

    def add(self, sequence: Sequence) -> None:
        """Queue a sequence; one that is queued stays as it is."""
        self._due[sequence] = None

    def discard(self, sequence: Sequence) -> None:
        """Let a sequence go, if it is queued."""
        self._due.pop(sequence, None)

    def choose(self, num_running: int) -> list[Sequence]:
        """Choose the most urgent, most urgent first; they stay queued."""
        if not self._due:
            return []
        return nsmallest(max(_WINDOWS_AT_LEAST, -(-num_running // _ROWS_PER_WINDOW)), self._due, key=urgency)


def urgency(sequence: Sequence) -> tuple[float, float, int]:
    """Order sequences: who starves first, whose deadline is first, who came first."""
    due_at = sequence.ask.due_at
    return sequence.player.dry_at, inf if due_at is None else due_at, sequence.number
