"""Hours of audio, fed fast: what a session holds does not grow, but for what was said in the running utterance."""

import asyncio
import gc
import sys
import types

import pytest

from antiphon_server.engine.protocol import EngineInfo, HeardSegment, ListenJob, Transcript
from antiphon_server.session.listening import ListeningSession
from support.sessions import listen_settings, silence, voice

SECOND = {True: voice(1_000), False: silence(1_000)}
PIECE_BYTES = 30_000 * 32
WINDOW_BYTES = 1_024


class Loudness:
    """Hears voice in loud windows, quickly: by their first sample."""

    async def info(self) -> EngineInfo:
        return EngineInfo("loudness", "0" * 64, "antiphon", "Apache-2.0", (), 64)

    async def open(self) -> "Loudness":
        self._rest = b""
        return self

    async def score(self, pcm: bytes) -> list[float]:
        audio = self._rest + pcm
        whole = len(audio) // WINDOW_BYTES * WINDOW_BYTES
        self._rest = audio[whole:]
        return [float(audio[at + 1] > 0) for at in range(0, whole, WINDOW_BYTES)]

    async def close(self) -> None:
        pass


class Short:
    """Writes one word for any audio, and keeps nothing."""

    num_characters = 0

    async def info(self) -> EngineInfo:
        return EngineInfo("short", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64, num_pieces_at_once=2)

    async def transcribe(self, job: ListenJob) -> Transcript:
        await asyncio.sleep(0)
        self.num_characters += 0 if job.is_partial else 5
        return Transcript((HeardSegment("word", 0, len(job.pcm) // 32),), "en", None, engine_ms=1.0)


async def let_go(_: object) -> None:
    """Take an event and keep nothing of it."""
    await asyncio.sleep(0)


def held_bytes(root: object) -> int:
    """Memory that is reached from an object; classes, functions and modules are everybody's."""
    seen, todo, total = {id(SECOND)}, [root], 0
    shared = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, asyncio.AbstractEventLoop)
    while todo:
        found = todo.pop()
        if id(found) in seen or isinstance(found, shared):
            continue
        seen.add(id(found))
        total += sys.getsizeof(found)
        todo.extend(gc.get_referents(found))
    return total


async def held_after(hours: tuple[int, ...], pattern: tuple[bool, ...], **changes: object) -> list[int]:
    """Feed hours of a pattern of seconds with and without voice; the most that was held in each of some hours."""
    settings = listen_settings(**changes)
    found = ListeningSession(Short(), Loudness(), settings, let_go)
    most = dict.fromkeys(hours, 0)
    for second in range(max(hours) * 3_600):
        await found.take(SECOND[pattern[second % len(pattern)]])
        hour = second // 3_600 + 1
        if hour in most and second % 397 == 0:
            while found._scribe._under_way:  # a partial has a copy of its utterance, until it is done
                await asyncio.sleep(0)
            most[hour] = max(most[hour], held_bytes(found))
    await found.finish()
    return list(most.values())


TALK = (True,) * 3 + (False,)


@pytest.mark.parametrize("interval_ms", [0, 1], ids=["file", "live"])
async def test_two_hours_of_talk_that_end_utterance_by_utterance_hold_no_more_than_one(interval_ms):
    first, last = await held_after((1, 2), TALK, is_automatic=True, partial_interval_ms=interval_ms)
    assert last <= first * 1.1
    assert last < PIECE_BYTES


async def test_two_hours_without_voice_hold_next_to_nothing():
    first, last = await held_after((1, 2), (False,))
    assert last <= first * 1.1
    assert last < 200_000


@pytest.mark.parametrize("interval_ms", [0, 1], ids=["file", "live"])
async def test_an_utterance_of_two_hours_keeps_what_was_said_and_no_sound(interval_ms):
    first, last = await held_after((1, 2), TALK, partial_interval_ms=interval_ms)
    num_pieces = 3_600 / 13
    assert last - first < num_pieces * 1_500, "a text, its times and its piece"
    assert last < 4 * PIECE_BYTES + 2 * 3_600 / 13 * 1_500
