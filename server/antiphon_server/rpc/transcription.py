"""TranscriptionService."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

from antiphon.speech.v1 import report_pb2
from antiphon.speech.v1 import transcription_service_pb2 as pb
from antiphon.speech.v1 import transcription_service_pb2_grpc as pb_grpc
from antiphon_server.audio.format import Encoding
from antiphon_server.config.settings import Limits
from antiphon_server.engine.admission import Admission
from antiphon_server.engine.roster import Roster
from antiphon_server.errors import BadAudio, BodyTooLarge, InvalidField, StreamOrder
from antiphon_server.rpc.listen_config import ListenPlan, plan_listening
from antiphon_server.rpc.requestid import REQUEST_ID
from antiphon_server.rpc.responses import (
    final_transcript,
    finish_reason,
    listening_report,
    partial_transcript,
    segments,
    warning,
    words,
)
from antiphon_server.rpc.stream import BidiStream, run_call
from antiphon_server.session.events import FinalHeard, ListenEvent, Notice, PartialHeard, VoiceBegan, VoiceStopped
from antiphon_server.session.intake import Intake, open_intake
from antiphon_server.session.listening import ListeningSession


class TranscriptionServicer(pb_grpc.TranscriptionServiceServicer):
    """Listens."""

    def __init__(self, roster: Roster, admission: Admission, limits: Limits) -> None:
        """Keep what calls share."""
        self._roster = roster
        self._admission = admission
        self._limits = limits

    async def Transcribe(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # noqa: ANN401 - a coroutine that writes through the context
        """Transcribe audio as it arrives."""
        limits = self._limits
        stream = BidiStream(
            context, arm="request", config_timeout_ms=limits.config_timeout_ms, idle_timeout_ms=limits.idle_timeout_ms
        )
        plan = plan_listening(await stream.read_config(), self._roster, limits).asked_by(context)
        with self._admission.enter(context.time_remaining(), plan.info.model):
            async with AsyncExitStack() as held:
                call = self._call(plan, _writer(stream.write, plan), held)
                await stream.write(pb.TranscribeResponse(started=self._started(plan)))
                finished = asyncio.Event()
                await run_call(
                    self._serve(stream, call, finished),
                    _refuse_late(stream, call, finished),
                    stream.watch_idle(lambda: call.is_working),
                )

    async def TranscribeOnce(self, request: pb.TranscribeOnceRequest, context: Any) -> pb.TranscribeOnceResponse:  # noqa: ANN401
        """Transcribe one clip."""
        plan = plan_listening(request.config, self._roster, self._limits, default_encoding=Encoding.CONTAINER)
        plan = plan.asked_by(context)
        if not request.audio:
            raise BadAudio("audio must not be empty: it has 0 bytes", field="audio")
        check_audio_size(request.audio, self._limits.max_once_audio_bytes)
        # Nobody would see a partial, and the final would wait for it: the encoder cannot be interrupted.
        plan = replace(plan, settings=replace(plan.settings, partial_interval_ms=0))
        with self._admission.enter(context.time_remaining(), plan.info.model):
            finals: list[FinalHeard] = []
            notices = list(plan.notices)
            async with AsyncExitStack() as held:
                call = self._call(plan, _collector(finals, notices), held)
                await call.take(request.audio)
                await call.finish()
            await context.send_initial_metadata((("x-request-id", REQUEST_ID.get()),))
            return _once_response(plan, finals, notices, call)

    def _call(
        self, plan: ListenPlan, emit: Callable[[ListenEvent], Awaitable[None]], held: AsyncExitStack
    ) -> "ListenCall":
        limits = self._limits
        intake = open_intake(plan.settings.format, max_bytes=limits.max_upload_bytes, max_audio_ms=limits.max_audio_ms)
        held.callback(intake.close)
        roster = self._roster
        session = ListeningSession(roster.transcriber, roster.voice_activity, plan.settings, emit, roster.live)
        held.push_async_callback(session.close)
        return ListenCall(session, intake)

    def _started(self, plan: ListenPlan) -> pb.TranscriptionStarted:
        return pb.TranscriptionStarted(
            request_id=REQUEST_ID.get(),
            config=plan.effective,
            model=plan.info.model,
            model_revision=plan.info.revision,
            idle_timeout_ms=self._limits.idle_timeout_ms,
            max_audio_ms=self._limits.max_audio_ms,
            warnings=[warning(notice) for notice in plan.notices],
            partial_model=plan.partial_model,
        )

    async def _serve(self, stream: BidiStream, call: "ListenCall", finished: asyncio.Event) -> None:
        while (message := await stream.read()) is not None:
            kind, value = message
            if kind == "finish":
                finished.set()
                break
            if kind == "audio":
                check_audio_message(value, self._limits.max_audio_message_bytes)
                await call.take(value)
            else:
                await call.flush()
        await call.finish()
        if call.may_end():
            await stream.write(pb.TranscribeResponse(done=call.done()))
        else:
            await asyncio.Future()  # it was refused in this very moment, and is being ended for that


async def _refuse_late(stream: BidiStream, call: "ListenCall", finished: asyncio.Event) -> None:
    """Read on after finish, since half-close need not follow it, and refuse whatever comes."""
    await finished.wait()
    message = await stream.read()
    if message is not None and call.may_end():
        raise StreamOrder(f"after finish nothing may come, not {message[0]}", field=message[0])


class ListenCall:
    """One transcription: bytes through the intake into the session."""

    def __init__(self, session: ListeningSession, intake: Intake) -> None:
        """Join the two."""
        self._session = session
        self._intake = intake
        self._began_at = time.monotonic()
        self._ended_at = self._began_at
        self.is_working = False
        self._has_end = False

    def may_end(self) -> bool:
        """True for the first who asks: a call ends once, with its books or with a refusal."""
        is_first, self._has_end = not self._has_end, True
        return is_first

    async def take(self, data: bytes) -> None:
        """Take bytes of the caller."""
        pcm = await self._intake.push(data)
        if pcm:
            await self._work(self._session.take(pcm))

    async def flush(self) -> None:
        """End the utterance."""
        await self._work(self._session.flush())

    async def finish(self) -> None:
        """Take what is left and end the stream."""
        self._ended_at = time.monotonic()
        async for pcm in self._intake.finish():
            await self._work(self._session.take(pcm))
        await self._work(self._session.finish())

    def done(self) -> pb.TranscriptionDone:
        """The books of the call."""
        return pb.TranscriptionDone(
            usage=self.usage(),
            timings=self.timings(),
            audio_ms=self._session.audio_ms,
            finish_reason=finish_reason("STOP"),
        )

    def usage(self) -> report_pb2.Usage:
        """What was listened to, and the tokens of what stands in finals."""
        session = self._session
        return report_pb2.Usage(
            input_audio_ms=session.audio_ms, input_tokens=session.input_tokens, output_tokens=session.output_tokens
        )

    def timings(self) -> report_pb2.Timings:
        """Where the time went."""
        now = time.monotonic()
        return report_pb2.Timings(
            first_output_ms=(now - self._ended_at) * 1000,
            engine_ms=self._session.engine_ms,
            total_ms=(now - self._began_at) * 1000,
        )

    @property
    def audio_ms(self) -> int:
        """Length of the audio taken."""
        return self._session.audio_ms

    async def _work(self, work: Awaitable[object]) -> None:
        self.is_working = True
        try:
            await work
        finally:
            self.is_working = False


def check_audio_message(data: bytes, limit: int) -> None:
    """Refuse an audio message over its limit.

    Raises:
        InvalidField: If it is.
    """
    if len(data) > limit:
        raise InvalidField(f"audio must be at most {limit} bytes a message, not {len(data)}", field="audio")


def check_audio_size(data: bytes, limit: int) -> None:
    """Refuse a clip over its limit.

    Raises:
        BodyTooLarge: If it is.
    """
    if len(data) > limit:
        raise BodyTooLarge(f"audio must be at most {limit} bytes, not {len(data)}", field="audio")


def _writer(write: Callable[[Any], Awaitable[None]], plan: ListenPlan) -> Callable[[ListenEvent], Awaitable[None]]:
    async def emit(event: ListenEvent) -> None:
        await write(listen_response(event, has_report=plan.has_report))

    return emit


def listen_response(event: ListenEvent, *, has_report: bool = False) -> pb.TranscribeResponse:
    """Write an event; finals with their report if that was asked for."""
    match event:
        case PartialHeard():
            return pb.TranscribeResponse(partial=partial_transcript(event))
        case FinalHeard():
            return pb.TranscribeResponse(final=final_transcript(event, has_report=has_report))
        case VoiceBegan():
            return pb.TranscribeResponse(speech_started=pb.SpeechStarted(at_ms=event.at_ms))
        case VoiceStopped():
            return pb.TranscribeResponse(speech_stopped=pb.SpeechStopped(at_ms=event.at_ms))
        case _:
            return pb.TranscribeResponse(warning=warning(event))


def _collector(finals: list[FinalHeard], notices: list[Notice]) -> Callable[[ListenEvent], Awaitable[None]]:
    async def emit(event: ListenEvent) -> None:
        if isinstance(event, FinalHeard):
            finals.append(event)
        if isinstance(event, Notice):
            notices.append(event)
        await asyncio.sleep(0)

    return emit


def _once_response(
    plan: ListenPlan, finals: list[FinalHeard], notices: list[Notice], call: ListenCall
) -> pb.TranscribeOnceResponse:
    heard = tuple(segment for final in finals for segment in final.segments)
    text = " ".join(final.text for final in finals if final.text)
    return pb.TranscribeOnceResponse(
        text=text,
        words=words(heard),
        segments=segments(heard),
        language=next((final.language for final in finals if final.language), ""),
        no_speech=not text,
        audio_ms=call.audio_ms,
        model=plan.info.model,
        model_revision=plan.info.revision,
        usage=call.usage(),
        timings=call.timings(),
        warnings=[warning(notice) for notice in notices],
        request_id=REQUEST_ID.get(),
        report=listening_report(piece for final in finals for piece in final.pieces) if plan.has_report else None,
    )
