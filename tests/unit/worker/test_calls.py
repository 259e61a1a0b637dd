"""Calls to a real engine process: streams, credits, cancels, errors."""

import asyncio
from contextlib import aclosing
from pathlib import Path

import pytest

from antiphon_server.engine.chat import ChatDelta, ChatEnd, ChatJob, ChatMessage
from antiphon_server.engine.protocol import ListenJob, SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.errors import BodyTooLarge, EngineFailed, Overloaded, UnknownVoice
from antiphon_server.worker.remote import SPEECH_WINDOW_CHUNKS
from antiphon_server.worker.supervisor import EngineProcess
from support.processes import engine_process

JOB = SpeechJob(text="hello", voice="tone", sequence="s")
LOUD = b"\x00\x40" * 1024


def long_job(num_chunks: int) -> SpeechJob:
    return SpeechJob(text="a" * num_chunks, voice="tone", sequence="s")


async def num_chunks_of(process: EngineProcess, job: SpeechJob) -> int:
    items = [item async for item in process.synthesizer.speak(job)]
    assert isinstance(items[-1], SpeechEnd)
    assert all(isinstance(item, SpeechChunk) for item in items[:-1])
    return len(items) - 1


async def test_speak_streams_every_chunk_then_ends_once():
    async with engine_process(synthesizer={}) as process:
        items = [item async for item in process.synthesizer.speak(JOB)]
        assert [type(item) for item in items] == [SpeechChunk] * 5 + [SpeechEnd]
        assert items[0] == items[4]
        assert len(items[0].pcm) == 24_000 * 40 // 1000 * 2
        assert items[-1] == SpeechEnd("STOP", engine_ms=1.0, input_tokens=5)
        assert process.num_calls == 0


async def test_two_calls_interleave():
    async with engine_process(synthesizer={"delay_ms": 1}) as process:
        order: list[str] = []

        async def follow(name: str) -> None:
            async for _ in process.synthesizer.speak(long_job(8)):
                order.append(name)  # noqa: PERF401  # the order of the two is what is tested

        await asyncio.gather(follow("a"), follow("b"))
        assert sorted(order) == ["a"] * 9 + ["b"] * 9
        assert order != sorted(order)
        assert order != sorted(order, reverse=True)


async def test_every_part_of_one_process_answers():
    chat = {"replies": ["one two", "three"]}
    async with engine_process(synthesizer={}, transcriber={}, voice_activity={}, chat=chat) as process:
        transcript = await process.transcriber.transcribe(ListenJob(LOUD, word_times=True))
        assert transcript.text == "hello world"
        assert [word.text for word in transcript.segments[0].words] == ["hello", "world"]
        messages = (ChatMessage("user", "hi"), ChatMessage("assistant", "one two"), ChatMessage("user", "and"))
        assert [item async for item in process.chat.reply(ChatJob(messages))] == [
            ChatDelta("three"),
            ChatEnd("STOP", input_tokens=3, output_tokens=1),
        ]
        assert await num_chunks_of(process, JOB) == 5
        assert (await process.transcriber.info()).model == process.info["transcriber"].model == "scripted-stt"


async def test_voice_activity_stream_keeps_its_unfinished_window():
    async with engine_process(voice_activity={}) as process:
        stream = await process.voice_activity.open()
        assert await stream.score(LOUD[:1000]) == []
        assert await stream.score(LOUD[:24] + bytes(1024)) == [1.0, 0.0]
        await stream.close()
        await stream.close()


async def test_engine_makes_at_most_a_window_beyond_what_was_taken(tmp_path: Path):
    pulled = tmp_path / "pulled"
    async with engine_process(synthesizer={"pulled_path": str(pulled)}) as process:
        slow = process.synthesizer.speak(long_job(200))
        async with aclosing(slow):
            for num_taken in range(1, 40):
                await anext(slow)
                assert await num_chunks_of(process, JOB) == 5  # a whole other call: time enough to overrun
                num_pulled = pulled.stat().st_size - 5 * num_taken
                assert num_taken <= num_pulled <= num_taken + SPEECH_WINDOW_CHUNKS


async def test_closing_early_stops_the_engine_at_once(tmp_path: Path):
    closed = tmp_path / "closed"
    async with engine_process(synthesizer={"closed_path": str(closed), "wait_at_chunk": 2}) as process:
        stream = process.synthesizer.speak(JOB)
        await anext(stream)
        assert process.num_calls == 1
        async with asyncio.timeout(0.5):  # an acknowledgement never takes this; its limit is a second
            await stream.aclose()
        assert closed.stat().st_size == 1
        assert process.num_calls == 0


async def test_cancelling_the_consumer_cancels_the_engine(tmp_path: Path):
    closed = tmp_path / "closed"
    async with engine_process(synthesizer={"closed_path": str(closed), "wait_at_chunk": 1}) as process:
        got_first = asyncio.Event()

        async def consume() -> None:
            async for _ in process.synthesizer.speak(JOB):
                got_first.set()

        consumer = asyncio.create_task(consume())
        await got_first.wait()
        consumer.cancel()
        await asyncio.wait({consumer})
        assert consumer.cancelled()
        assert closed.stat().st_size == 1
        assert process.num_calls == 0


async def test_cancelling_a_transcription_frees_the_engine():
    async with engine_process(transcriber={"waits": True}) as process:
        listening = asyncio.create_task(process.transcriber.transcribe(ListenJob(LOUD)))
        while not process.num_calls:
            await asyncio.sleep(0)
        listening.cancel()
        await asyncio.wait({listening})
        assert listening.cancelled()
        assert process.num_calls == 0


async def test_unstarted_stream_costs_nothing():
    async with engine_process(synthesizer={}) as process:
        stream = process.synthesizer.speak(JOB)
        assert process.num_calls == 0
        await stream.aclose()


async def test_named_error_keeps_reason_field_and_delay():
    options = {"fail_at_chunk": 1, "fail_reason": "OVERLOADED", "fail_field": "config.model"}
    async with engine_process(synthesizer=options) as process:
        stream = process.synthesizer.speak(JOB)
        assert isinstance(await anext(stream), SpeechChunk)
        with pytest.raises(Overloaded) as failed:
            await anext(stream)
        assert (failed.value.field, failed.value.retry_after_s) == ("config.model", 2.5)
        with pytest.raises(UnknownVoice):
            await anext(process.synthesizer.speak(SpeechJob("x", "nobody", "s")))


async def test_unexpected_error_gives_an_id_and_never_the_text(capfd: pytest.CaptureFixture[str]):
    async with engine_process(synthesizer={"fail_at_chunk": 0}) as process:
        with pytest.raises(EngineFailed, match=r"^the engine failed \(id [0-9a-f]{8}\)$") as failed:
            await num_chunks_of(process, SpeechJob("secret words", "tone", "s"))
        with pytest.raises(EngineFailed):  # by the same process
            await num_chunks_of(process, JOB)
    logged = capfd.readouterr()
    assert failed.value.message[-9:-1] in logged.err
    assert "ValueError at " in logged.err
    assert "scripted.py" in logged.err
    assert "secret" not in logged.err + logged.out


async def test_stream_without_an_end_is_a_failure():
    async with engine_process(synthesizer={"is_endless": True}) as process:
        with pytest.raises(EngineFailed, match="without saying how"):
            await num_chunks_of(process, JOB)


async def test_audio_over_the_frame_limit_is_refused_with_its_size():
    async with engine_process(transcriber={}) as process:
        with pytest.raises(BodyTooLarge, match="audio of 67108865 bytes") as refused:
            await process.transcriber.transcribe(ListenJob(bytes(64 * 1024 * 1024 + 1)))
        assert refused.value.field == "audio"
        transcript = await process.transcriber.transcribe(ListenJob(LOUD * 1000))  # 2 MB pass
        assert transcript.segments[0].end_ms == 64_000
