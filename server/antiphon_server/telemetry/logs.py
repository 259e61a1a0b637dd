"""Structured logs, one JSON object a line on stderr. Never text, transcripts, audio or names of callers' files."""

import json
import logging
import sys
import time
import traceback
from pathlib import Path
from typing import Any

_LOGGER = logging.getLogger("antiphon")
_NUM_FRAMES = 4


class JsonLines(logging.Formatter):
    """Formats records: those of ``log`` are JSON already, and those of ``logging`` become the event "logged"."""

    def format(self, record: logging.LogRecord) -> str:
        """Give one line; of an exception only its class and where it was raised, since its words may quote a caller."""
        if record.name == _LOGGER.name:
            return record.getMessage()
        fields = {"logger": record.name, "message": record.getMessage()}
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            frames = traceback.extract_tb(error.__traceback__)[-_NUM_FRAMES:]
            where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames)
            fields["error"] = f"{type(error).__name__} at {where or 'no frame'}"
        return _line("logged", record.created, record.levelno, fields)


def json_handler() -> logging.Handler:
    """Write to stderr, one JSON object a line."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    return handler


def start_logs(level: str) -> None:
    """Send the server's events to stderr; foreign libraries only from WARNING on."""
    logging.basicConfig(level=logging.WARNING, handlers=[json_handler()], force=True)
    _LOGGER.setLevel(level)


def log(event: str, *, level: int = logging.INFO, **fields: Any) -> None:  # noqa: ANN401 - fields are JSON values
    """Write one event. Fields are numbers, ids, names of models and reasons; nothing a caller said.

    Args:
        event: Past-tense name, such as "call_ended".
        level: A level of ``logging``.
        fields: JSON values.
    """
    if _LOGGER.isEnabledFor(level):
        _LOGGER.log(level, "%s", _line(event, time.time(), level, fields))


def _line(event: str, at_s: float, level: int, fields: dict[str, Any]) -> str:
    stamp = {"at": round(at_s, 3), "level": logging.getLevelName(level), "event": event}
    return json.dumps(stamp | fields, default=str)
