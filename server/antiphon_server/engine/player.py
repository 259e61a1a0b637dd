"""Whoever hears a sequence, as far as the clock tells: plays from the first sound on, and starves when it is late."""

from dataclasses import dataclass
from math import inf

from antiphon_server.engine.runner import SAMPLE_RATE_HZ


@dataclass(slots=True)
class Player:
    """Plays samples in real time as they go out."""

    dry_at: float = -inf
    """Clock second at which all that went out has been played; before everything while there was no sound yet."""

    @property
    def has_begun(self) -> bool:
        """Whether there was a sound."""
        return self.dry_at > -inf

    def take(self, num_samples: int, now: float) -> float:
        """Take samples; seconds that the player has starved for them."""
        starved_s = max(0.0, now - self.dry_at) if self.has_begun else 0.0
        self.dry_at = max(now, self.dry_at) + num_samples / SAMPLE_RATE_HZ
        return starved_s

    def excuse(self, num_samples: int, now: float) -> None:
        """Forgive the wait up to now: the reader had not taken this many samples, and plays them from now on."""
        self.dry_at = max(self.dry_at, now + num_samples / SAMPLE_RATE_HZ)
