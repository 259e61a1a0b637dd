"""Who makes a call, and until when the answer is worth something."""

import re
import time
from typing import Any

CALLER_KEY = "x-antiphon-caller"
"""Metadata in which a front that serves many callers over one connection tells them apart."""
_NAME = re.compile(r"[!-~]{1,64}")
_LAST_MS = 50
"""Time that the last sound needs to reach the caller."""


def caller_of(context: Any) -> str:  # noqa: ANN401 - grpc's types
    """Name whoever asks: a connection, or one of the callers it speaks for. For fairness only: it proves nothing."""
    peer: str = context.peer()
    name = dict(context.invocation_metadata() or ()).get(CALLER_KEY, "")
    return f"{peer} {name}" if isinstance(name, str) and _NAME.fullmatch(name) else peer


def due_at(context: Any) -> float | None:  # noqa: ANN401 - grpc's types
    """Monotonic second after which sound would come too late; None for a call without a deadline."""
    remaining_s: float | None = context.time_remaining()
    return None if remaining_s is None else time.monotonic() + remaining_s - _LAST_MS / 1000
