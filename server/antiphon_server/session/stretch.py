"""Audio of one utterance that is not yet written down, and where to cut it."""

from dataclasses import dataclass, field

from antiphon_server.engine.protocol import LISTENING_RATE_HZ
from antiphon_server.session.voicegate import WINDOW_MS

_BYTES_PER_MS = LISTENING_RATE_HZ * 2 // 1000
_LOOK_BACK_MS = 6_000
TAIL_MS = 300
"""Audio kept behind the last voice, so that a soft ending is not lost."""


@dataclass(slots=True)
class Stretch:
    """Samples with their place in the stream and the part of them that holds voice."""

    start_ms: float = 0.0
    pcm: bytearray = field(default_factory=bytearray)
    voice_start_ms: float | None = None
    voice_end_ms: float = 0.0

    @property
    def end_ms(self) -> float:
        """End of the samples in the stream."""
        return self.start_ms + len(self.pcm) / _BYTES_PER_MS

    @property
    def length_ms(self) -> float:
        """Length of the samples."""
        return len(self.pcm) / _BYTES_PER_MS

    def hear(self, start_ms: float, end_ms: float) -> None:
        """Note that there is voice between two moments of the stream; what lies before the samples is not ours."""
        if end_ms <= self.start_ms:
            return
        if self.voice_start_ms is None:
            self.voice_start_ms = max(start_ms, self.start_ms)
        self.voice_end_ms = max(self.voice_end_ms, end_ms)

    def voiced(self, padding_ms: int) -> tuple[float, bytes]:
        """Return where the voiced part starts in the stream, and its samples with padding; empty without voice."""
        if self.voice_start_ms is None:
            return self.start_ms, b""
        start_ms = max(self.start_ms, self.voice_start_ms - padding_ms)
        end_ms = min(self.end_ms, self.voice_end_ms + TAIL_MS)
        first, last = self._offset(start_ms), self._offset(end_ms)
        return self.start_ms + first / _BYTES_PER_MS, bytes(self.pcm[first:last])

    def drop_silence(self, keep_ms: int) -> None:
        """While nothing was heard, keep only the last ``keep_ms``."""
        if self.voice_start_ms is None and self.length_ms > keep_ms:
            surplus = self._offset(self.end_ms - keep_ms)
            self.start_ms += surplus / _BYTES_PER_MS
            del self.pcm[:surplus]

    def split(self, at_ms: float) -> "Stretch":
        """Cut at a moment of the stream; this one keeps the rest, the returned one has what was before."""
        offset = self._offset(at_ms)
        head = Stretch(self.start_ms, self.pcm[:offset])
        del self.pcm[:offset]
        self.start_ms += offset / _BYTES_PER_MS
        start_ms, self.voice_start_ms = self.voice_start_ms, None
        if start_ms is not None and start_ms < self.start_ms:
            head.hear(start_ms, min(self.voice_end_ms, self.start_ms))
        if start_ms is not None and self.voice_end_ms > self.start_ms:
            self.hear(start_ms, self.voice_end_ms)
        return head

    def _offset(self, at_ms: float) -> int:
        return max(0, min(len(self.pcm), round((at_ms - self.start_ms) * _BYTES_PER_MS) // 2 * 2))


def quietest_ms(scores: list[float], end_ms: float) -> float:
    """Moment of the least voice within the last seconds.

    Args:
        scores: Voice probabilities of the newest windows, oldest first.
        end_ms: Stream time at the end of the last window.
    """
    num = min(len(scores), int(_LOOK_BACK_MS / WINDOW_MS))
    if num == 0:
        return end_ms
    recent = scores[-num:]
    best = min(range(num), key=lambda i: (recent[i], -i))
    return end_ms - (num - best - 0.5) * WINDOW_MS
