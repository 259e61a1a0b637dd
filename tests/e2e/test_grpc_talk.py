"""Conversations over gRPC with a real server and the embedded models."""

import grpc
import pytest

from antiphon.speech.v1 import conversation_service_pb2 as talk_pb
from support.calls import audio_of, calls_to, in_messages
from support.speech import word_error_rate

pytestmark = pytest.mark.models
SHORT = {"chat_sampling": {"max_tokens": 40, "temperature": 0.0, "seed": 1}}


async def test_a_typed_and_a_spoken_turn_are_answered_and_spoken(server):
    async with calls_to(server) as stubs:
        question = "What is the capital of France?"
        pcm = await stubs.pcm(question, sampling={"seed": 3})
        call = stubs.conversation.Converse(timeout=60)
        await call.write(talk_pb.ConverseRequest(config=talk_pb.ConversationConfig(**SHORT)))
        log = []

        async def until_reply() -> None:
            while (response := await call.read()) is not grpc.aio.EOF:
                log.append(response)
                if response.HasField("reply_done"):
                    return

        await call.write(talk_pb.ConverseRequest(text_turn={"text": "Say hello."}))
        await until_reply()
        for message in in_messages(pcm):
            await call.write(talk_pb.ConverseRequest(**message))
        await call.write(talk_pb.ConverseRequest(end_turn={}))
        await until_reply()
        await call.done_writing()
        assert await call.read() is grpc.aio.EOF
        assert [entry.sequence for entry in log] == list(range(1, len(log) + 1))
        (final,) = [entry.final for entry in log if entry.HasField("final")]
        assert word_error_rate(question, final.text) <= 0.2
        replies = [entry.reply_done for entry in log if entry.HasField("reply_done")]
        assert len(replies) == 2
        assert replies[1].HasField("transcript_ms")
        for reply in replies:
            own = [e for e in log if e.HasField("audio") and e.audio.utterance_id == reply.utterance_id]
            deltas = [e.reply_delta for e in log if e.HasField("reply_delta")]
            assert "".join(d.text for d in deltas if d.utterance_id == reply.utterance_id) == reply.text
            assert len(audio_of(own)) // 48 == pytest.approx(reply.usage.output_audio_ms, abs=2)
            assert reply.usage.output_audio_ms > 300


async def test_a_turn_whose_utterance_a_pause_has_ended_is_answered(server):
    async with calls_to(server) as stubs:
        question = "What is the capital of France?"
        pcm = await stubs.pcm(question, sampling={"seed": 3}) + bytes(48_000)
        config = SHORT | {"text_only": True, "transcription": {"endpoint": {"mode": "ENDPOINT_MODE_VOICE_ACTIVITY"}}}
        messages = [{"config": config}, *in_messages(pcm), {"end_turn": {}}]
        call = stubs.conversation.Converse((talk_pb.ConverseRequest(**message) for message in messages), timeout=60)
        log = [entry async for entry in call]
        (final,) = [entry.final for entry in log if entry.HasField("final")]
        assert word_error_rate(question, final.text) <= 0.2
        assert log[-1].reply_done.text


async def test_a_cancelled_reply_answers_its_receipt_and_the_next_turn_is_answered(server):
    async with calls_to(server) as stubs:
        call = stubs.conversation.Converse(timeout=60)
        config = talk_pb.ConversationConfig(chat_sampling={"max_tokens": 150})
        await call.write(talk_pb.ConverseRequest(config=config))
        await call.write(talk_pb.ConverseRequest(text_turn={"text": "Tell me a long story about the sea."}))
        while not (response := await call.read()).HasField("audio"):
            assert response is not grpc.aio.EOF
        await call.write(talk_pb.ConverseRequest(cancel={}))
        while not (response := await call.read()).HasField("cancelled"):
            assert not response.HasField("reply_done"), "the story is longer than the way of the cancel"
        assert response.cancelled.utterance_id == "r1"
        assert response.cancelled.samples_generated >= response.cancelled.samples_sent > 0
        await call.write(talk_pb.ConverseRequest(text_turn={"text": "Just say yes."}))
        await call.done_writing()
        later = []
        while (response := await call.read()) is not grpc.aio.EOF:
            later.append(response)
        assert later[-1].reply_done.utterance_id == "r2"
        assert all(e.audio.utterance_id == "r2" for e in later if e.HasField("audio"))


async def test_text_only_makes_no_audio(server):
    async with calls_to(server) as stubs:
        log = await stubs.talk([{"text_turn": {"text": "Say hello."}}], text_only=True, **SHORT)
        assert audio_of(log) == b""
        assert log[-1].reply_done.text
