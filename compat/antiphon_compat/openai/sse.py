"""Server-sent events: one JSON object each, and an ending that cannot be mistaken for another."""

import contextlib
import json

from aiohttp import web

from antiphon_compat.errors import ApiError, error_body
from antiphon_compat.streams import STREAM_HEADERS, cut_off, note_failure, write_in_time

EVENT_HEADERS = STREAM_HEADERS | {"Content-Type": "text/event-stream"}
"""Headers of a body of events."""


async def send_event(response: web.StreamResponse, event: dict[str, object]) -> None:
    """Send one event: a data line and an empty line.

    Raises:
        ConnectionError: The client is gone, or takes nothing any more.
    """
    await write_in_time(response, f"data: {json.dumps(event)}\n\n".encode())


async def send_failure(
    request: web.Request, response: web.StreamResponse, kind: str, error: ApiError | ConnectionError
) -> None:
    """Tell what failed, then break the body off; clients that do not know the event still see that it is not whole.

    Args:
        request: The request that is being answered.
        response: Its answer, under way.
        kind: Type of the event, e.g. ``speech.audio.error``.
        error: What failed; of a connection that is lost nothing is told any more.
    """
    note_failure(request, error)
    if isinstance(error, ApiError):
        with contextlib.suppress(ConnectionError):
            await send_event(response, {"type": kind, "error": error_body(error)})
    cut_off(request)
