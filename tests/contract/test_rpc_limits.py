"""Calls that are refused or ended for what the server is, not for what they say."""

from collections.abc import AsyncGenerator
from typing import Any

import grpc
import pytest

from antiphon.speech.v1 import (
    consent_service_pb2,
    consent_service_pb2_grpc,
    error_reason_pb2,
    file_service_pb2,
    file_service_pb2_grpc,
    task_service_pb2,
    task_service_pb2_grpc,
)
from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from antiphon.speech.v1 import model_service_pb2 as model_pb
from antiphon.speech.v1 import synthesis_service_pb2 as speech_pb
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from antiphon.speech.v1 import voice_service_pb2 as voice_pb
from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob
from antiphon_server.errors import ContextOverflow
from support.fronts import Refused, RunningFront, running_front, scripted_engines
from support.refusals import CONFIG, LISTEN, TALK, check_good_call, refused
from support.scripted import ChatScript, ScriptedChatModel, SpeechScript

MODELS = ("scripted-tts", "scripted-stt", "scripted-chat")


class Full(ScriptedChatModel):
    """A chat model whose context is always full."""

    async def reply(self, job: ChatJob) -> AsyncGenerator[ChatDelta | ChatEnd, None]:
        raise ContextOverflow("the messages have 9000 tokens; the context holds 2048", field="messages")
        yield  # a generator


async def metadata_and_refusal(call: Any) -> tuple[dict[str, Any], Refused]:
    """What a call that is refused at once had as initial metadata, and its refusal."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(call))
    found = Refused.of(caught.value)
    found.check()
    return dict(await call.initial_metadata() or ()), found


async def hold(front: RunningFront, kind: str) -> Any:
    """Open a call that stays open; it has started when this returns."""
    call, config = {
        "synthesis": (front.synthesis.Synthesize, CONFIG),
        "transcription": (front.transcription.Transcribe, LISTEN),
        "conversations": (front.conversation.Converse, TALK),
    }[kind]
    held = call()
    await held.write(config)
    assert (await held.read()).HasField("started")
    return held


@pytest.mark.parametrize("kind", ["synthesis", "transcription", "conversations"])
async def test_a_full_server_refuses_with_a_delay_before_any_metadata(kind):
    limits = {f"max_{kind.removesuffix('s') if kind == 'conversations' else kind}_calls": 1}
    async with running_front(**limits) as front:
        held = await hold(front, kind)
        calls = {
            "synthesis": lambda: front.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text="Hi.")),
            "transcription": lambda: front.transcription.Transcribe(iter([LISTEN])),
            "conversations": lambda: front.conversation.Converse(iter([TALK])),
        }
        metadata, found = await metadata_and_refusal(calls[kind]())
        assert (found.code, found.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "OVERLOADED")
        assert "all 1 places" in found.message
        assert 0.1 <= (found.retry_after_s or 0) <= 30
        assert metadata == {}
        held.cancel()
        await front.settled()
        await check_good_call(front)


async def test_a_deadline_that_cannot_be_met_is_refused_before_any_work():
    async with running_front() as front:
        for door in front.doors:
            for model in ("", *MODELS):
                door.measured(1_000_000.0, model)
        once = front.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text="Hi."), timeout=30)
        stream = front.transcription.Transcribe(iter([LISTEN]), timeout=30)
        for call in (once, stream, front.conversation.Converse(iter([TALK]), timeout=30)):
            metadata, found = await metadata_and_refusal(call)
            assert (found.code, found.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_TOO_SHORT")
            assert metadata == {}
            assert " ms and the first output is expected after " in found.message
        await check_good_call(front)


async def test_a_draining_server_refuses_new_calls():
    async with running_front() as front:
        for door in front.doors:
            door.is_draining = True
        _, found = await metadata_and_refusal(front.conversation.Converse(iter([TALK])))
        assert (found.code, found.reason) == (grpc.StatusCode.UNAVAILABLE, "DRAINING")


@pytest.mark.parametrize("kind", ["synthesis", "transcription", "conversations"])
async def test_a_stream_without_messages_ends_after_the_announced_time(kind):
    async with running_front(idle_timeout_ms=1000) as front:
        found = await refused(await hold(front, kind))
        assert (found.code, found.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "DEADLINE_EXCEEDED")
        assert "1000 ms" in found.message
        await front.settled()


async def test_a_failing_engine_is_named_and_the_text_is_not():
    for reason, shown in (("ENGINE_FAILED", "ENGINE_FAILED"), ("", "INTERNAL")):
        engines = scripted_engines(SpeechScript(fail_at_chunk=1, fail_reason=reason))
        async with running_front(engines) as front:
            call = front.synthesis.SynthesizeOnce(speech_pb.SynthesizeOnceRequest(text="Zanzibar."))
            found = await refused(call)
            assert (found.code, found.reason) == (grpc.StatusCode.INTERNAL, shown)
            assert "Zanzibar" not in found.message
            await front.settled()


@pytest.mark.parametrize(
    ("chat", "reason", "field", "is_retryable"),
    [
        (ScriptedChatModel(ChatScript(replies=("...",))), "UPSTREAM_FAILED", "", True),
        (Full(ChatScript()), "CONTEXT_OVERFLOW", "messages", False),
    ],
)
async def test_a_turn_that_fails_leaves_the_conversation_open(chat, reason, field, is_retryable):
    engines = scripted_engines()
    engines.chat = chat
    turn = talk_pb.ConverseRequest(text_turn={"text": "Hello."})
    async with running_front(engines) as front:
        call = await hold(front, "conversations")
        for _ in range(2):
            await call.write(turn)
            while not (response := await call.read()).HasField("failed"):
                assert response is not grpc.aio.EOF
            failed = response.failed
            assert failed.field == field
            assert failed.is_retryable is is_retryable
            assert error_reason_pb2.ErrorReason.Name(failed.reason) == f"ERROR_REASON_{reason}"
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF


async def test_what_is_not_built_says_so():
    async with running_front() as front:
        tasks = task_service_pb2_grpc.TaskServiceStub(front.channel)
        files = file_service_pb2_grpc.FileServiceStub(front.channel)
        consents = consent_service_pb2_grpc.ConsentServiceStub(front.channel)
        methods = [
            *((tasks, method) for method in task_service_pb2.DESCRIPTOR.services_by_name["TaskService"].methods),
            *((files, method) for method in file_service_pb2.DESCRIPTOR.services_by_name["FileService"].methods),
            *((consents, m) for m in consent_service_pb2.DESCRIPTOR.services_by_name["ConsentService"].methods),
        ]
        calls = [(getattr(stub, method.name), method) for stub, method in methods]
        for call, method in calls:
            request = method.input_type._concrete_class()
            if method.client_streaming:
                found = await refused(call(iter([request])))
            else:
                found = await refused(call(request))
            assert (found.code, found.reason) == (grpc.StatusCode.UNIMPLEMENTED, "NOT_BUILT"), method.full_name
            assert len(found.message) > 20
        for call in (
            front.voices.CreateVoice(voice_pb.CreateVoiceRequest()),
            front.voices.DeleteVoice(voice_pb.DeleteVoiceRequest()),
            front.models.LoadModel(model_pb.LoadModelRequest()),
            front.models.UnloadModel(model_pb.UnloadModelRequest()),
        ):
            assert (await refused(call)).reason == "NOT_BUILT"


async def test_controls_of_a_conversation_that_are_not_built_fail_and_leave_it_open():
    async with running_front() as front:
        call = await hold(front, "conversations")
        for name in ("truncate", "tool_result", "item_create", "item_delete", "item_retrieve"):
            await call.write(talk_pb.ConverseRequest(**{name: {}}))
            response = await call.read()
            assert (response.failed.field, response.failed.is_retryable) == (name, False)
            assert "not built" in response.failed.message
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF


async def test_a_request_id_is_kept_if_harmless_and_answered_everywhere():
    async with running_front() as front:
        for offered, kept in (("my-id_1.2", True), ("bad id", False), ("x" * 129, False)):
            call = front.synthesis.SynthesizeOnce(
                speech_pb.SynthesizeOnceRequest(text="Hi."), metadata=(("x-request-id", offered),)
            )
            started = (await call.read()).started
            assert (started.request_id == offered) is kept
            assert dict(await call.initial_metadata())["x-request-id"] == started.request_id
            call.cancel()


async def test_a_message_over_the_transports_limit_is_refused_and_harms_nobody():
    async with running_front() as front:
        request = listen_pb.TranscribeOnceRequest(audio=bytes(18 << 20))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await front.transcription.TranscribeOnce(request)
        assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        await check_good_call(front)


async def test_fields_of_an_update_without_effect_are_named():
    async with running_front() as front:
        call = front.synthesis.Synthesize()
        await call.write(CONFIG)
        await call.write(
            speech_pb.SynthesizeRequest(update={"speed": 1.5, "instructions": "Whisper.", "start_policy": 2})
        )
        await call.done_writing()
        warned = [response.warning.field for response in [r async for r in call] if response.HasField("warning")]
        assert warned == ["update.instructions", "update.start_policy"]
