"""From voice probabilities to decisions: when speech started and stopped. Plain arithmetic, no model."""

from dataclasses import dataclass, field

from antiphon_server.engine.protocol import LISTENING_RATE_HZ, VOICE_WINDOW_SAMPLES

WINDOW_MS = VOICE_WINDOW_SAMPLES * 1000 / LISTENING_RATE_HZ
_HYSTERESIS = 0.15
"""Speech goes on until the probability is this much below the threshold that began it (silero's own advice)."""


@dataclass(frozen=True, slots=True)
class VoiceChange:
    """Speech started or stopped."""

    is_start: bool
    at_ms: int


@dataclass(slots=True)
class VoiceGate:
    """Decides with hysteresis, a shortest speech and a shortest silence."""

    threshold: float = 0.5
    silence_ms: int = 500
    min_speech_ms: int = 100
    is_speaking: bool = False
    last_voice_ms: float = 0.0
    """End of the last window that counted as speech."""
    _window: int = 0
    _run_started_ms: float | None = None
    scores: list[float] = field(default_factory=list)
    """Probabilities since ``forget``; one per window."""

    def take(self, probabilities: list[float]) -> list[VoiceChange]:
        """Take the next windows' probabilities and return what changed."""
        changes = [change for change in map(self._step, probabilities) if change is not None]
        self.scores.extend(probabilities)
        return changes

    def resumed_ms(self, after_ms: float) -> float:
        """When voice is heard again after a moment that scores are kept of; the moment itself if it is not."""
        first = self._window - len(self.scores)
        level = self.threshold - _HYSTERESIS
        starts = ((first + index) * WINDOW_MS for index, score in enumerate(self.scores) if score >= level)
        return next((start_ms for start_ms in starts if start_ms >= after_ms), after_ms)

    def forget(self) -> None:
        """Drop the kept scores; decisions go on."""
        self.scores.clear()

    def _step(self, probability: float) -> VoiceChange | None:
        start_ms = self._window * WINDOW_MS
        self._window += 1
        end_ms = start_ms + WINDOW_MS
        level = self.threshold - _HYSTERESIS if self.is_speaking else self.threshold
        if probability >= level:
            return self._voice(start_ms, end_ms)
        return self._quiet(end_ms)

    def _voice(self, start_ms: float, end_ms: float) -> VoiceChange | None:
        if self._run_started_ms is None:
            self._run_started_ms = start_ms
        if self.is_speaking or end_ms - self._run_started_ms >= self.min_speech_ms:
            self.last_voice_ms = end_ms
        if self.is_speaking or end_ms - self._run_started_ms < self.min_speech_ms:
            return None
        self.is_speaking = True
        return VoiceChange(is_start=True, at_ms=round(self._run_started_ms))

    def _quiet(self, end_ms: float) -> VoiceChange | None:
        if not self.is_speaking:
            self._run_started_ms = None
            return None
        if end_ms - self.last_voice_ms < self.silence_ms:
            return None
        self.is_speaking = False
        self._run_started_ms = None
        return VoiceChange(is_start=False, at_ms=round(self.last_voice_ms))
