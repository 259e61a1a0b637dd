"""Transcription over gRPC from a real server with the embedded models."""

import asyncio

import grpc
import pytest

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import transcription_service_pb2 as listen_pb
from support.calls import Stubs, audio_of, calls_to, in_messages
from support.speech import word_error_rate

pytestmark = pytest.mark.models
TEXT = "The quick brown fox jumps over the lazy dog."
OTHER = "It was a bright cold day in April."
SEED = {"sampling": {"seed": 11}}
PIECE_MS = 100


async def say(stubs: Stubs, text: str) -> bytes:
    return await stubs.pcm(text, **SEED)


def finals(responses: list[listen_pb.TranscribeResponse]) -> list[listen_pb.FinalTranscript]:
    return [response.final for response in responses if response.HasField("final")]


async def test_the_stream_and_its_twin_hear_the_same(server):
    async with calls_to(server) as stubs:
        pcm = await say(stubs, TEXT)
        once = await stubs.write_down(pcm)
        streamed = await stubs.listen(in_messages(pcm), partial_interval_ms=0)
        (final,) = finals(streamed)
        assert final.text == once
        assert word_error_rate(TEXT, once) <= 0.1
        assert streamed[-1].HasField("done")
        assert streamed[-1].done.audio_ms == len(pcm) // 32


async def test_flush_and_finish_give_a_final_each(server):
    async with calls_to(server) as stubs:
        first, second = await say(stubs, TEXT), await say(stubs, OTHER)
        responses = await stubs.listen(
            [*in_messages(first), {"flush": {}}, *in_messages(second)], partial_interval_ms=0
        )
        heard = [final.text for final in finals(responses)]
        assert word_error_rate([TEXT, OTHER], heard) <= 0.1
        assert [final.utterance_index for final in finals(responses)] == [0, 1]


async def test_voice_activity_ends_utterances_by_itself(server):
    async with calls_to(server) as stubs:
        pause = bytes(32 * 1200)
        pcm = await say(stubs, TEXT) + pause + await say(stubs, OTHER) + pause
        responses = await stubs.listen(in_messages(pcm), endpoint={"mode": listen_pb.ENDPOINT_MODE_VOICE_ACTIVITY})
        assert word_error_rate([TEXT, OTHER], [final.text for final in finals(responses)]) <= 0.1
        kinds = [response.WhichOneof("response") for response in responses]
        assert [kind for kind in kinds if kind.startswith("speech")] == ["speech_started", "speech_stopped"] * 2


async def test_word_times_are_ordered_and_inside_the_audio(server):
    async with calls_to(server) as stubs:
        pcm = await say(stubs, TEXT)
        (final,) = finals(await stubs.listen(in_messages(bytes(32_000) + pcm), word_times=True))
        assert len(final.words) >= 8
        times = [moment for word in final.words for moment in (word.start_ms, word.end_ms)]
        assert times == sorted(times)
        assert times[0] >= 700
        assert times[-1] <= final.end_ms <= 1000 + len(pcm) // 32 + 1


async def test_partials_come_while_audio_arrives_in_real_time(server):
    async with calls_to(server) as stubs:
        pcm = await say(stubs, f"{TEXT} {OTHER}")
        call = stubs.transcription.Transcribe(timeout=60)
        responses: list[listen_pb.TranscribeResponse] = []

        async def read_on(until: str) -> None:
            while (response := await call.read()) is not grpc.aio.EOF:
                responses.append(response)
                if response.HasField(until):
                    return

        await call.write(listen_pb.TranscribeRequest(config=listen_pb.TranscriptionConfig()))
        half = len(pcm) // 2 // (PIECE_MS * 32) * PIECE_MS * 32
        for part in (pcm[:half], pcm[half:]):
            reading = asyncio.create_task(read_on("partial"))
            for start in range(0, len(part), PIECE_MS * 32):
                await asyncio.sleep(PIECE_MS / 1000)  # real time is the point
                await call.write(listen_pb.TranscribeRequest(audio=part[start : start + PIECE_MS * 32]))
            await reading  # however late it is on a busy machine: nothing has said that the audio is over
        await call.done_writing()
        await read_on("done")
        times = [response.partial.up_to_ms for response in responses if response.HasField("partial")]
        assert len(times) >= 2
        assert times == sorted(times)
        assert times[0] <= half // 32
        (final,) = finals(responses)
        assert word_error_rate(f"{TEXT} {OTHER}", final.text) <= 0.1


async def test_silence_gives_empty_text(server):
    async with calls_to(server) as stubs:
        responses = await stubs.listen(in_messages(bytes(64_000)))
        (final,) = finals(responses)
        assert (final.text, final.no_speech, final.language) == ("", True, "")


@pytest.mark.parametrize("encoding", [audio_pb2.AUDIO_ENCODING_MP3, audio_pb2.AUDIO_ENCODING_WAV])
async def test_a_file_of_ours_is_heard_as_a_file(server, encoding):
    async with calls_to(server) as stubs:
        data = audio_of(await stubs.speak_once(TEXT, format={"encoding": encoding}, **SEED))
        answer = await stubs.transcription.TranscribeOnce(listen_pb.TranscribeOnceRequest(audio=data), timeout=60)
        assert word_error_rate(TEXT, answer.text) <= 0.1
        container = {"encoding": audio_pb2.AUDIO_ENCODING_CONTAINER}
        (final,) = finals(await stubs.listen(in_messages(data), format=container))
        assert final.text == answer.text
