"""``POST /v1/audio/speech/batch``: several texts in one request, an answer for each.

Results leave in the order of the items, each as soon as it and those before it are there, so that a large batch is
never in memory at once.
"""

import asyncio
import base64
import contextlib
import json
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Mapping

from aiohttp import web

from antiphon_compat.errors import ApiError, error_body
from antiphon_compat.openai.body import read_json, with_extra_body
from antiphon_compat.openai.fields import Fields, kind_of
from antiphon_compat.openai.models import require_exact_model
from antiphon_compat.openai.references import SOURCES, VOICE_FIELDS
from antiphon_compat.openai.speech_reply import SpeechReply
from antiphon_compat.openai.speech_request import parse_speech
from antiphon_compat.settings import CONFIG_KEY
from antiphon_compat.streams import STREAM_HEADERS, cut_off, note_failure, write_in_time
from antiphon_compat.upstream import REQUEST_ID_KEY, UPSTREAM_KEY, call_metadata, events_of

Result = dict[str, object]

_MAX_ITEMS = 32
_NUM_AT_ONCE = 4  # a batch is no reason to keep everyone else waiting
_MAX_ID_STEM_CHARS = 112


async def create_speech_batch(request: web.Request) -> web.StreamResponse:
    """Speak every item; the fields beside ``items`` are defaults for all of them.

    Raises:
        ApiError: The request as a whole is wrong. What is wrong with an item stands in its result.
    """
    items = _items(await read_json(request))
    response = web.StreamResponse(headers=STREAM_HEADERS | {"Content-Type": "application/json"})
    await response.prepare(request)
    try:
        async with contextlib.aclosing(_results(request, items)) as results:
            await _send(request, response, results)
    except ConnectionError as error:
        note_failure(request, error)
        cut_off(request)
    return response


async def _send(request: web.Request, response: web.StreamResponse, results: AsyncIterator[Result]) -> None:
    head = json.dumps({"id": request[REQUEST_ID_KEY], "object": "audio.speech.batch"})
    await response.write(f'{head[:-1]}, "results": ['.encode())
    total = succeeded = 0
    async for result in results:
        encoded = await asyncio.to_thread(json.dumps, result)  # tens of MiB where the audio is
        await write_in_time(response, (f", {encoded}" if total else encoded).encode())
        total += 1
        succeeded += result["status"] == "success"
    counts = json.dumps({"total": total, "succeeded": succeeded, "failed": total - succeeded})
    await response.write(f"], {counts[1:]}".encode())
    await response.write_eof()


def _items(fields: Fields) -> list[Fields]:
    given = fields.raw("items")
    if not isinstance(given, list) or not 1 <= len(given) <= _MAX_ITEMS:
        raise ApiError.invalid("items", f"items must be an array of 1 to {_MAX_ITEMS} objects.")
    if fields.raw("stream") or fields.raw("stream_format"):
        raise _streamed()
    defaults, found = fields.without("items"), []
    for index, item in enumerate(given):
        if not isinstance(item, dict):
            raise ApiError.invalid(f"items[{index}]", f"items[{index}] must be an object, not {kind_of(item)}.")
        found.append(_with_defaults(defaults, with_extra_body(item)))
    return found


def _with_defaults(defaults: Fields, item: dict[str, object]) -> Fields:
    """Lay an item over the defaults; one with a voice of its own has no part of another one's."""
    if any(item.get(name) is not None for name in ("voice", *SOURCES)):
        for name in VOICE_FIELDS:
            defaults = defaults.without(name)
    return defaults.merged(item)


async def _results(request: web.Request, items: list[Fields]) -> AsyncGenerator[Result, None]:
    """Give the results in order; no item begins more than a few places ahead of the one that is awaited."""
    running: deque[asyncio.Task[Result]] = deque()
    try:
        for index, fields in enumerate(items):
            running.append(asyncio.create_task(_result(request, index, fields)))
            if len(running) == _NUM_AT_ONCE:
                yield await running.popleft()
        while running:
            yield await running.popleft()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _result(request: web.Request, index: int, fields: Fields) -> Result:
    try:
        return {"index": index, "status": "success", **await _spoken(request, index, fields)}
    except ApiError as error:
        return {"index": index, "status": "error", "error": error_body(error)}


async def _spoken(request: web.Request, index: int, fields: Fields) -> Mapping[str, object]:
    config = request.app[CONFIG_KEY]
    job = await parse_speech(fields, default_format=config.default_format)
    if job.delivery != "whole":
        raise _streamed()
    if config.strict_models:
        await require_exact_model(request, job.plan.config.model)
    metadata = call_metadata(request, request_id=f"{request[REQUEST_ID_KEY][:_MAX_ID_STEM_CHARS]}.{index}")
    call = request.app[UPSTREAM_KEY].synthesis.SynthesizeOnce(job.request, metadata=metadata)
    reply = SpeechReply(job.plan)
    async with contextlib.aclosing(events_of(call)) as events:
        audio = await reply.whole_audio(events)
    encoded = await asyncio.to_thread(base64.b64encode, audio)
    return {"audio_data": encoded.decode(), "media_type": reply.content_type, **reply.report()}


def _streamed() -> ApiError:
    message = "A batch is answered with whole files; leave stream and stream_format out."
    return ApiError("UNSUPPORTED_FEATURE", message, param="stream")
