"""A live transcriber in a process of its own: utterances side by side, their ends, and the process's death."""

import asyncio
from pathlib import Path

import pytest

from antiphon_server.errors import BodyTooLarge, EngineFailed, EngineRestarting, Overloaded
from antiphon_server.worker.frame import MAX_FRAME_BYTES
from support.processes import START_LIMIT_S, engine_process, kill

WORD = bytes(200 * 32)


def size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


async def test_utterances_are_written_down_side_by_side():
    async with engine_process(live_transcriber={}) as process:
        live = process.live_transcriber
        assert (await live.info()).model == process.info["live_transcriber"].model == "scripted-live"
        first, second = await live.open("en"), await live.open("en")
        assert await first.push(WORD) == "one"
        assert await second.push(WORD * 3) == "one two three"
        assert await first.push(WORD + WORD[:100]) == "one two"
        await first.close()
        assert await second.push(WORD) == "one two three four"
        await second.close()
        assert process.num_calls == 0


async def test_utterances_of_two_faces_of_one_process_are_kept_apart():
    async with engine_process(live_transcriber={}) as process:
        first, second = await process.live_transcriber.open("en"), await process.live_transcriber.open("en")
        assert await first.push(WORD * 2) == "one two"
        assert await second.push(WORD) == "one"
        await second.close()
        assert await first.push(WORD) == "one two three"


async def test_a_closed_utterance_is_freed_once_and_takes_no_more(tmp_path: Path):
    closed = tmp_path / "closed"
    async with engine_process(live_transcriber={"closed_path": str(closed), "max_streams": 1}) as process:
        transcript = await process.live_transcriber.open("en")
        with pytest.raises(Overloaded):
            await process.live_transcriber.open("en")
        await transcript.close()
        await transcript.close()
        assert size(closed) == 1
        with pytest.raises(EngineRestarting):
            await transcript.push(WORD)
        again = await process.live_transcriber.open("en")
        assert await again.push(WORD) == "one"


async def test_a_cancelled_push_leaves_an_utterance_that_can_be_closed(tmp_path: Path):
    closed = tmp_path / "closed"
    async with engine_process(live_transcriber={"waits_at_push": 0, "closed_path": str(closed)}) as process:
        transcript = await process.live_transcriber.open("en")
        pushing = asyncio.create_task(transcript.push(WORD))
        while not process.num_calls:
            await asyncio.sleep(0)
        pushing.cancel()
        await asyncio.wait({pushing})
        assert pushing.cancelled()
        assert process.num_calls == 0
        await transcript.close()
        assert size(closed) == 1


@pytest.mark.parametrize("waits", [True, False])
async def test_an_utterance_whose_caller_went_while_it_was_opened_is_freed(tmp_path: Path, waits: bool):
    opened, closed = tmp_path / "opened", tmp_path / "closed"
    script = {"waits_to_open": waits, "opened_path": str(opened), "closed_path": str(closed)}
    async with engine_process(live_transcriber=script) as process:
        opening = asyncio.create_task(process.live_transcriber.open("en"))
        while not process.num_calls:
            await asyncio.sleep(0)
        opening.cancel()
        await asyncio.wait({opening})
        async with asyncio.timeout(START_LIMIT_S):
            while process.num_calls:
                await asyncio.sleep(0.002)
        assert size(opened) == size(closed)


async def test_an_utterance_is_freed_though_its_caller_does_not_wait_for_that(tmp_path: Path):
    closed = tmp_path / "closed"
    async with engine_process(live_transcriber={"closed_path": str(closed), "max_streams": 1}) as process:
        transcript = await process.live_transcriber.open("en")
        closing = asyncio.create_task(transcript.close())
        while not process.num_calls:
            await asyncio.sleep(0)
        closing.cancel()
        await asyncio.wait({closing})
        async with asyncio.timeout(START_LIMIT_S):
            while process.num_calls:
                await asyncio.sleep(0.002)
        assert size(closed) == 1
        await (await process.live_transcriber.open("en")).close()


async def test_a_failed_push_ends_nothing_else():
    async with engine_process(live_transcriber={"fail_at_push": 1}) as process:
        transcript = await process.live_transcriber.open("en")
        assert await transcript.push(WORD) == "one"
        with pytest.raises(EngineFailed):
            await transcript.push(WORD)
        assert await transcript.push(WORD) == "one two"


async def test_too_much_audio_at_once_names_the_limit():
    async with engine_process(live_transcriber={}) as process:
        transcript = await process.live_transcriber.open("en")
        with pytest.raises(BodyTooLarge, match=str(MAX_FRAME_BYTES)):
            await transcript.push(bytes(MAX_FRAME_BYTES + 2))
        assert await transcript.push(WORD) == "one"


async def test_an_utterance_of_a_dead_child_says_so_and_a_new_one_begins():
    async with engine_process(live_transcriber={"crash_at_push": 1}) as process:
        transcript = await process.live_transcriber.open("en")
        await transcript.push(WORD)
        with pytest.raises(EngineRestarting):
            await transcript.push(WORD)
        await process.wait_ready(START_LIMIT_S)
        with pytest.raises(EngineRestarting):
            await transcript.push(WORD)
        await transcript.close()
        again = await process.live_transcriber.open("en")
        assert await again.push(WORD) == "one"
        kill(process)
        with pytest.raises(EngineRestarting):
            await again.push(WORD)
        await again.close()
