import asyncio
from collections.abc import Callable

import pytest

from antiphon_server.engine.protocol import EngineInfo, HeardSegment, ListenJob, Transcript
from antiphon_server.errors import AudioTooLong, EngineFailed
from antiphon_server.session.events import FinalHeard, PartialHeard, VoiceBegan, VoiceStopped
from antiphon_server.session.listening import ListeningSession
from support.scripted import ListenScript, ScriptedTranscriber, ScriptedVoiceActivity, ScriptedVoiceStream, VoiceScript
from support.sessions import Events, listen_settings, silence, voice


class CountingTranscriber:
    """Says how many milliseconds it was given, and remembers its jobs."""

    def __init__(self, *, fail: Callable[[ListenJob], bool] = lambda _: False) -> None:
        self.jobs: list[ListenJob] = []
        self._fail = fail

    async def info(self) -> EngineInfo:
        return EngineInfo("counting", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64)

    async def transcribe(self, job: ListenJob) -> Transcript:
        self.jobs.append(job)
        await asyncio.sleep(0)
        if self._fail(job):
            raise EngineFailed("scripted failure")
        ms = len(job.pcm) // 32
        return Transcript((HeardSegment(f"{ms} ms{' of sound' * (ms // 500)}", 0, ms),), "en", None, engine_ms=1.0)


class WatchedVoice(ScriptedVoiceActivity):
    """Counts streams that are open."""

    def __init__(self) -> None:
        super().__init__(VoiceScript())
        self.num_open = 0

    async def open(self) -> ScriptedVoiceStream:
        self.num_open += 1
        stream = await super().open()
        close = stream.close

        async def closing() -> None:
            self.num_open -= 1
            await close()

        stream.close = closing  # type: ignore[method-assign]
        return stream


def session(events: Events, transcriber: object = None, **changes: object) -> ListeningSession:
    found = transcriber or ScriptedTranscriber(ListenScript(answers=("one", "two", "three")))
    return ListeningSession(
        found, WatchedVoice(), listen_settings(**({"partial_interval_ms": 0} | changes)), events.emit
    )


async def feed(found: ListeningSession, pcm: bytes, *, piece_ms: int = 40) -> None:
    for start in range(0, len(pcm), piece_ms * 32):
        await found.take(pcm[start : start + piece_ms * 32])
        await asyncio.sleep(0)  # as a wait for the next message would, this lets a partial go on


async def test_each_flush_gives_one_final_in_order():
    events = Events()
    found = session(events)
    await feed(found, voice(600))
    await found.flush()
    await feed(found, voice(600))
    await found.finish()
    finals = events.of(FinalHeard)
    assert [(final.utterance_index, final.text) for final in finals] == [(0, "one"), (1, "two")]
    assert [(final.start_ms, final.end_ms) for final in finals] == [(0, 600), (600, 1200)]


async def test_silence_gives_an_empty_final_and_no_run_of_the_model():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber)
    await feed(found, silence(3000))
    final = await found.flush()
    assert (final.text, final.has_speech) == ("", False)
    assert transcriber.jobs == []
    assert not events.of(VoiceBegan)


async def test_finish_without_audio_gives_one_empty_final():
    events = Events()
    await session(events).finish()
    (final,) = events.of(FinalHeard)
    assert not final.has_speech


async def test_only_voice_with_padding_goes_to_the_model():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber)
    await feed(found, silence(5000) + voice(1000) + silence(5000))
    await found.finish()
    (job,) = transcriber.jobs
    assert 1300 <= len(job.pcm) // 32 <= 1700
    (final,) = events.of(FinalHeard)
    assert 4600 <= final.segments[0].start_ms <= 4750


async def test_voice_activity_ends_utterances_by_itself():
    events = Events()
    found = session(events, is_automatic=True, silence_ms=300)
    await feed(found, voice(800) + silence(700) + voice(800) + silence(700))
    await found.finish()
    kinds = [type(event) for event in events]
    assert kinds == [VoiceBegan, VoiceStopped, FinalHeard] * 2
    assert [final.text for final in events.of(FinalHeard)] == ["one", "two"]


async def test_speech_until_the_end_is_ended_by_finish():
    events = Events()
    found = session(events, is_automatic=True)
    await feed(found, voice(800))
    await found.finish()
    assert [type(event) for event in events] == [VoiceBegan, VoiceStopped, FinalHeard]


async def test_ten_minutes_of_voice_are_written_down_in_pieces_and_stay_bounded():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber)
    longest_ms = most_scores = 0.0
    second = voice(1000)
    for _ in range(600):
        await found.take(second)
        longest_ms = max(longest_ms, found._stretch.length_ms)
        most_scores = max(most_scores, len(found._gate.scores))
    await found.finish()
    assert longest_ms <= 30_000
    assert most_scores <= 1_000
    assert max(len(job.pcm) for job in transcriber.jobs) <= 30_000 * 32
    assert sum(len(job.pcm) for job in transcriber.jobs) == 600 * len(second), "no sample is lost or heard twice"
    (final,) = events.of(FinalHeard)
    assert len(final.segments) == len(transcriber.jobs)
    assert final.end_ms == 600_000


async def test_ten_minutes_of_silence_keep_nothing():
    found = session(Events())
    for _ in range(600):
        await found.take(silence(1000))
        assert found._stretch.length_ms < 2_000
        assert len(found._gate.scores) < 2_000


@pytest.mark.parametrize(
    ("interval_ms", "spoken_ms", "num_pieces"), [(0, 23_000, 2), (0, 16_000, 1), (60_000, 16_000, 2)]
)
async def test_a_long_pause_is_a_welcome_place_to_cut_sooner_where_somebody_reads_along(
    interval_ms, spoken_ms, num_pieces
):
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber, partial_interval_ms=interval_ms)
    await feed(found, voice(spoken_ms) + silence(700) + voice(5_000))
    await found.finish()
    assert len([job for job in transcriber.jobs if not job.is_partial]) == num_pieces
    assert len(events.of(FinalHeard)) == 1


async def test_each_piece_of_a_long_utterance_is_told_once_it_is_settled():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber, partial_interval_ms=60_000)
    for _ in range(90):
        await found.take(voice(1000))
    final = await found.finish()
    settled = [partial.text for partial in events.of(PartialHeard)]
    assert len(settled) == len(transcriber.jobs) - 1 == 3
    assert all(partial.num_settled_characters == len(partial.text) for partial in events.of(PartialHeard))
    assert all(final.text.startswith(text) for text in settled)
    assert settled == sorted(set(settled), key=len)


async def test_nothing_is_told_before_the_final_where_partials_are_off():
    events = Events()
    found = session(events, partial_interval_ms=0)
    await feed(found, voice(60_000), piece_ms=1000)
    await found.finish()
    assert not events.of(PartialHeard)


async def test_partials_say_more_and_more():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber, partial_interval_ms=1)
    for _ in range(10):
        await feed(found, voice(200))
        await asyncio.sleep(0.002)  # the cadence is of the wall clock
    await found.finish()
    partials = events.of(PartialHeard)
    assert len(partials) >= 3
    assert [partial.up_to_ms for partial in partials] == sorted(partial.up_to_ms for partial in partials)
    assert all(job.is_partial for job in transcriber.jobs[:-1])
    assert all(0 <= partial.stability <= 1 for partial in partials)


async def test_a_partial_that_heard_everything_is_the_final():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber, partial_interval_ms=60_000)
    await feed(found, voice(800) + silence(400))
    await events.until(PartialHeard)
    final = await found.flush()
    assert final.text == events.of(PartialHeard)[-1].text
    assert [job.is_partial for job in transcriber.jobs] == [True]
    await found.close()


async def test_a_clip_sent_at_once_is_written_down_once():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber)
    await feed(found, (voice(800) + silence(400)) * 5)
    await found.flush()
    assert [job.is_partial for job in transcriber.jobs] == [False]
    await found.close()


async def test_a_partial_that_missed_voice_is_not_the_final():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber, partial_interval_ms=60_000)
    await feed(found, voice(800) + silence(400))
    await events.until(PartialHeard)
    await feed(found, voice(800))
    final = await found.flush()
    assert not transcriber.jobs[-1].is_partial
    assert final.text != events.of(PartialHeard)[0].text
    await found.close()


async def test_clear_drops_the_audio_so_far_and_the_clock_goes_on():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber)
    await feed(found, voice(992))  # 31 windows
    found.clear()
    assert transcriber.jobs == []
    await feed(found, silence(500))
    final = await found.flush()
    assert (final.has_speech, final.start_ms, final.end_ms) == (False, 992, 1492)
    assert transcriber.jobs == []


async def test_silence_after_a_flush_in_the_middle_of_speech_is_not_given_to_the_model():
    events, transcriber = Events(), CountingTranscriber()
    found = session(events, transcriber)
    await feed(found, voice(960))  # 30 windows
    await found.flush()
    await feed(found, silence(960))
    await found.finish()
    assert [final.has_speech for final in events.of(FinalHeard)] == [True, False]
    assert len(transcriber.jobs) == 1


async def test_a_stream_over_the_limit_is_refused_with_the_limit():
    found = session(Events(), max_audio_ms=1500)
    await found.take(silence(1000))
    with pytest.raises(AudioTooLong, match=r"at most 1\.5 s"):
        await found.take(silence(1000))


async def test_a_failing_model_fails_the_flush_once():
    events = Events()
    found = session(events, CountingTranscriber(fail=lambda _: True))
    await feed(found, voice(500))
    with pytest.raises(EngineFailed):
        await found.flush()
    assert not events.of(FinalHeard)
    await found.close()


async def test_a_failed_partial_still_frees_the_voice_model():
    voices, events = WatchedVoice(), Events()
    transcriber = CountingTranscriber(fail=lambda job: job.is_partial)
    found = ListeningSession(transcriber, voices, listen_settings(partial_interval_ms=1), events.emit)
    await found.take(voice(400))
    for _ in range(3):
        await asyncio.sleep(0)
    await found.close()
    assert voices.num_open == 0
