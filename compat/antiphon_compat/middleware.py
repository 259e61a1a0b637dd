"""What every request goes through: a request id, one log line, and errors in one shape."""

import asyncio
import json
import logging
import re
import time
import traceback
import uuid

from aiohttp import web
from aiohttp.typedefs import Handler

from antiphon_compat.bodies import require_known_framing
from antiphon_compat.errors import ApiError, from_http_exception, to_response
from antiphon_compat.streams import cut_off
from antiphon_compat.upstream import FAILURE_KEY, REQUEST_ID_KEY, SENT_STATUS_KEY

_log = logging.getLogger("antiphon_compat")
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,128}")
_CLIENT_GONE = 499
_SOCKET_STATUS = 101


@web.middleware
async def request_scope(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give the request its id and log how it ended."""
    given = request.headers.get("x-request-id", "")
    request[REQUEST_ID_KEY] = given if _REQUEST_ID.fullmatch(given) else uuid.uuid4().hex
    started_s, status = time.monotonic(), _CLIENT_GONE
    try:
        response = await _answer(request, handler)
    except (asyncio.CancelledError, ConnectionError):  # the client left; for a socket that is the usual end
        status = request.get(SENT_STATUS_KEY, _CLIENT_GONE)
        if status != _SOCKET_STATUS and FAILURE_KEY not in request:
            request[FAILURE_KEY] = "client_gone"
        raise
    else:
        status = response.status
        return response
    finally:
        _log_request(request, status, (time.monotonic() - started_s) * 1000)


async def add_request_id(request: web.Request, response: web.StreamResponse) -> None:
    """Send the id back, on streams and errors too; nobody needs to know what this is built with."""
    request[SENT_STATUS_KEY] = response.status
    response.headers["Server"] = "antiphon"
    if REQUEST_ID_KEY in request:
        response.headers["x-request-id"] = request[REQUEST_ID_KEY]


async def _answer(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        require_known_framing(request)
        return await handler(request)
    except ApiError as error:
        request[FAILURE_KEY] = error.row.http_code
        return to_response(error)
    except web.HTTPException as error:
        return from_http_exception(error)
    except ConnectionError:
        raise
    except Exception as error:  # the last place where a defect of ours can become a proper 500
        _log_defect(request, error)
        if SENT_STATUS_KEY in request:  # another answer inside the one under way would look like a part of it
            request[FAILURE_KEY] = "internal"
            cut_off(request)
            raise ConnectionAbortedError("the answer had begun") from error
        return to_response(ApiError("INTERNAL", "The server failed; quote the request id."))


def _log_request(request: web.Request, status: int, took_ms: float) -> None:
    resource = request.match_info.route.resource
    line = {
        "event": "request",
        "method": request.method,
        "route": resource.canonical if resource else "",  # never the path itself: it can hold anything
        "status": status,
        "ms": round(took_ms, 1),
        "request_id": request[REQUEST_ID_KEY],
    }
    if FAILURE_KEY in request:
        line["failure"] = request[FAILURE_KEY]
    _log.info(json.dumps(line))


def _log_defect(request: web.Request, error: Exception) -> None:
    # Only the kind and the places: the message of an exception can quote the caller's text.
    frames = traceback.extract_tb(error.__traceback__)[-5:]
    places = [f"{frame.name}:{frame.lineno}" for frame in frames]
    line = {"event": "defect", "error": type(error).__name__, "at": places, "request_id": request[REQUEST_ID_KEY]}
    _log.error(json.dumps(line))
