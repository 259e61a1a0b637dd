"""What an HTTP caller is told when something is wrong, by the contract's error table."""

import json
import math

from aiohttp import web

from antiphon.speech.v1.error_table import ERROR_TABLE, ErrorRow
from antiphon_client.errors import AntiphonError, ConnectionFailed

_OURS = "invalid_request_error"
# What only HTTP can get wrong; the contract's table has no rows for it.
_HTTP_ROWS = {
    row.reason: row
    for row in (
        ErrorRow("NO_ROUTE", "NOT_FOUND", 404, "not_found_error", "not_found", is_retryable=False),
        ErrorRow("BAD_METHOD", "UNIMPLEMENTED", 405, "invalid_request_error", "method_not_allowed", is_retryable=False),
        ErrorRow("BODY_TOO_SLOW", "CANCELLED", 408, "invalid_request_error", "body_too_slow", is_retryable=True),
        ErrorRow("BAD_MEDIA_TYPE", "INVALID_ARGUMENT", 415, _OURS, "unsupported_media_type", is_retryable=False),
        ErrorRow("TARGET_TOO_LONG", "INVALID_ARGUMENT", 414, _OURS, "uri_too_long", is_retryable=False),
        ErrorRow("BAD_EXPECTATION", "UNIMPLEMENTED", 417, _OURS, "expectation_failed", is_retryable=False),
        ErrorRow("HEADERS_TOO_LARGE", "INVALID_ARGUMENT", 431, _OURS, "headers_too_large", is_retryable=False),
    )
}
_RETRY_AFTER_S = 1.0  # where the server named no delay
_UNREACHABLE = "The speech server cannot be reached; try again shortly."
_INTERNAL = "The server failed; quote the request id."

# Paths of the gRPC contract, without a leading "config.", and the parameters they come from.
_PARAMS = {
    "text": "input",
    "text.text": "input",
    "format": "response_format",
    "format.encoding": "response_format",
    "format.sample_rate_hz": "sample_rate",
    "audio": "file",
    "sampling": None,
    "config": None,
    "word_times": "timestamp_granularities[]",
    "key_words": "keywords[]",
    "transcription.language": "language",
    "task": "model",
    "cancel.utterance_id": "id",
}
_PREFIXES = ("config.", "sampling.")


class ApiError(Exception):
    """A request that is answered with an error instead of a result."""

    def __init__(
        self, reason: str, message: str, *, param: str | None = None, retry_after_s: float | None = None
    ) -> None:
        """Keep what the caller is told.

        Args:
            reason: A reason of the contract's table, or one of the rows only HTTP has.
            message: One sentence that names the field, the limit and the value seen, never the caller's text.
            param: Request parameter it is about, as the caller wrote it.
            retry_after_s: Seconds to wait before a retry.
        """
        super().__init__(message)
        self.row = ERROR_TABLE.get(reason) or _HTTP_ROWS[reason]
        self.message = message
        self.param = param
        self.retry_after_s = retry_after_s

    @classmethod
    def invalid(cls, param: str | None, message: str) -> "ApiError":
        """Shape the commonest of them: a parameter is missing, out of range or of the wrong kind."""
        return cls("INVALID_FIELD", message, param=param)


def all_rows() -> list[ErrorRow]:
    """List every way in which a request can fail, over HTTP and behind it."""
    return [*ERROR_TABLE.values(), *_HTTP_ROWS.values()]


def from_client_error(error: AntiphonError) -> ApiError:
    """Translate a failed RPC; addresses and details of internal failures stay here."""
    message = error.message
    if isinstance(error, ConnectionFailed):
        message = _UNREACHABLE
    elif error.reason == "INTERNAL":
        message = _INTERNAL
    param, message = in_callers_words(error.field, message)
    return ApiError(error.reason, message, param=param, retry_after_s=error.retry_after_s)


def in_callers_words(field: str, message: str) -> tuple[str | None, str]:
    """Name the request parameter behind a field path, also where a message begins with the path."""
    param = param_of(field)
    if field and param and message.startswith(field):
        message = param + message.removeprefix(field)
    return param, message


def param_of(field: str) -> str | None:
    """Name the request parameter behind a field path of the contract, e.g. ``config.voice`` is ``voice``.

    A reference keeps its path, since only the request says which of its fields that is.
    """
    path = field
    for prefix in _PREFIXES:
        path = path.removeprefix(prefix)
    if path.startswith("references["):
        return path
    path = path.split("[", 1)[0]
    return _PARAMS.get(path, path) or None


def error_body(error: ApiError) -> dict[str, str | None]:
    """Render the four keys of an error, for a body or an event."""
    row = error.row
    return {"message": error.message, "type": row.http_type, "param": error.param, "code": row.http_code}


def from_http_exception(error: web.HTTPException) -> web.Response:
    """Render what aiohttp raises where no handler is reached, or where one reads a broken body."""
    if isinstance(error, web.HTTPMethodNotAllowed):
        allowed = ", ".join(sorted({*error.allowed_methods, "OPTIONS"}))
        response = to_response(ApiError("BAD_METHOD", f"{error.method} is not offered here; use {allowed}."))
        response.headers["Allow"] = allowed
        return response
    if error.status == 404:
        return to_response(
            ApiError("NO_ROUTE", "There is no such route: /docs lists all. The base URL of OpenAI clients ends in /v1.")
        )
    if error.status == 413:
        return to_response(ApiError("BODY_TOO_LARGE", "The body is over its limit."))
    if error.status == 417:
        return to_response(ApiError("BAD_EXPECTATION", "Expect must be 100-continue or left out.", param="Expect"))
    if "WebSocket" in (error.text or ""):  # aiohttp's own words where a handshake is missing or wrong
        return to_response(ApiError.invalid(None, "This route is a WebSocket: connect to it with ws:// or wss://."))
    return to_response(ApiError.invalid(None, f"The request is not valid HTTP for this route: {error.reason}."))


def to_response(error: ApiError) -> web.Response:
    """Render the four-key body and the headers that tell SDKs whether to retry."""
    row, body = error.row, error_body(error)
    headers: dict[str, str] = {}
    if row.is_retryable and row.http_status in (429, 503):
        delay_s = _RETRY_AFTER_S if error.retry_after_s is None else error.retry_after_s
        headers["Retry-After"] = str(max(1, math.ceil(delay_s)))
        headers["retry-after-ms"] = str(max(1, math.ceil(delay_s * 1000)))
    if not row.is_retryable:
        headers["x-should-retry"] = "false"
    return web.Response(
        status=row.http_status, text=json.dumps({"error": body}), content_type="application/json", headers=headers
    )
