import asyncio

from antiphon_server.engine.protocol import EngineInfo, HeardSegment, HeardWord, ListenJob, Transcript
from antiphon_server.session.scribe import Scribe
from support.sessions import listen_settings, voice


class Waiting:
    """Remembers its jobs; answers with a word, after ``may_answer``."""

    def __init__(self) -> None:
        self.jobs: list[ListenJob] = []
        self.may_answer = asyncio.Event()

    async def info(self) -> EngineInfo:
        return EngineInfo("waiting", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64)

    async def transcribe(self, job: ListenJob) -> Transcript:
        self.jobs.append(job)
        await self.may_answer.wait()
        segment = HeardSegment("word", 0, 10, words=(HeardWord("word", 0, 10),))
        return Transcript((segment,), "en", None, engine_ms=2.0)


async def test_a_job_has_all_that_the_caller_asked_for():
    asked = {
        "language": "de",
        "prompt": "names",
        "key_words": ("Antiphon",),
        "is_translation": True,
        "segment_times": True,
        "temperature": 0.5,
        "thinking": "ON",
        "caller": "somebody",
        "due_at": 12.0,
        "options": {"max_new_tokens": 5},
    }
    engine = Waiting()
    engine.may_answer.set()
    await Scribe(engine, listen_settings(**asked)).transcribe(voice(10), is_partial=False)
    assert engine.jobs == [ListenJob(pcm=voice(10), **asked)]


async def test_a_partial_has_no_times_and_words_are_given_where_asked_for():
    engine = Waiting()
    engine.may_answer.set()
    scribe = Scribe(engine, listen_settings(word_times=True, segment_times=True))
    heard = await scribe.transcribe(b"", is_partial=True)
    assert (engine.jobs[0].word_times, engine.jobs[0].segment_times, engine.jobs[0].is_partial) == (False, False, True)
    assert heard.segments[0].words
    unasked = await Scribe(engine, listen_settings()).transcribe(b"", is_partial=False)
    assert not unasked.segments[0].words
    assert scribe.engine_ms == 2.0


async def test_what_is_under_way_ends_with_the_session():
    scribe = Scribe(Waiting(), listen_settings())
    task = scribe.begin(scribe.transcribe(b"", is_partial=False))
    await asyncio.sleep(0)
    await scribe.close()
    assert task.cancelled()
