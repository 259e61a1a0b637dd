"""``POST /v1/audio/transcriptions`` and ``/translations``: one file in, its words out."""

import contextlib
import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable

from aiohttp import web

from antiphon.speech.v1 import transcription_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.form_fields import FormFields
from antiphon_compat.openai.models import require_exact_model
from antiphon_compat.openai.sse import EVENT_HEADERS, send_event, send_failure
from antiphon_compat.openai.transcript import Transcript, TranscriptionReply
from antiphon_compat.openai.transcript_events import transcript_events
from antiphon_compat.openai.transcript_formats import render
from antiphon_compat.openai.transcript_reports import timing_header, usage
from antiphon_compat.openai.transcription_fields import GRANULARITIES, INCLUDE
from antiphon_compat.openai.transcription_request import TranscriptionJob, read_transcription, read_translation
from antiphon_compat.openai.upload import UploadForm, open_form
from antiphon_compat.settings import CONFIG_KEY, MIB
from antiphon_compat.streams import write_in_time
from antiphon_compat.upstream import UPSTREAM_KEY, call_metadata, events_of

Request = transcription_service_pb2.TranscribeRequest
Response = transcription_service_pb2.TranscribeResponse

_DONE = b"data: [DONE]\n\n"
_FAILED = "transcript.text.error"


async def create_transcription(request: web.Request) -> web.StreamResponse:
    """Write the uploaded file down.

    Raises:
        ApiError: The form or the audio is wrong, or the transcription failed before anything was sent.
    """
    return await _answer(request, read_transcription)


async def create_translation(request: web.Request) -> web.StreamResponse:
    """Write the uploaded file down in English.

    Raises:
        ApiError: The form or the audio is wrong, or the translation failed.
    """
    return await _answer(request, read_translation)


async def _answer(request: web.Request, read: Callable[[FormFields], TranscriptionJob]) -> web.StreamResponse:
    config = request.app[CONFIG_KEY]
    async with open_form(request, max_file_bytes=config.max_upload_mb * MIB) as form:
        job = read(FormFields(form.fields))
        if config.strict_models:
            await require_exact_model(request, job.config.model)
        reply = TranscriptionReply(job)
        async with contextlib.aclosing(_events(request, job, form)) as events:
            return await (_stream(request, reply, events) if job.is_streamed else _whole(reply, events))


async def _events(request: web.Request, job: TranscriptionJob, form: UploadForm) -> AsyncGenerator[Response, None]:
    call = request.app[UPSTREAM_KEY].transcription.Transcribe(_requests(job, form), metadata=call_metadata(request))
    try:
        async with contextlib.aclosing(events_of(call)) as events:
            async for event in events:
                yield event
    except ApiError as error:
        if error.param == GRANULARITIES and not job.with_words:  # the words were wanted for their probabilities
            raise ApiError(error.row.reason, error.message.replace(GRANULARITIES, INCLUDE), param=INCLUDE) from None
        raise


async def _requests(job: TranscriptionJob, form: UploadForm) -> AsyncIterator[Request]:
    yield Request(config=job.config)
    async for piece in form.pieces():
        yield Request(audio=piece)
    yield Request(finish=transcription_service_pb2.FinishAudio())


async def _whole(reply: TranscriptionReply, events: AsyncIterator[Response]) -> web.Response:
    async for event in events:
        reply.note(event)
    reply.require_done()
    body, content_type = render(reply.transcript, reply.job)
    return web.Response(
        text=body, content_type=content_type, charset="utf-8", headers=reply.headers() | _books(reply.transcript)
    )


def _books(transcript: Transcript) -> dict[str, str]:
    """Usage and timings, also for formats that have no place for them."""
    timing = timing_header(transcript.timings)
    return {"X-Usage": json.dumps(usage(transcript))} | ({"Server-Timing": timing} if timing else {})


async def _stream(
    request: web.Request, reply: TranscriptionReply, events: AsyncIterator[Response]
) -> web.StreamResponse:
    async with contextlib.aclosing(transcript_events(reply, events)) as messages:
        message = await anext(messages)  # until here a failure is a proper error response
        response = web.StreamResponse(headers=reply.headers() | EVENT_HEADERS)
        await response.prepare(request)
        try:
            await send_event(response, message)
            async for message in messages:
                await send_event(response, message)
            await write_in_time(response, _DONE)
            await response.write_eof()
        except (ApiError, ConnectionError) as error:
            await send_failure(request, response, _FAILED, error)
    return response
