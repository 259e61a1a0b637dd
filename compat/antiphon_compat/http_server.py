"""HTTP below the routes: requests that cannot be understood are answered in the shape of every other error."""

import asyncio
import json
import logging
import socket
import uuid
from typing import cast

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage, ContentEncodingError, LineTooLong

from antiphon_compat.errors import ApiError, from_http_exception, to_response

_log = logging.getLogger("antiphon_compat")
_WAITING_BYTES = 16 * 1024
_NOT_SENT_LIMIT: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)  # Linux and macOS have it
_TOO_MANY = "Too many headers received"  # aiohttp has no class of its own for this


class HttpRunner(web.AppRunner):
    """Runs the application on connections that answer malformed HTTP as the API answers everything else."""

    def __init__(self, app: web.Application, *, grace_s: float) -> None:
        """Prepare to serve.

        Args:
            app: What ``build_app`` made.
            grace_s: Seconds that requests in flight may take to finish.
        """
        super().__init__(
            app,
            handler_cancellation=True,  # when a client goes away, and its RPC goes with it
            access_log=None,
            shutdown_timeout=grace_s,
            lingering_time=0,  # bodies.leave_unread does this, with a limit in bytes
        )

    async def _make_server(self) -> web.Server:
        plain = await super()._make_server()
        return _Server(
            plain.request_handler,
            request_factory=plain.request_factory,
            handler_cancellation=plain.handler_cancellation,
            **plain._kwargs,  # noqa: SLF001  # aiohttp is pinned, and has no other way to choose the connection's class
        )


class _Server(web.Server):
    def __call__(self) -> web.RequestHandler:
        return _Connection(self, loop=self._loop, **self._kwargs)


class _Connection(web.RequestHandler):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let little wait for a slow client: a second or two of audio, not the megabytes that fit into a kernel."""
        super().connection_made(transport)
        cast("asyncio.Transport", transport).set_write_buffer_limits(high=_WAITING_BYTES)  # uvloop's has another base
        if _NOT_SENT_LIMIT is not None and (sock := transport.get_extra_info("socket")) is not None:
            sock.setsockopt(socket.IPPROTO_TCP, _NOT_SENT_LIMIT, _WAITING_BYTES)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer what no route has seen; aiohttp's own message would quote what the caller sent."""
        if request.writer.output_size > 0 or isinstance(exc, ConnectionError):
            raise ConnectionError("the answer has begun, or there is nobody to hear it")
        response = _finished(to_response(_error_of(status, exc)))
        response.force_close()
        return response

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer; one that aiohttp raised outside the routes gets our shape."""
        if isinstance(resp, web.HTTPException):
            resp = _finished(from_http_exception(resp))
        return await super().finish_response(request, resp, start_time)


def _error_of(status: int, exc: BaseException | None) -> ApiError:
    if status >= 500:
        return ApiError("INTERNAL", "The server failed; quote the request id.")
    if isinstance(exc, LineTooLong):
        # The line that aiohttp's parser gives is a bytearray for the target only.
        is_target = isinstance(exc.args[0], bytearray)
        return ApiError("TARGET_TOO_LONG" if is_target else "HEADERS_TOO_LARGE", _too_long(is_target=is_target))
    if isinstance(exc, ContentEncodingError):
        message = "Content-Encoding must be gzip, deflate or left out."
        return ApiError("BAD_MEDIA_TYPE", message, param="Content-Encoding")
    if isinstance(exc, BadHttpMessage) and exc.message == _TOO_MANY:
        return ApiError("HEADERS_TOO_LARGE", "The request has more than 128 headers.")
    return ApiError.invalid(None, "The request is not valid HTTP/1.1.")


def _too_long(*, is_target: bool) -> str:
    return f"{'The address' if is_target else 'A header'} of the request is over the limit of 8190 bytes."


def _finished(response: web.Response) -> web.Response:
    request_id = uuid.uuid4().hex
    response.headers["Server"] = "antiphon"
    response.headers["x-request-id"] = request_id
    line = {"event": "request", "method": "", "route": "", "status": response.status, "request_id": request_id}
    _log.info(json.dumps(line))
    return response
