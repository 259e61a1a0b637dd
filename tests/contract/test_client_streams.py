"""The streaming methods of the client against a scripted server: order, ends, failures, cancellation."""

import asyncio

import pytest
from client_stubs.scripted_server import audio, echo, rich_status, scripted_server, started, utterance_done
from grpc import StatusCode
from grpc_status import rpc_status

from antiphon.speech.v1 import transcription_service_pb2
from antiphon.speech.v1.audio_pb2 import AudioEncoding
from antiphon.speech.v1.synthesis_service_pb2 import SynthesisConfig
from antiphon_client import (
    AntiphonClient,
    AntiphonError,
    BadRequest,
    CallOptions,
    Cancelled,
    DeadlineExceeded,
    ServerFailed,
    Speech,
    Unavailable,
)


async def test_audio_arrives_while_text_is_still_being_written():
    heard_first = asyncio.Event()

    async def text():
        yield "one"
        await heard_first.wait()
        yield "two"

    async with scripted_server(echo) as server, AntiphonClient(server.target) as client, client.speak(text()) as speech:
        chunks = []
        async for chunk in speech:
            chunks.append(chunk.data)
            heard_first.set()
    assert chunks == [b"oneone", b"twotwo"]
    assert speech.done.num_bytes == 12
    assert speech.done.first_audio_ms is not None
    assert [done.num_samples for done in speech.done.utterances] == [6]


async def test_arguments_of_speak_stand_over_the_config():
    seen = []

    async def keep(requests, context):
        seen.append((await anext(aiter(requests))).config)
        yield started()

    config = SynthesisConfig(voice="a", model="m")
    async with (
        scripted_server(keep) as server,
        AntiphonClient(server.target) as client,
        client.speak("x", voice="b", speed=0.0, sample_rate_hz=8000, config=config) as speech,
    ):
        await speech.read()
    assert (seen[0].voice, seen[0].model, seen[0].format.sample_rate_hz) == ("b", "m", 8000)
    assert seen[0].HasField("speed")
    assert config.voice == "a"


async def test_damaged_audio_raises_instead_of_ending():
    async def damaged(requests, context):
        yield started()
        yield audio(b"abcd")
        yield utterance_done(b"abcx")

    async with scripted_server(damaged) as server, AntiphonClient(server.target) as client, client.speak("x") as speech:
        with pytest.raises(ServerFailed, match="checksum"):
            await speech.read()


async def test_leaving_the_block_cancels_the_call():
    cancelled = asyncio.Event()

    async def endless(requests, context):
        context.add_done_callback(lambda _: cancelled.set())
        yield started()
        while True:
            yield audio(b"abcd")

    async with scripted_server(endless) as server, AntiphonClient(server.target) as client:
        assert await first_chunk(client.speak("x")) == b"abcd"
        await asyncio.wait_for(cancelled.wait(), 5)


async def test_cancelling_a_waiting_reader_cancels_the_call():
    cancelled = asyncio.Event()

    async def silent(requests, context):
        context.add_done_callback(lambda _: cancelled.set())
        yield started()
        async for _ in requests:
            pass
        await asyncio.Event().wait()

    async with scripted_server(silent) as server, AntiphonClient(server.target) as client:
        with pytest.raises(TimeoutError):
            async with client.speak("x") as speech, asyncio.timeout(0.05):
                await speech.read()
        await asyncio.wait_for(cancelled.wait(), 5)


async def test_an_error_of_the_callers_text_reaches_the_caller_and_ends_the_call():
    async def broken():
        yield "one"
        raise LookupError("no more text")

    async with scripted_server(echo) as server, AntiphonClient(server.target) as client:
        with pytest.raises(LookupError, match="no more text"):
            async with client.speak(broken()) as speech:
                await speech.read()


async def test_abort_from_another_task_wakes_the_reader():
    async def silent(requests, context):
        yield started()
        await asyncio.Event().wait()

    async with (
        scripted_server(silent) as server,
        AntiphonClient(server.target) as client,
        client.synthesize() as stream,
    ):
        reading = asyncio.ensure_future(anext(stream))
        asyncio.get_running_loop().call_soon(stream.abort)
        with pytest.raises(Cancelled):
            await reading


async def test_sending_after_the_servers_end_says_so():
    async def ends(requests, context):
        await anext(aiter(requests))
        yield started()

    async with scripted_server(ends) as server, AntiphonClient(server.target) as client, client.synthesize() as stream:
        assert [response async for response in stream] == []
        with pytest.raises(BadRequest, match="ended the call") as raised:
            await stream.send_text("late")
    assert raised.value.reason == "STREAM_ORDER"


@pytest.mark.parametrize(
    ("code", "reason"), [(StatusCode.CANCELLED, "CANCELLED"), (StatusCode.NOT_FOUND, "UNKNOWN_VOICE")]
)
async def test_sending_after_the_server_refused_tells_what_it_said(code, reason):
    status = rich_status(code, reason, field="config.voice")

    async def refuses(requests, context):
        await anext(aiter(requests))
        yield started()
        await context.abort_with_status(rpc_status.to_status(status))

    async with (
        scripted_server(refuses) as server,
        AntiphonClient(server.target) as client,
        client.synthesize() as stream,
    ):
        with pytest.raises(AntiphonError):
            await anext(stream)
        with pytest.raises(AntiphonError, match="told so") as raised:
            await stream.send_text("late")
    assert (raised.value.reason, raised.value.field) == (reason, "config.voice")


async def test_sending_after_the_own_end_says_so():
    async with scripted_server(echo) as server, AntiphonClient(server.target) as client, client.synthesize() as stream:
        await stream.close_sending()
        with pytest.raises(BadRequest):
            await stream.send_text("late")


async def test_a_timeout_covers_the_whole_call():
    async def silent(requests, context):
        yield started()
        await asyncio.Event().wait()

    async with scripted_server(silent) as server, AntiphonClient(server.target) as client:
        with pytest.raises(DeadlineExceeded):
            async with client.speak("x", call=CallOptions(timeout_s=0.1)) as speech:
                await speech.read()


async def test_metadata_of_a_call_reaches_the_server():
    seen = {}

    async def keep(requests, context):
        await anext(aiter(requests))
        seen.update(dict(context.invocation_metadata()))
        yield started()

    call = CallOptions(request_id="mine", metadata=(("x-tenant", "a"),))
    async with (
        scripted_server(keep) as server,
        AntiphonClient(server.target, api_key="k") as client,
        client.synthesize(call=call),
    ):
        pass
    assert (seen["x-request-id"], seen["x-tenant"], seen["authorization"]) == ("mine", "a", "Bearer k")


async def test_a_stream_is_used_inside_its_block():
    async with AntiphonClient("127.0.0.1:1") as client:
        with pytest.raises(RuntimeError, match="async with"):
            await client.synthesize().send_text("x")


async def transcribing(requests, context):
    """Answer one final: how many bytes came, in how many messages, in which encoding."""
    response = transcription_service_pb2.TranscribeResponse
    config = (await anext(aiter(requests))).config
    yield response(started=transcription_service_pb2.TranscriptionStarted(request_id="req-1"))
    sizes = [len(request.audio) async for request in requests if request.WhichOneof("request") == "audio"]
    text = f"{sum(sizes)} {max(sizes)} {config.format.encoding} {config.language}"
    yield response(final=transcription_service_pb2.FinalTranscript(text=text, language="en"))
    yield response(final=transcription_service_pb2.FinalTranscript(no_speech=True, utterance_index=1))
    yield response(done=transcription_service_pb2.TranscriptionDone(audio_ms=7))


async def test_a_file_is_sent_in_pieces_as_a_container(tmp_path):
    path = tmp_path / "clip.bin"
    path.write_bytes(bytes(150_000))
    async with scripted_server(transcribing) as server, AntiphonClient(server.target) as client:
        transcript = await client.transcribe_file(path, language="en")
    assert transcript.text == f"150000 65536 {AudioEncoding.AUDIO_ENCODING_CONTAINER} en"
    assert (transcript.language, transcript.done.audio_ms, transcript.no_speech) == ("en", 7, False)
    assert len(transcript.finals) == 2


async def test_a_missing_file_is_the_callers_error():
    async with scripted_server(transcribing) as server, AntiphonClient(server.target) as client:
        with pytest.raises(FileNotFoundError):
            await client.transcribe_file("no/such/file.wav")


async def test_the_servers_reason_survives_a_write_that_was_under_way():
    async def breaks(requests, context):
        await anext(aiter(requests))
        yield started()
        status = rich_status(StatusCode.UNAVAILABLE, "ENGINE_RESTARTING")
        await context.abort_with_status(rpc_status.to_status(status))

    async def much_text():
        while True:
            yield "x" * 100

    reasons = []
    async with scripted_server(*[breaks] * 20) as server, AntiphonClient(server.target) as client:
        for _ in range(20):
            with pytest.raises(Unavailable) as raised:
                await read(client.speak(much_text()))
            reasons.append(raised.value.reason)
    assert set(reasons) == {"ENGINE_RESTARTING"}


async def test_a_call_the_server_ends_early_just_ends():
    async def ends(requests, context):
        await anext(aiter(requests))
        yield started()
        yield audio(b"abcd")

    async def much_text():
        while True:
            yield "x" * 100

    async with scripted_server(*[ends] * 20) as server, AntiphonClient(server.target) as client:
        assert [await read(client.speak(much_text())) for _ in range(20)] == [b"abcd"] * 20


async def read(speech: Speech) -> bytes:
    async with speech:
        return await speech.read()


async def first_chunk(speech: Speech) -> bytes:
    async with speech:
        return (await anext(speech)).data
