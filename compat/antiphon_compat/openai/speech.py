"""``POST /v1/audio/speech``: one text in, audio out: whole, as it is made, or as events."""

import base64
import contextlib
import dataclasses
from collections.abc import AsyncIterator

from aiohttp import web

from antiphon_compat.errors import ApiError
from antiphon_compat.openai.body import read_json
from antiphon_compat.openai.models import require_exact_model
from antiphon_compat.openai.speech_form import read_speech_form
from antiphon_compat.openai.speech_reply import Event, SpeechReply
from antiphon_compat.openai.speech_request import SpeechJob, parse_speech
from antiphon_compat.openai.sse import EVENT_HEADERS, send_event, send_failure
from antiphon_compat.settings import CONFIG_KEY
from antiphon_compat.streams import STREAM_HEADERS, cut_off, note_failure, write_in_time
from antiphon_compat.upstream import UPSTREAM_KEY, call_metadata, events_of


async def create_speech(request: web.Request) -> web.StreamResponse:
    """Speak ``input``.

    Raises:
        ApiError: The request is wrong, or the speech failed before its first audio was sent.
    """
    job = await _read(request)
    config = request.app[CONFIG_KEY]
    if config.strict_models:
        await require_exact_model(request, job.plan.config.model)
    call = request.app[UPSTREAM_KEY].synthesis.SynthesizeOnce(job.request, metadata=call_metadata(request))
    async with contextlib.aclosing(events_of(call)) as events:
        reply = SpeechReply(job.plan)
        if job.delivery == "whole":
            audio = await reply.whole_audio(events)
            return web.Response(body=audio, headers=reply.headers() | reply.end_headers())
        send = _send_events if job.delivery == "sse" else _send_audio
        return await send(request, reply, events)


async def _read(request: web.Request) -> SpeechJob:
    is_form = request.content_type == "multipart/form-data"
    fields = await (read_speech_form(request) if is_form else read_json(request))
    job = await parse_speech(fields, default_format=request.app[CONFIG_KEY].default_format)
    if job.delivery == "whole" and fields.raw("stream") is None and _reads_as_it_comes(request):
        return dataclasses.replace(job, delivery="chunked")
    return job


def _reads_as_it_comes(request: web.Request) -> bool:
    """Whether the caller used with_streaming_response of an OpenAI SDK; Pipecat does, and says nothing in the body."""
    return request.headers.get("X-Stainless-Raw-Response") == "stream"


async def _send_audio(request: web.Request, reply: SpeechReply, events: AsyncIterator[Event]) -> web.StreamResponse:
    piece = await reply.next_audio(events)  # until here a failure is a proper error response
    response = web.StreamResponse(headers=reply.headers() | STREAM_HEADERS)
    await response.prepare(request)
    try:
        while piece:
            await write_in_time(response, piece)
            piece = await reply.next_audio(events)
        await response.write_eof()
    except (ApiError, ConnectionError) as error:
        # A clean end would look like the whole speech; a broken connection cannot be mistaken for it.
        note_failure(request, error)
        cut_off(request)
    return response


async def _send_events(request: web.Request, reply: SpeechReply, events: AsyncIterator[Event]) -> web.StreamResponse:
    piece = await reply.next_audio(events)
    response = web.StreamResponse(headers=reply.headers() | EVENT_HEADERS)
    await response.prepare(request)
    try:
        while piece:
            await send_event(response, {"type": "speech.audio.delta", "audio": base64.b64encode(piece).decode()})
            piece = await reply.next_audio(events)
        await send_event(response, {"type": "speech.audio.done", **reply.report()})
        await response.write_eof()
    except (ApiError, ConnectionError) as error:
        await send_failure(request, response, "speech.audio.error", error)
    return response
