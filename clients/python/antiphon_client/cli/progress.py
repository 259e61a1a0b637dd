"""Says what is going on, on a terminal only: scripts and logs see nothing of it."""

import contextlib
import sys
import time
from collections.abc import Iterator

from rich.console import Console
from rich.status import Status


class Progress:
    """A line on the terminal that can be rewritten; silent where stderr is not one."""

    def __init__(self, status: Status | None) -> None:
        """Write to ``status``; ``None`` is silent."""
        self._status = status
        self._began_at_s = time.monotonic()

    def say(self, text: str) -> None:
        """Show ``text`` and the seconds gone by."""
        if self._status is not None:
            self._status.update(f"{text} ({time.monotonic() - self._began_at_s:.1f} s)")


@contextlib.contextmanager
def progress(text: str) -> Iterator[Progress]:
    """Show that something is going on until the block ends."""
    if not sys.stderr.isatty():
        yield Progress(None)
        return
    with Console(stderr=True).status(text) as status:
        yield Progress(status)


def note(text: str) -> None:
    """Tell a person something beside the output; on stderr, as it is."""
    print(text, file=sys.stderr)
