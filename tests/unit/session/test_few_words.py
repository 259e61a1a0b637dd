"""A model that writes hardly anything of much voice: it is asked again, and what is still missing is told."""

from antiphon_server.engine.protocol import EngineInfo, HeardSegment, LeftOut, ListenJob, Transcript
from support.sessions import heard, silence, voice

SPOKEN = "Nine words are what somebody says in three seconds."


class Sparing:
    """Writes one text without times and another with them."""

    def __init__(self, without: str, with_times: str, left_out: tuple[LeftOut, ...] = ()) -> None:
        self.texts = {False: without, True: with_times}
        self.left_out = left_out
        self.jobs: list[ListenJob] = []

    async def info(self) -> EngineInfo:
        return EngineInfo("sparing", "0" * 64, "us", "MIT", ("en",), 9)

    async def transcribe(self, job: ListenJob) -> Transcript:
        self.jobs.append(job)
        text = self.texts[job.segment_times]
        segments = (HeardSegment(text, 0, len(job.pcm) // 32),) if text else ()
        return Transcript(segments, "en", None, engine_ms=1.0, left_out=self.left_out)


async def test_hardly_a_word_of_much_voice_is_asked_for_again_with_times():
    model = Sparing("Oh.", SPOKEN)
    final, notices = await heard(model, voice(8_000))
    assert (final.text, notices) == (SPOKEN, [])
    assert [job.segment_times for job in model.jobs] == [False, True]


async def test_what_is_still_missing_is_told_and_reported():
    final, [notice] = await heard(Sparing("Oh.", ""), voice(8_000) + silence(500))
    assert final.text == "Oh."
    assert "hardly a word of much voice" in notice
    [check] = final.pieces[0].checks
    assert (check.name, check.limit, check.value < 0.5) == ("characters_per_s", 1.0, True)


async def test_a_short_word_and_enough_words_are_believed():
    for model, pcm in ((Sparing("Yes.", ""), voice(1_000)), (Sparing(SPOKEN, ""), voice(8_000))):
        final, notices = await heard(model, pcm)
        assert final.text
        assert not notices
        assert len(model.jobs) == 1


async def test_pauses_are_no_voice():
    model = Sparing("Yes. No.", "")
    _, notices = await heard(model, voice(1_500) + silence(2_500) + voice(1_500) + silence(2_500) + voice(1_000))
    assert not notices


async def test_what_the_model_left_out_itself_is_not_asked_for_again():
    model = Sparing("", "", (LeftOut(0, 8_000, "NO_SPEECH"),))
    _, [notice] = await heard(model, voice(8_000))
    assert "no speech" in notice
    assert len(model.jobs) == 1
