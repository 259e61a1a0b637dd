"""Progress of long reading and writing: one line that says how many bytes of how many, at most once in a while."""

import sys
import time
from collections.abc import Callable

Progress = Callable[[int, int], None]
"""Told the bytes done and the bytes in all."""
_LOG_EVERY_S = 5.0
_TERMINAL_EVERY_S = 0.2
_GB = 1_000_000_000


def silent(_done: int, _all: int) -> None:
    """Say nothing."""


class ProgressLine:
    """A Progress that says what it is told, in gigabytes, and the last of it always."""

    def __init__(
        self, what: str, say: Callable[[str], None], *, every_s: float = _LOG_EVERY_S, ending: str = ""
    ) -> None:
        """Prepare; ``say`` gets a line, not twice within ``every_s``, and the last one with ``ending``."""
        self._what, self._say, self._every_s = what, say, every_s
        self._began_at = time.monotonic()
        self._next_at = self._began_at + min(every_s, 1.0)
        self._has_ended, self._ending = False, ending

    def __call__(self, done: int, num_all: int) -> None:
        """Take a new count of bytes."""
        now, is_end = time.monotonic(), done >= num_all > 0
        if self._has_ended or (now < self._next_at and not is_end):
            return
        self._next_at, self._has_ended = now + self._every_s, is_end
        text = f"{self._what} {done / _GB:.2f} of {num_all / _GB:.2f} GB, {now - self._began_at:.0f} s"
        self._say(text + (self._ending if is_end else ""))


def progress_on_stderr(what: str) -> ProgressLine:
    """Rewrite one line on a terminal; write a line every few seconds elsewhere."""
    if not sys.stderr.isatty():
        return ProgressLine(what, lambda text: _write(text + "\n"))
    return ProgressLine(what, lambda text: _write("\r" + text), every_s=_TERMINAL_EVERY_S, ending="\n")


def _write(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()
