"""Structured logs, one JSON object a line on stderr. Never text, transcripts, audio or names of callers' files."""

import json
import logging
import sys
import time
from typing import Any

_LOGGER = logging.getLogger("antiphon")


def start_logs(level: str) -> None:
    """Send the server's events to stderr; foreign libraries only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler], force=True)
    _LOGGER.setLevel(level)


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401 - fields are JSON values
    """Write one event. Fields are numbers, ids, names of models and reasons; nothing a caller said.

    Args:
        event: Past-tense name, such as "call_ended".
        level: A level of ``logging``.
        fields: JSON values.
    """
    if _LOGGER.isEnabledFor(level):
        stamp = {"at": round(time.time(), 3), "level": logging.getLevelName(level), "event": event}
        _LOGGER.log(level, "%s", json.dumps(stamp | fields, default=str))
