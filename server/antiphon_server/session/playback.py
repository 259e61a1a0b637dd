"""The listener's side of an utterance, as far as the server can know it."""

import time
from collections.abc import Callable

from antiphon_server.errors import InvalidField
from antiphon_server.session.events import Stall


class Playback:
    """Follows a player that starts at the first chunk and plays in real time."""

    def __init__(self, rate_hz: int, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin with nothing sent.

        Args:
            rate_hz: Output rate.
            clock: Monotonic seconds.
        """
        self._rate_hz = rate_hz
        self._clock = clock
        self._began_at: float | None = None
        self._stalled_s = 0.0
        self._num_underruns = 0
        self._reported: int | None = None
        self.samples_sent = 0

    def wrote(self, num_samples: int) -> None:
        """Count samples that left the server."""
        now = self._clock()
        if self._began_at is None:
            self._began_at = now
        late_s = (now - self._began_at - self._stalled_s) - self.samples_sent / self._rate_hz
        if late_s > 0 and self.samples_sent:
            self._stalled_s += late_s
            self._num_underruns += 1
        self.samples_sent += num_samples

    def report(self, samples_played: int) -> None:
        """Take the caller's word for what was heard.

        Raises:
            InvalidField: If it is less than before or more than was sent.
        """
        low = self._reported or 0
        if not low <= samples_played <= self.samples_sent:
            raise InvalidField(
                f"playback_position.samples_played must be {low} to {self.samples_sent}, not {samples_played}",
                field="playback_position.samples_played",
            )
        self._reported = samples_played

    def heard(self) -> tuple[int, bool]:
        """Samples heard, and whether that is only estimated from the clock."""
        if self._reported is not None:
            return self._reported, False
        if self._began_at is None:
            return 0, True
        played_s = self._clock() - self._began_at - self._stalled_s
        return min(self.samples_sent, round(played_s * self._rate_hz)), True

    @property
    def stall(self) -> Stall:
        """How much the player starved."""
        return Stall(self._num_underruns, self._stalled_s * 1000)
