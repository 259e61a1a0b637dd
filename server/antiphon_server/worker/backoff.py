"""How long to wait before a dead engine is started again."""

from dataclasses import dataclass


@dataclass(slots=True)
class Backoff:
    """Doubles the delay at each death, and starts over after a life that was long enough."""

    first_s: float
    max_s: float
    healthy_after_s: float
    """A life at least this long after being ready wipes out the deaths before it."""
    num_deaths: int = 0

    def delay_after(self, healthy_s: float) -> float:
        """Count a death and return the seconds to wait.

        Args:
            healthy_s: How long it had been ready; 0 if it never was.
        """
        if healthy_s >= self.healthy_after_s:
            self.num_deaths = 0
        delay_s = min(self.first_s * 2.0**self.num_deaths, self.max_s)
        self.num_deaths = min(self.num_deaths + 1, 64)  # 2 ** 64 seconds is beyond any limit, and no overflow
        return delay_s
