"""ConversationService."""

import dataclasses
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

from antiphon.speech.v1 import conversation_service_pb2 as pb
from antiphon.speech.v1 import conversation_service_pb2_grpc as pb_grpc
from antiphon_server.config.settings import Config
from antiphon_server.engine.admission import Admission
from antiphon_server.engine.roster import Roster
from antiphon_server.rpc.checks import check_text_size
from antiphon_server.rpc.completion import complete_plan
from antiphon_server.rpc.conversation_config import (
    TalkPlan,
    check_text,
    find_scenario,
    plan_talk,
)
from antiphon_server.rpc.requestid import REQUEST_ID
from antiphon_server.rpc.responses import warning
from antiphon_server.rpc.stream import BidiStream, run_call
from antiphon_server.rpc.synthesis_config import check_delivery, notices_of_update
from antiphon_server.rpc.transcription import check_audio_message
from antiphon_server.rpc.turn_config import check_turns
from antiphon_server.rpc.turn_events import turn_event
from antiphon_server.session.cloning import CloningDesk
from antiphon_server.session.conversing import ConversationSession
from antiphon_server.session.events import TurnBroken, TurnEvent
from antiphon_server.session.intake import Intake, open_intake
from antiphon_server.session.listening import ListeningSession
from antiphon_server.session.settings import SpeechUpdate

_MAX_TURN_BYTES = 32_768
_NOT_BUILT = {
    "truncate": "history is cut by cancel and playback_position only",
    "tool_result": "tools are not offered",
    "item_create": "history comes with config only",
    "item_delete": "history comes with config only",
    "item_retrieve": "history comes with config only",
}


class ConversationServicer(pb_grpc.ConversationServiceServicer):
    """Converses."""

    def __init__(self, roster: Roster, admission: Admission, desk: CloningDesk, config: Config) -> None:
        """Keep what calls share."""
        self._roster = roster
        self._admission = admission
        self._desk = desk
        self._config = config

    async def Converse(self, request_iterator: Any, context: Any) -> None:  # type: ignore[override]  # noqa: ANN401 - a coroutine that writes through the context
        """Hold a conversation."""
        limits = self._config.limits
        stream = BidiStream(
            context, arm="request", config_timeout_ms=limits.config_timeout_ms, idle_timeout_ms=limits.idle_timeout_ms
        )
        plan = plan_talk(await stream.read_config(), self._roster, self._config)
        plan = dataclasses.replace(plan, listening=plan.listening.asked_by(context))
        with self._admission.enter(context.time_remaining()):
            plan = await self._completed(plan, context)
            async with AsyncExitStack() as held:
                log = EventLog(stream.write, has_report=plan.listening.has_report)
                intake = open_intake(
                    plan.listening.settings.format,
                    max_bytes=limits.max_upload_bytes,
                    max_audio_ms=limits.max_audio_ms,
                )
                held.callback(intake.close)
                session = self._session(plan, log.emit)
                held.push_async_callback(session.close)
                await log.write(pb.ConverseResponse(started=self._started(plan)))
                call = TalkCall(session, intake, self._roster, self._config, plan)
                await run_call(call.serve(stream), stream.watch_idle(lambda: session.is_replying))

    async def _completed(self, plan: TalkPlan, context: Any) -> TalkPlan:  # noqa: ANN401 - grpc's types
        if plan.settings.is_text_only:
            return plan
        voice = self._roster.synthesizer_of(plan.speech.info)
        speech = await complete_plan(plan.speech, self._desk, voice, context)
        settings = dataclasses.replace(plan.settings, speech=speech.settings)
        return dataclasses.replace(plan, speech=speech, settings=settings)

    def _session(self, plan: TalkPlan, emit: Callable[[TurnEvent], Awaitable[None]]) -> ConversationSession:
        roster = self._roster
        listening = ListeningSession(
            roster.transcriber, roster.voice_activity, plan.listening.settings, emit, roster.live
        )
        voice = roster.synthesizer_of(plan.speech.info)
        return ConversationSession(listening, roster.chat, voice, plan.settings, list(plan.history), emit)

    def _started(self, plan: TalkPlan) -> pb.ConversationStarted:
        return pb.ConversationStarted(
            request_id=REQUEST_ID.get(),
            config=plan.effective,
            transcription_model=plan.listening.info.model,
            chat_model=plan.chat.model,
            synthesis_model=plan.speech.info.model,
            sample_rate_hz=plan.speech.settings.format.sample_rate_hz,
            idle_timeout_ms=self._config.limits.idle_timeout_ms,
            warnings=[warning(notice) for notice in plan.notices],
        )


class EventLog:
    """Numbers events and puts them on one clock."""

    def __init__(self, write: Callable[[pb.ConverseResponse], Awaitable[None]], *, has_report: bool = False) -> None:
        """Begin the log now."""
        self._write = write
        self._has_report = has_report
        self._began_at = time.monotonic()
        self._sequence = 0

    async def emit(self, event: TurnEvent) -> None:
        """Write a session's event."""
        await self.write(turn_event(event, has_report=self._has_report))

    async def write(self, entry: pb.ConverseResponse) -> None:
        """Number an entry and write it."""
        self._sequence += 1
        entry.sequence = self._sequence
        entry.at_ms = round((time.monotonic() - self._began_at) * 1000)
        await self._write(entry)


class TalkCall:
    """Hands a caller's messages to the session."""

    def __init__(
        self, session: ConversationSession, intake: Intake, roster: Roster, config: Config, plan: TalkPlan
    ) -> None:
        """Join the parts."""
        self._session = session
        self._intake = intake
        self._roster = roster
        self._config = config
        self._plan = plan

    async def serve(self, stream: BidiStream) -> None:
        """Serve until half-close and the end of the running reply."""
        while (message := await stream.read()) is not None:
            await self._take(*message)
        await self._session.wait()

    async def _take(self, kind: str, value: Any) -> None:  # noqa: ANN401 - a message of the contract
        session = self._session
        match kind:
            case "audio":
                check_audio_message(value, self._config.limits.max_audio_message_bytes)
                if pcm := await self._intake.push(value):
                    await session.take(pcm)
            case "clear_audio":
                session.clear()
            case "end_turn":
                await session.end_turn()
            case "text_turn":
                check_text_size(value.text, _MAX_TURN_BYTES, "text_turn.text")
                await session.text_turn(value.text)
            case "create_response":
                check_text("create_response.instructions", value.instructions)
                await session.create_response(value.instructions)
            case "cancel":
                await session.cancel()
            case "playback_position":
                await session.report_playback(value.utterance_id, value.samples_played)
            case "update":
                await self._update(value)
            case _:
                await session.refuse(TurnBroken("NOT_BUILT", f"{kind} is not built yet: {_NOT_BUILT[kind]}", kind, ""))

    async def _update(self, message: pb.ConversationUpdate) -> None:
        settings = self._session.settings
        unused = check_turns(message, "update")
        check_text("update.instructions", message.instructions)
        if message.HasField("scenario_id"):
            scenario = find_scenario(message.scenario_id, self._config, "update.scenario_id")
            settings = dataclasses.replace(settings, instructions=scenario.instructions, delivery=scenario.delivery)
        if message.HasField("instructions"):
            settings = dataclasses.replace(settings, instructions=message.instructions)
        if message.HasField("synthesis"):
            settings = dataclasses.replace(settings, speech=settings.speech.changed(self._speech_update(message)))
            for notice in notices_of_update(
                message.synthesis, self._roster, self._plan.speech.info, "update.synthesis"
            ):
                await self._session.note(notice)
        for notice in unused:
            await self._session.note(notice)
        self._session.settings = settings

    def _speech_update(self, message: pb.ConversationUpdate) -> SpeechUpdate:
        change, path = message.synthesis, "update.synthesis"
        check_delivery(change, path)
        voice = None
        if change.HasField("voice"):
            voice = self._roster.resolve_voice(change.voice, self._plan.speech.info, field=f"{path}.voice")
        return SpeechUpdate(
            voice=voice,
            speed=change.speed if change.HasField("speed") else None,
            pitch_semitones=change.pitch_semitones if change.HasField("pitch_semitones") else None,
        )
