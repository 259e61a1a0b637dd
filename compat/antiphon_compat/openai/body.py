"""Reads a request body with its limits: size, pauses, media type, encoding."""

import asyncio
from collections.abc import Awaitable
from functools import partial
from typing import TypeVar

from aiohttp import web

from antiphon_compat.bodies import invite
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, kind_of
from antiphon_compat.settings import CONFIG_KEY, MIB

ResultT = TypeVar("ResultT")

_LARGE_BYTES = 64 * 1024  # parsing more than this would hold up the event loop


async def read_json(request: web.Request) -> Fields:
    """Read a JSON object.

    Raises:
        ApiError: The body is not a JSON object, too large or too slow.
    """
    _require_json(request)
    raw = await _read(request, request.app[CONFIG_KEY].max_json_mb * MIB)
    parse = partial(Fields.parse, raw, whole="body")
    fields = await asyncio.to_thread(parse) if len(raw) > _LARGE_BYTES else parse()
    return Fields(with_extra_body(fields.values()))


async def in_time(request: web.Request, reading: Awaitable[ResultT]) -> ResultT:
    """Wait for the next piece of a body.

    Raises:
        ApiError: It did not come within ``body_idle_timeout_s``.
    """
    limit_s = request.app[CONFIG_KEY].body_idle_timeout_s
    await invite(request)
    try:
        async with asyncio.timeout(limit_s):
            return await reading
    except TimeoutError:
        raise ApiError("BODY_TOO_SLOW", f"The body paused for more than {limit_s} s.") from None


def refuse_large(request: web.Request, limit_bytes: int) -> None:
    """Refuse before reading, by what the caller announced.

    Raises:
        ApiError: The announced length is over the limit.
    """
    if (request.content_length or 0) > limit_bytes:
        raise too_large(limit_bytes)


def too_large(limit_bytes: int, param: str | None = None) -> ApiError:
    """Name the limit that the body passed."""
    return ApiError("BODY_TOO_LARGE", f"The body is over the limit of {limit_bytes // MIB} MiB.", param=param)


def with_extra_body(fields: dict[str, object]) -> dict[str, object]:
    """Lay the fields of ``extra_body`` over the others.

    Raises:
        ApiError: It is no object.
    """
    extra = fields.pop("extra_body", None)
    if extra is None:
        return fields
    if not isinstance(extra, dict):
        raise ApiError.invalid("extra_body", f"extra_body must be an object, not {kind_of(extra)}.")
    return fields | extra


async def _read(request: web.Request, limit_bytes: int) -> bytes:
    refuse_large(request, limit_bytes)
    body = bytearray()
    try:
        while piece := await in_time(request, request.content.readany()):
            body += piece
            if len(body) > limit_bytes:
                raise too_large(limit_bytes)
    except web.RequestPayloadError as error:
        raise ApiError.invalid(None, "The body is cut or its transfer coding is broken.") from error
    return bytes(body)


def _require_json(request: web.Request) -> None:
    kind = request.content_type
    is_json = kind == "application/json" or kind.endswith("+json") or "Content-Type" not in request.headers
    if not is_json:
        raise ApiError("BAD_MEDIA_TYPE", "The body must be JSON: send Content-Type: application/json.")
    charset = (request.charset or "utf-8").lower()
    if charset not in ("utf-8", "utf8", "us-ascii"):
        raise ApiError.invalid(None, "The body must be UTF-8; another charset was declared.")
