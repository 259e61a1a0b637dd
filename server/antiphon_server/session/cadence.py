"""How often partials come: told once a call where that is much more seldom than was asked for."""

import time

from antiphon_server.session.events import Notice

_MUCH = 2.0
"""Times the wanted interval."""


class Cadence:
    """Watches how long partials take. One takes the model's time, and that of all who are before it."""

    def __init__(self, wanted_ms: int) -> None:
        """Begin with nothing told.

        Args:
            wanted_ms: Between two partials.
        """
        self._wanted_ms = wanted_ms
        self._is_told = False

    def notice(self, began_at: float) -> Notice | None:
        """Say that partials come late, or None if they do not, or if it was said already.

        Args:
            began_at: Monotonic seconds at which the partial was due that has just come.
        """
        took_ms = (time.monotonic() - began_at) * 1000
        if self._is_told or took_ms <= _MUCH * self._wanted_ms:
            return None
        self._is_told = True
        took, wanted = took_ms / 1000, self._wanted_ms / 1000
        message = f"a partial took {took:.1f} s, and one was asked for every {wanted:g} s: the model is busy"
        return Notice("CADENCE_STRETCHED", "", message)
