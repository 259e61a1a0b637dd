"""``POST /v1/audio/speech``: one text in, audio out, whole or as it is made."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from aiohttp import web

from antiphon.speech.v1 import report_pb2, synthesis_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.body import read_json
from antiphon_compat.openai.models import require_exact_model
from antiphon_compat.openai.reports import finish_reason, header_text, warnings_header
from antiphon_compat.openai.speech_request import SpeechJob, read_speech
from antiphon_compat.openai.true_length import set_flac_length, set_wav_length
from antiphon_compat.settings import CONFIG_KEY
from antiphon_compat.upstream import FAILURE_KEY, UPSTREAM_KEY, call_metadata, events_of

Event = synthesis_service_pb2.SynthesizeOnceResponse

_CONTENT_TYPES = {
    "mp3": "audio/mpeg",
    "opus": "audio/ogg",
    "aac": "audio/aac",
    "flac": "audio/flac",
    "wav": "audio/wav",
    "pcm": "audio/L16; rate={rate}; channels=1",
}
_16_BIT = ("wav", "pcm", "flac")
_VOICE_IGNORED = report_pb2.CallWarning(
    code=report_pb2.WARNING_CODE_FIELD_IGNORED,
    field="voice",
    message="voice has no effect beside references or reference_codes.",
)


async def create_speech(request: web.Request) -> web.StreamResponse:
    """Speak ``input``.

    Raises:
        ApiError: The request is wrong, or the speech failed before its first audio was sent.
    """
    config = request.app[CONFIG_KEY]
    fields = await read_json(request)
    # In a thread: ten MiB of base64 would hold up everyone else's audio.
    has_clip = fields.raw("ref_audio") or fields.raw("references") or fields.raw("reference_codes")
    if has_clip:
        job = await asyncio.to_thread(read_speech, fields, default_format=config.default_format)
    else:
        job = read_speech(fields, default_format=config.default_format)
    if config.strict_models:
        await require_exact_model(request, job.model)
    call = request.app[UPSTREAM_KEY].synthesis.SynthesizeOnce(job.request, metadata=call_metadata(request))
    async with contextlib.aclosing(events_of(call)) as events:
        reply = _SpeechReply(job)
        return await (_stream(request, reply, events) if job.is_streamed else _whole(reply, events))


class _SpeechReply:
    """What is known of the answer so far."""

    def __init__(self, job: SpeechJob) -> None:
        self.job = job
        self.done: synthesis_service_pb2.UtteranceDone | None = None
        self._started = synthesis_service_pb2.SynthesisStarted()
        self._warnings = [_VOICE_IGNORED] if job.ignored_voice else []

    def note(self, event: Event) -> None:
        """Take in what is not audio."""
        kind = event.WhichOneof("response")
        if kind == "started":
            self._started = event.started
            self._warnings += event.started.warnings
        elif kind == "warning":
            self._warnings.append(event.warning)
        elif kind == "utterance_done":
            self.done = event.utterance_done

    def require_done(self) -> synthesis_service_pb2.UtteranceDone:
        """Give the report of the end.

        Raises:
            ApiError: There is none: the audio is not whole.
        """
        if self.done is None:
            raise ApiError("ENGINE_FAILED", "The speech ended before it was complete.")
        return self.done

    def headers(self) -> dict[str, str]:
        """Describe the audio and what was decided about it."""
        response_format, rate_hz = self.job.response_format, self._started.sample_rate_hz
        headers = {
            "Content-Type": _CONTENT_TYPES[response_format].format(rate=rate_hz),
            "X-Model": header_text(self._started.model),
            "X-Warnings": warnings_header(self._warnings),
            "X-Sample-Rate": str(rate_hz),
            "X-Channels": "1",
        }
        if response_format in _16_BIT:
            headers["X-Bit-Depth"] = "16"
        return headers


async def _whole(reply: _SpeechReply, events: AsyncIterator[Event]) -> web.Response:
    body = bytearray()
    async for event in events:
        body += event.audio.data
        reply.note(event)
    done = reply.require_done()
    if reply.job.response_format == "wav":
        set_wav_length(body)
    elif reply.job.response_format == "flac":
        set_flac_length(body, done.num_samples)
    ending = {"X-Finish-Reason": finish_reason(done.finish_reason), "X-Seed": str(done.seed)}
    return web.Response(body=body, headers=reply.headers() | ending)


async def _stream(request: web.Request, reply: _SpeechReply, events: AsyncIterator[Event]) -> web.StreamResponse:
    piece = await _next_audio(reply, events)  # until here a failure is a proper error response
    response = web.StreamResponse(headers=reply.headers() | {"X-Accel-Buffering": "no"})
    await response.prepare(request)
    try:
        while piece:
            await response.write(piece)
            piece = await _next_audio(reply, events)
        await response.write_eof()
    except (ApiError, ConnectionError) as error:
        # A clean end would look like the whole speech; a broken connection cannot be mistaken for it.
        request[FAILURE_KEY] = error.row.http_code if isinstance(error, ApiError) else "client_gone"
        if request.transport is not None:
            request.transport.abort()
    return response


async def _next_audio(reply: _SpeechReply, events: AsyncIterator[Event]) -> bytes:
    """Wait for audio; empty at the end.

    Raises:
        ApiError: The speech failed or ended early.
    """
    async for event in events:
        if event.audio.data:
            return event.audio.data
        reply.note(event)
    reply.require_done()
    return b""
