"""Ids of calls: the caller's if it is harmless, else ours."""

import re
import secrets
from contextvars import ContextVar

_HARMLESS = re.compile(r"[A-Za-z0-9._-]{1,128}")
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")
"""Id of the call being served."""


def choose_request_id(offered: str | None) -> str:
    """Take the id offered in x-request-id, or make one."""
    if offered and _HARMLESS.fullmatch(offered):
        return offered
    return f"req_{secrets.token_hex(12)}"
