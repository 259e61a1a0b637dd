"""Errors across the process border: named ones whole, unexpected ones as an id that the log explains.

The log gets the exception's class and where it was raised, never its message, which may quote text or audio.
"""

import logging
import secrets
import traceback
from pathlib import Path
from typing import Any

from antiphon_server.errors import BY_REASON, EngineFailed, SpeechError

_log = logging.getLogger(__name__)
_NUM_FRAMES_LOGGED = 4


def encode_error(error: BaseException) -> dict[str, object]:
    """Return what the caller is told; logs an error that is not a SpeechError."""
    told = error if isinstance(error, SpeechError) else _unexpected(error)
    return {
        "reason": told.reason,
        "message": told.message,
        "field": told.field,
        "retry_after_s": told.retry_after_s,
    }


def decode_error(values: dict[str, Any]) -> SpeechError:
    """Make the error again, of the class its reason belongs to."""
    kind = BY_REASON.get(values["reason"], EngineFailed)
    return kind(values["message"], field=values["field"], retry_after_s=values["retry_after_s"])


def copy_error(error: SpeechError) -> SpeechError:
    """Return an equal error to raise, so that callers do not share a traceback."""
    return type(error)(error.message, field=error.field, retry_after_s=error.retry_after_s)


def describe(error: BaseException) -> str:
    """Say what failed and where, innermost frame last, without the error's own words."""
    frames = traceback.extract_tb(error.__traceback__)[-_NUM_FRAMES_LOGGED:]
    where = " > ".join(f"{Path(frame.filename).name}:{frame.lineno}:{frame.name}" for frame in frames)
    return f"{type(error).__name__} at {where or 'no frame'}"


def _unexpected(error: BaseException) -> SpeechError:
    failure_id = secrets.token_hex(4)
    _log.error("engine failed id=%s error=%s", failure_id, describe(error))
    return EngineFailed(f"the engine failed (id {failure_id})")
