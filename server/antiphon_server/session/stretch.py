"""Audio of one utterance that is not yet written down, and where to cut it."""

import math
from dataclasses import dataclass, field

from antiphon_server.engine.protocol import LISTENING_RATE_HZ
from antiphon_server.session.voicegate import WINDOW_MS

BYTES_PER_MS = LISTENING_RATE_HZ * 2 // 1000
_NEAR_WINDOWS = 4
"""A pause is quiet for this many windows before and after its middle: a single one may be a stop consonant."""
TAIL_MS = 300
"""Audio kept behind the last voice, so that a soft ending is not lost."""


@dataclass(slots=True)
class Stretch:
    """Samples with their place in the stream and the part of them that holds voice."""

    start_ms: float = 0.0
    pcm: bytearray = field(default_factory=bytearray)
    voice_start_ms: float | None = None
    voice_end_ms: float = 0.0
    longest_pause_ms: float = 0.0
    """Between two parts with voice; of those before the last cut too."""
    voices_ms: list[float] = field(default_factory=list)
    """Moments of the stream at which windows with voice ended."""

    @property
    def end_ms(self) -> float:
        """End of the samples in the stream."""
        return self.start_ms + len(self.pcm) / BYTES_PER_MS

    @property
    def length_ms(self) -> float:
        """Length of the samples."""
        return len(self.pcm) / BYTES_PER_MS

    @property
    def voice_ms(self) -> float:
        """How long there is voice in it."""
        return len(self.voices_ms) * WINDOW_MS

    def count(self, probabilities: list[float], threshold: float) -> None:
        """Count the windows that have just ended, and whether there is voice in them."""
        for num_after, probability in enumerate(reversed(probabilities)):
            if probability >= threshold:
                self.voices_ms.append(self.end_ms - num_after * WINDOW_MS)

    def hear(self, start_ms: float, end_ms: float) -> None:
        """Note that there is voice between two moments of the stream; what lies before the samples is not ours."""
        if end_ms <= self.start_ms:
            return
        if self.voice_start_ms is None:
            self.voice_start_ms = max(start_ms, self.start_ms)
        else:
            self.longest_pause_ms = max(self.longest_pause_ms, start_ms - self.voice_end_ms)
        self.voice_end_ms = max(self.voice_end_ms, end_ms)

    def voiced(self, padding_ms: int) -> tuple[float, bytes]:
        """Return where the voiced part starts in the stream, and its samples with padding; empty without voice."""
        if self.voice_start_ms is None:
            return self.start_ms, b""
        start_ms = max(self.start_ms, self.voice_start_ms - padding_ms)
        end_ms = min(self.end_ms, self.voice_end_ms + TAIL_MS)
        first, last = self._offset(start_ms), self._offset(end_ms)
        return self.start_ms + first / BYTES_PER_MS, bytes(self.pcm[first:last])

    def since(self, at_ms: float) -> bytes:
        """Return the samples from a moment of the stream on."""
        return bytes(self.pcm[self._offset(at_ms) :])

    def between(self, start_ms: float, end_ms: float) -> bytes:
        """Return the samples between two moments of the stream."""
        return bytes(self.pcm[self._offset(start_ms) : self._offset(end_ms)])

    def drop_silence(self, keep_ms: int) -> None:
        """While nothing was heard, keep only the last ``keep_ms``."""
        if self.voice_start_ms is None and self.length_ms > keep_ms:
            self.voices_ms.clear()
            surplus = self._offset(self.end_ms - keep_ms)
            self.start_ms += surplus / BYTES_PER_MS
            del self.pcm[:surplus]

    def split(self, at_ms: float) -> "Stretch":
        """Cut at a moment of the stream; this one keeps the rest, the returned one has what was before."""
        offset = self._offset(at_ms)
        head = Stretch(self.start_ms, self.pcm[:offset], longest_pause_ms=self.longest_pause_ms)
        self.longest_pause_ms = 0.0
        head.voices_ms = [each for each in self.voices_ms if each <= at_ms]
        self.voices_ms = [each for each in self.voices_ms if each > at_ms]
        del self.pcm[:offset]
        self.start_ms += offset / BYTES_PER_MS
        start_ms, self.voice_start_ms = self.voice_start_ms, None
        if start_ms is not None and start_ms < self.start_ms:
            head.hear(start_ms, min(self.voice_end_ms, self.start_ms))
        if start_ms is not None and self.voice_end_ms > self.start_ms:
            self.hear(start_ms, self.voice_end_ms)
        return head

    def _offset(self, at_ms: float) -> int:
        return max(0, min(len(self.pcm), round((at_ms - self.start_ms) * BYTES_PER_MS) // 2 * 2))


def quietest_ms(scores: list[float], end_ms: float, *, from_ms: float, to_ms: float) -> float:
    """Moment with the least voice around it; of two that are about as quiet, the later one.

    Args:
        scores: Voice probabilities of the newest windows, oldest first.
        end_ms: Stream time at the end of the last window.
        from_ms: Earliest moment.
        to_ms: Latest moment; it is taken if no window lies between the two.
    """
    first_ms = end_ms - (len(scores) - 0.5) * WINDOW_MS
    first = max(0, math.ceil((from_ms - first_ms) / WINDOW_MS))
    last = min(len(scores) - 1, math.floor((to_ms - first_ms) / WINDOW_MS))
    if last < first:
        return to_ms
    best = min(range(first, last + 1), key=lambda i: (round(_around(scores, i), 1), -i))
    return first_ms + best * WINDOW_MS


def _around(scores: list[float], index: int) -> float:
    near = scores[max(0, index - _NEAR_WINDOWS) : index + _NEAR_WINDOWS + 1]
    return sum(near) / len(near)
