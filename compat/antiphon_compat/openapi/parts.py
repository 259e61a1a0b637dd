"""Parts that many operations of the document share: errors, headers, values that may be null."""

from collections.abc import Iterable
from typing import Any

from antiphon_compat.errors import all_rows

Json = dict[str, Any]
"""A piece of the document."""

EVERYWHERE = (400, 403, 404, 405, 414, 417, 431, 500)
"""Statuses that HTTP itself can bring about on any route: a broken request, a foreign page, a wrong method."""
BODY = (408, 413, 415)
"""Statuses of routes that read a body."""
SERVER = (429, 499, 501, 502, 503, 504)
"""Statuses of routes that ask the speech server."""

_TITLES = {
    400: "The request is wrong; `param` names the field.",
    403: "A web page of another origin, or a host name that this server does not answer to.",
    404: "There is no such route, model or voice.",
    405: "The route has no such method; `Allow` lists those it has.",
    408: "The body paused for too long.",
    409: "Something of that name exists already.",
    413: "The body or a file in it is over its limit. It is not read any further.",
    414: "The address is over 8190 bytes.",
    415: "The body is of another media type.",
    417: "`Expect` asks for something other than `100-continue`.",
    431: "A header is over 8190 bytes, or there are more than 128.",
    429: "All places are taken; `Retry-After` says when to try again.",
    499: "The call was cancelled.",
    500: "A defect of the server; quote `x-request-id`.",
    501: "This build does not have it.",
    502: "The engine, or a service behind it, failed.",
    503: "The speech server is starting, going down or cannot be reached.",
    504: "The deadline passed or cannot be met.",
}


def errors(*groups: Iterable[int]) -> Json:
    """List error responses.

    Args:
        groups: HTTP statuses; those of ``EVERYWHERE`` are always there.
    """
    statuses = sorted({*EVERYWHERE, *(status for group in groups for status in group)})
    return {str(status): {"$ref": f"#/components/responses/Error{status}"} for status in statuses}


def error_responses() -> Json:
    """Describe every error response once, with the codes that its status can have."""
    return {f"Error{status}": _error_response(status, title) for status, title in sorted(_TITLES.items())}


def optional(schema: Json) -> Json:
    """Allow null too; a field that is null is not given."""
    widened = {**schema, "type": [schema["type"], "null"]}
    if "enum" in schema:
        widened["enum"] = [*schema["enum"], None]
    return widened


def answer(description: str, schema: Json, *, media_type: str = "application/json") -> Json:
    """Describe a response with one kind of body."""
    return {"description": description, "headers": headers(), "content": {media_type: {"schema": schema}}}


def events(*kinds: Json, has_end_mark: bool = False) -> Json:
    """Describe a body of server-sent events; the schema is that of each event, as tools read it.

    Args:
        kinds: Schemas of the JSON objects in ``data``, that of a failure among them.
        has_end_mark: Whether ``[DONE]`` follows the last one.
    """
    data: Json = {
        "type": "string",
        "contentMediaType": "application/json",
        "contentSchema": {"anyOf": list(kinds)},
    }
    each = {"anyOf": [{"const": "[DONE]"}, data]} if has_end_mark else data
    schema = {"type": "object", "required": ["data"], "properties": {"data": each}}
    return {"text/event-stream": {"schema": schema}}


def event(kind: str, **properties: Json) -> Json:
    """Describe the JSON object of an event; all its properties are always there."""
    return {
        "type": "object",
        "required": ["type", *properties],
        "properties": {"type": {"const": kind}, **properties},
    }


def message(kind: str, description: str, *required: str, **properties: Json) -> Json:
    """Describe a JSON message of a WebSocket; its ``type`` is ``kind``."""
    return {
        "description": description,
        "type": "object",
        "required": ["type", *required],
        "properties": {"type": {"const": kind}, **properties},
    }


def headers(*names: str) -> Json:
    """Refer to response headers by name; ``x-request-id`` is always there."""
    return {name: {"$ref": f"#/components/headers/{name}"} for name in ("x-request-id", *names)}


def ref(name: str) -> Json:
    """Refer to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def curl(*commands: str) -> list[Json]:
    """Give examples of a call."""
    return [{"lang": "curl", "source": command} for command in commands]


def _error_response(status: int, title: str) -> Json:
    rows = [row for row in all_rows() if row.http_status == status]
    error = {
        "type": "object",
        "required": ["message", "type", "param", "code"],
        "properties": {
            "message": {"type": "string", "minLength": 1},
            "type": {"enum": sorted({row.http_type for row in rows})},
            "param": {"type": ["string", "null"]},
            "code": {"enum": sorted({row.http_code for row in rows})},
        },
        "additionalProperties": False,
    }
    schema = {"type": "object", "required": ["error"], "properties": {"error": error}, "additionalProperties": False}
    return {**answer(title, schema), "headers": headers(*_headers_of(status))}


def _headers_of(status: int) -> tuple[str, ...]:
    retry = ("x-should-retry",)
    if status in (429, 503):
        return (*retry, "Retry-After", "retry-after-ms")
    return (*retry, "Allow") if status == 405 else retry
