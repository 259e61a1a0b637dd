"""Who gets in: bounded calls, early refusal of deadlines that cannot be met, and a retry delay worth waiting for."""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from antiphon_server.errors import DeadlineTooShort, Draining, Overloaded

_WEIGHT = 0.2
"""Share of the newest call in the running means."""
_HALF_LIFE_S = 5.0
"""How fast a crowd is forgotten while nothing is measured; whoever is refused measures nothing."""


@dataclass(frozen=True, slots=True)
class _Known:
    """What was measured of a model's first output, as if each call had been alone."""

    mean_ms: float
    least_ms: float
    at: float
    """Monotonic seconds of the last measurement."""

    def now_ms(self, now: float) -> float:
        """The mean, on its way to the least that was ever measured."""
        floor_ms = min(self.mean_ms, self.least_ms)
        return floor_ms + (self.mean_ms - floor_ms) * math.exp2((self.at - now) / _HALF_LIFE_S)


class Admission:
    """The door to one kind of work."""

    def __init__(
        self,
        name: str,
        max_calls: int,
        first_output_ms: float = 50.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Open the door.

        Args:
            name: Kind of work, for messages.
            max_calls: Calls at once; one more is refused.
            first_output_ms: First guess of the time to first output.
            clock: Monotonic seconds.
        """
        self._name = name
        self._max_calls = max_calls
        self._guess_ms = first_output_ms
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._call_s = 2.0
        self.num_running = 0
        self.is_draining = False

    def predict_first_output_ms(self, model: str = "") -> float:
        """Predict a model's time to first output from what was measured of it and how many wait beside."""
        return self._alone_ms(model) * (1 + self.num_running / 2)

    def measured(self, first_output_ms: float, model: str = "", *, num_beside: int = 0) -> None:
        """Learn from the time to first output of a call to a model.

        Args:
            first_output_ms: As it was measured.
            model: Which one worked.
            num_beside: Calls that ran beside it then; it would have been that much sooner alone.
        """
        first_output_ms /= 1 + num_beside / 2
        known_ms, known = self._alone_ms(model), self._known.get(model)
        least_ms = first_output_ms if known is None else min(known.least_ms, first_output_ms)
        mean_ms = known_ms + _WEIGHT * (first_output_ms - known_ms)
        self._known[model] = _Known(mean_ms, least_ms, self._clock())

    def _alone_ms(self, model: str) -> float:
        known = self._known.get(model)
        return self._guess_ms if known is None else known.now_ms(self._clock())

    @contextmanager
    def enter(self, time_remaining_s: float | None, model: str = "") -> Iterator[None]:
        """Hold a place for the length of a call.

        Args:
            time_remaining_s: Until the caller's deadline; None without one.
            model: Which one works, where there are several.

        Raises:
            Draining: If the server is going down.
            Overloaded: If all places are taken.
            DeadlineTooShort: If the predicted first output comes after the deadline.
        """
        self._check(time_remaining_s, model)
        self.num_running += 1
        began_at = time.monotonic()
        try:
            yield
        finally:
            self.num_running -= 1
            self._call_s += _WEIGHT * (time.monotonic() - began_at - self._call_s)

    def _check(self, time_remaining_s: float | None, model: str) -> None:
        if self.is_draining:
            raise Draining("the server is going down; call another one", retry_after_s=1.0)
        if self.num_running >= self._max_calls:
            raise Overloaded(
                f"all {self._max_calls} places for {self._name} are taken",
                retry_after_s=max(0.1, min(30.0, self._call_s / self._max_calls)),
            )
        predicted_ms = self.predict_first_output_ms(model)
        if time_remaining_s is not None and time_remaining_s * 1000 < predicted_ms:
            raise DeadlineTooShort(
                f"the deadline is in {max(0.0, time_remaining_s) * 1000:.0f} ms and the first output is expected "
                f"after {predicted_ms:.0f} ms"
            )
