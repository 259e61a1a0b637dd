"""``POST /v1/audio/transcriptions``: one file in, its words out."""

import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from antiphon.speech.v1 import report_pb2, transcription_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.models import require_exact_model
from antiphon_compat.openai.reports import header_text, warnings_header
from antiphon_compat.openai.transcript import Transcript, render
from antiphon_compat.openai.transcription_request import TranscriptionJob, read_transcription
from antiphon_compat.openai.upload import UploadForm, open_form
from antiphon_compat.settings import CONFIG_KEY, MIB
from antiphon_compat.upstream import UPSTREAM_KEY, call_metadata, events_of

Request = transcription_service_pb2.TranscribeRequest
Response = transcription_service_pb2.TranscribeResponse


async def create_transcription(request: web.Request) -> web.Response:
    """Transcribe the uploaded file.

    Raises:
        ApiError: The form or the audio is wrong, or the transcription failed.
    """
    config = request.app[CONFIG_KEY]
    async with open_form(request, max_file_bytes=config.max_upload_mb * MIB) as form:
        job = read_transcription(form.fields)
        if config.strict_models:
            await require_exact_model(request, job.config.model)
        stub = request.app[UPSTREAM_KEY].transcription
        call = stub.Transcribe(_requests(job, form), metadata=call_metadata(request))
        async with contextlib.aclosing(events_of(call)) as events:
            reply = await _collect(events)
    body, content_type = render(reply.transcript, job.response_format, with_words=job.config.word_times)
    headers = {"X-Model": header_text(reply.model), "X-Warnings": warnings_header(reply.warnings)}
    return web.Response(text=body, content_type=content_type, charset="utf-8", headers=headers)


class _TranscriptionReply:
    """What is known of the answer so far."""

    def __init__(self) -> None:
        self.transcript = Transcript()
        self.warnings: list[report_pb2.CallWarning] = []
        self.model = ""
        self.is_done = False

    def note(self, event: Response) -> None:
        """Take in one event."""
        kind = event.WhichOneof("response")
        if kind == "started":
            self.model = event.started.model
            self.warnings += event.started.warnings
        elif kind == "final":
            self.transcript.add(event.final)
        elif kind == "warning":
            self.warnings.append(event.warning)
        elif kind == "done":
            self.transcript.audio_ms = event.done.audio_ms
            self.is_done = True


async def _requests(job: TranscriptionJob, form: UploadForm) -> AsyncIterator[Request]:
    yield Request(config=job.config)
    async for piece in form.pieces():
        yield Request(audio=piece)
    yield Request(finish=transcription_service_pb2.FinishAudio())


async def _collect(events: AsyncIterator[Response]) -> _TranscriptionReply:
    reply = _TranscriptionReply()
    async for event in events:
        reply.note(event)
    if not reply.is_done:
        raise ApiError("ENGINE_FAILED", "The transcription ended before it was complete.")
    return reply
