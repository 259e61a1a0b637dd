"""Bodies that are not read to their end: invited late, and left behind without reading a gigabyte.

``100 Continue`` goes out when somebody begins to read, so a request that is refused by its headers is never invited to
send its body.
"""

import asyncio

from aiohttp import HttpVersion10, HttpVersion11, web
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.typedefs import Handler

from antiphon_compat.errors import ApiError

_CONTINUE = "100-continue"
_CODINGS = ("identity", "gzip", "deflate")  # those that aiohttp decodes without more libraries
_KEPT_BYTES = 256 * 1024  # a rest that is known to be this short is read, and the connection stays open
# Some libraries, asyncio's among them, look for an answer only after their last byte, and lose it where the connection
# ends before. So a rest that is announced to be no longer than an upload may be anyway is read and thrown away.
_ANNOUNCED_BYTES = 128 * 1024 * 1024
_LEFT_BYTES = 1024 * 1024  # read of any other rest while the caller hears that it should stop
_LEFT_S = 30.0
_PAUSE_S = 2.0  # a caller that has stopped is not waited for
_BROKEN = (web.RequestPayloadError, HttpProcessingError, ConnectionError, TimeoutError)

_UNINVITED_KEY = web.RequestKey("uninvited", bool)


async def hold_back(request: web.Request) -> None:
    """Take note that the caller waits to be invited; for ``expect_handler`` of every route."""
    request[_UNINVITED_KEY] = True


async def invite(request: web.Request) -> None:
    """Ask for the body, if its sender waits for that; call it before the first read."""
    if request.pop(_UNINVITED_KEY, False) and request.version >= (1, 1):
        await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request.writer.output_size = 0  # what aiohttp's own handler does: the answer proper has not begun


def require_known_framing(request: web.Request) -> None:
    """Refuse another version of HTTP, and what ``Expect`` and ``Content-Encoding`` can ask for beyond the usual.

    Raises:
        ApiError: Another version than 1.0 and 1.1, another expectation than ``100-continue``, or another coding than
            gzip and deflate.
    """
    if request.version not in (HttpVersion10, HttpVersion11):  # aiohttp's parser reads 0.9 and 2.0 like 1.1
        raise ApiError.invalid(None, "The request must be HTTP/1.0 or HTTP/1.1.")
    if request.headers.get("Expect", _CONTINUE).lower() != _CONTINUE:
        raise ApiError("BAD_EXPECTATION", "Expect must be 100-continue or left out.", param="Expect")
    codings = request.headers.getall("Content-Encoding", ["identity"])
    if len(codings) > 1 or codings[0].lower() not in _CODINGS:
        message = "Content-Encoding must be gzip, deflate or left out."
        raise ApiError("BAD_MEDIA_TYPE", message, param="Content-Encoding")


@web.middleware
async def leave_unread(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Send an answer that came before the end of the body, and make sure that its reader gets to see it."""
    response = await handler(request)
    is_early = isinstance(response, web.Response) and request.body_exists and not request.content.is_eof()
    if is_early:
        await _answer_early(request, response)
    return response


async def _answer_early(request: web.Request, response: web.StreamResponse) -> None:
    is_short = (request.content_length or _LEFT_BYTES) <= _KEPT_BYTES and _UNINVITED_KEY not in request
    if not is_short:
        response.force_close()
    await response.prepare(request)
    await response.write_eof()
    transport = request.transport
    if not is_short and transport is not None and transport.can_write_eof():
        # A sender that has seen the end of our side gets EPIPE rather than ECONNRESET when we close, and HTTP
        # libraries go on to read the answer after the first one only.
        transport.write_eof()
    await _read_rest(request)


async def _read_rest(request: web.Request) -> None:
    announced = request.content_length or 0
    left = announced if 0 < announced <= _ANNOUNCED_BYTES else _LEFT_BYTES
    try:
        async with asyncio.timeout(_LEFT_S):
            while left > 0 and (piece := await asyncio.wait_for(request.content.readany(), _PAUSE_S)):
                left -= len(piece)
    except _BROKEN:
        return
