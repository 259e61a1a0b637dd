"""SynthesisService."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc
from antiphon_server.config.settings import Limits
from antiphon_server.engine.admission import Admission
from antiphon_server.engine.roster import Roster
from antiphon_server.errors import InvalidField, StreamOrder, TextEmpty
from antiphon_server.rpc.checks import check_text_size
from antiphon_server.rpc.completion import complete_plan
from antiphon_server.rpc.explain import explain
from antiphon_server.rpc.requestid import REQUEST_ID
from antiphon_server.rpc.responses import audio_chunk, utterance_cancelled, utterance_done, warning
from antiphon_server.rpc.stream import BidiStream, run_call
from antiphon_server.rpc.synthesis_config import SpeechPlan, check_delivery, notices_of_update, plan_speech
from antiphon_server.session.cloning import CloningDesk
from antiphon_server.session.events import AudioOut, SpeechEvent, UtteranceBegan, UtteranceCut, UtteranceEnded
from antiphon_server.session.script import Script, read_whole
from antiphon_server.session.settings import SpeechUpdate
from antiphon_server.session.speaking import NOTHING_TO_SAY, SpeechSession


class SynthesisServicer(pb_grpc.SynthesisServiceServicer):
    """Speaks."""

    def __init__(self, roster: Roster, admission: Admission, desk: CloningDesk, limits: Limits) -> None:
        """Keep what calls share."""
        self._roster = roster
        self._admission = admission
        self._desk = desk
        self._limits = limits

    async def Synthesize(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # noqa: ANN401 - a coroutine that writes through the context
        """Speak text as it arrives."""
        limits = self._limits
        stream = BidiStream(
            context,
            arm="request",
            config_timeout_ms=limits.config_timeout_ms,
            idle_timeout_ms=limits.idle_timeout_ms,
        )
        plan = plan_speech(await stream.read_config(), self._roster)
        with self._admission.enter(context.time_remaining(), plan.info.model):
            plan = await self._completed(plan, context)
            session = self._session(plan, _writer(stream.write, pb.SynthesizeResponse, self._lesson(plan)))
            await stream.write(pb.SynthesizeResponse(started=self._started(plan)))
            await run_call(
                session.run(), self._feed(stream, session, plan), stream.watch_idle(lambda: session.is_speaking)
            )

    async def SynthesizeOnce(self, request: pb.SynthesizeOnceRequest, context: Any) -> None:  # type: ignore[override]  # noqa: ANN401
        """Speak one text."""
        plan = plan_speech(request.config, self._roster)
        await _checked_text(request.text, self._limits.max_once_text_bytes, plan)
        with self._admission.enter(context.time_remaining(), plan.info.model):
            plan = await self._completed(plan, context)
            write = _OnceWriter(context).write
            await write(pb.SynthesizeOnceResponse(started=self._started(plan)))
            session = self._session(plan, _writer(write, pb.SynthesizeOnceResponse, self._lesson(plan)))
            await run_call(session.run(), _say(request.text, session))

    async def ExplainSynthesis(self, request: pb.ExplainSynthesisRequest, context: Any) -> pb.ExplainSynthesisResponse:  # noqa: ANN401
        """Say what would be spoken."""
        plan = plan_speech(request.config, self._roster)
        script = await _checked_text(request.text, self._limits.max_once_text_bytes, plan)
        for source in plan.sources.all():
            await self._desk.measure(source)
        return await explain(script, plan, self._roster.synthesizer_of(plan.info))

    async def _completed(self, plan: SpeechPlan, context: Any) -> SpeechPlan:  # noqa: ANN401 - grpc's types
        return await complete_plan(plan, self._desk, self._roster.synthesizer_of(plan.info), context)

    def _lesson(self, plan: SpeechPlan) -> "_Lesson":
        return _Lesson(self._admission, plan.info.model)

    def _session(self, plan: SpeechPlan, emit: Callable[[SpeechEvent], Awaitable[None]]) -> SpeechSession:
        return SpeechSession(
            self._roster.synthesizer_of(plan.info),
            plan.settings,
            emit,
            max_pending_characters=self._limits.max_pending_characters,
        )

    def _started(self, plan: SpeechPlan) -> pb.SynthesisStarted:
        return pb.SynthesisStarted(
            request_id=REQUEST_ID.get(),
            config=plan.effective,
            model=plan.info.model,
            model_revision=plan.info.revision,
            sample_rate_hz=plan.settings.format.sample_rate_hz,
            idle_timeout_ms=self._limits.idle_timeout_ms,
            predicted_first_audio_ms=self._admission.predict_first_output_ms(plan.info.model),
            warnings=[warning(notice) for notice in plan.notices],
            max_text_bytes=self._limits.max_text_bytes,
        )

    async def _feed(self, stream: BidiStream, session: SpeechSession, plan: SpeechPlan) -> None:
        is_finished = False
        while (message := await stream.read()) is not None:
            kind, value = message
            if kind == "update":
                await self._warn_of_update(value, stream, plan)
            if is_finished and kind not in ("cancel", "playback_position"):
                raise StreamOrder(f"after finish only cancel and playback_position may come, not {kind}", field=kind)
            await self._take(kind, value, session, plan)
            is_finished = is_finished or kind == "finish"
        if not is_finished:
            await session.finish()

    async def _take(self, kind: str, value: Any, session: SpeechSession, plan: SpeechPlan) -> None:  # noqa: ANN401
        match kind:
            case "text":
                self._check_text_message(value, plan)
                await session.add_text(value.text, value.speaker)
            case "flush":
                await session.flush()
            case "finish":
                await session.finish()
            case "cancel":
                await session.cancel(value.utterance_id)
            case "playback_position":
                await session.report_playback(value.utterance_id, value.samples_played)
            case "update":
                session.update(self._update(value, plan))

    def _check_text_message(self, message: pb.TextInput, plan: SpeechPlan) -> None:
        check_text_size(message.text, self._limits.max_text_bytes, "text.text")
        speakers = plan.settings.speaker_voices
        if message.speaker and message.speaker not in speakers:
            known = ", ".join(str(index) for index in sorted(speakers)) or "none but 0"
            raise InvalidField(
                f"text.speaker must be one of config.speakers ({known}), not {message.speaker}", field="text.speaker"
            )

    async def _warn_of_update(self, message: pb.SynthesisUpdate, stream: BidiStream, plan: SpeechPlan) -> None:
        """Say which fields of an update have no effect on the model that speaks, and which name is not its own."""
        for notice in notices_of_update(message, self._roster, plan.info, "update"):
            await stream.write(pb.SynthesizeResponse(warning=warning(notice)))

    def _update(self, message: pb.SynthesisUpdate, plan: SpeechPlan) -> SpeechUpdate:
        check_delivery(message, "update")
        voice = None
        if message.HasField("voice"):
            voice = self._roster.resolve_voice(message.voice, plan.info, field="update.voice")
        return SpeechUpdate(
            voice=voice,
            speed=message.speed if message.HasField("speed") else None,
            pitch_semitones=message.pitch_semitones if message.HasField("pitch_semitones") else None,
        )


async def _say(text: str, session: SpeechSession) -> None:
    await session.add_text(text)
    await session.finish()


class _OnceWriter:
    """Writes of a unary-request call; the first one sends the initial metadata."""

    def __init__(self, context: Any) -> None:  # noqa: ANN401 - grpc's types
        self._context = context
        self._has_written = False

    async def write(self, message: pb.SynthesizeOnceResponse) -> None:
        if not self._has_written:
            self._has_written = True
            await self._context.send_initial_metadata((("x-request-id", REQUEST_ID.get()),))
        await self._context.write(message)


class _Lesson:
    """What admission learns from one call's utterances: how soon they were heard, and in which crowd."""

    def __init__(self, admission: Admission, model: str) -> None:
        self._admission, self._model = admission, model
        self._num_beside = 0

    def note(self, event: SpeechEvent) -> None:
        if isinstance(event, AudioOut) and event.sequence == 0:
            self._num_beside = self._admission.num_running - 1  # at the end of the utterance the others may have left
        elif isinstance(event, UtteranceEnded) and event.times.first_output_ms is not None:
            self._admission.measured(event.times.first_output_ms, self._model, num_beside=self._num_beside)


async def _checked_text(text: str, limit: int, plan: SpeechPlan) -> Script:
    """Cut a whole text, if there is something to speak in it."""
    check_text_size(text, limit, "text")
    if not text.strip():
        raise TextEmpty("text must not be blank", field="text")
    script = await asyncio.to_thread(read_whole, text, plan.settings)
    if not script.has_speech:
        raise TextEmpty(NOTHING_TO_SAY, field="text")
    return script


def _writer(
    write: Callable[[Any], Awaitable[None]],
    response: type[pb.SynthesizeResponse] | type[pb.SynthesizeOnceResponse],
    lesson: _Lesson,
) -> Callable[[SpeechEvent], Awaitable[None]]:
    async def emit(event: SpeechEvent) -> None:
        lesson.note(event)
        match event:
            case AudioOut():
                await write(response(audio=audio_chunk(event)))
            case UtteranceBegan():
                await write(response(utterance_started=pb.UtteranceStarted(utterance_id=event.utterance_id)))
            case UtteranceEnded():
                await write(response(utterance_done=utterance_done(event)))
            case UtteranceCut():
                await write(response(cancelled=utterance_cancelled(event)))
            case _:
                await write(response(warning=warning(event)))

    return emit
