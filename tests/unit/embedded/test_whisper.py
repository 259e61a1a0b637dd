import asyncio
import itertools
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from antiphon_server.embedded import whisper
from antiphon_server.embedded.weights import WHISPER_JOINED_SHA256
from antiphon_server.embedded.whisper import _heard
from antiphon_server.embedded.whisper_languages import whisper_code
from antiphon_server.engine.protocol import ListenJob, SpeechChunk, SpeechJob
from antiphon_server.errors import InvalidField
from support.speech import resampled, word_error_rate

pytestmark = pytest.mark.models

FOX = "The quick brown fox jumps over the lazy dog."


@pytest.fixture(scope="module")
def fox(synthesizer):
    return asyncio.run(pcm_of(synthesizer, FOX))


async def pcm_of(synthesizer, text):
    job = SpeechJob(text=text, voice="heart", sequence="s")
    pcm = b"".join([item.pcm async for item in synthesizer.speak(job) if isinstance(item, SpeechChunk)])
    return resampled(pcm, 24_000)


async def test_speech_is_written_down_with_its_language(transcriber, fox):
    heard = await transcriber.transcribe(ListenJob(pcm=fox))
    assert word_error_rate(FOX, heard.text) == 0
    assert heard.language == "en"
    assert heard.language_confidence is not None
    assert 0.5 < heard.language_confidence <= 1
    assert heard.engine_ms > 0


async def test_only_what_cannot_become_a_final_is_heard_from_a_short_window(transcriber, fox, monkeypatch):
    encode, lengths = transcriber._model.encode, []
    monkeypatch.setattr(transcriber._model, "encode", lambda f: lengths.append(f.shape[-1]) or encode(f))
    job = ListenJob(pcm=fox, language="en")
    drafts = {"is_partial": True}, {"is_partial": True, "is_likely_final": True}, {}, {"word_times": True}
    texts = [(await transcriber.transcribe(replace(job, **changes))).text for changes in drafts]
    assert lengths == [1_500, 3_000, 3_000, 3_000]
    assert [word_error_rate(FOX, text) for text in texts] == [0, 0, 0, 0]


async def test_words_have_rising_times_inside_the_audio(transcriber, fox):
    heard = await transcriber.transcribe(ListenJob(pcm=fox, language="en-US", word_times=True))
    words = [word for segment in heard.segments for word in segment.words]
    times = [time for word in words for time in (word.start_ms, word.end_ms)]
    assert len(words) == 9
    assert times == sorted(times)
    assert times[-1] <= len(fox) / 32 + 100
    assert heard.language_confidence is None


async def test_segments_can_be_as_short_as_sentences(transcriber, synthesizer):
    pcm = b"".join([await pcm_of(synthesizer, text) + bytes(32_000) for text in (FOX, "Where is the railway station?")])
    (whole,) = (await transcriber.transcribe(ListenJob(pcm=pcm, language="en"))).segments
    timed = (await transcriber.transcribe(ListenJob(pcm=pcm, language="en", segment_times=True))).segments
    assert len(timed) >= 2
    assert all(one.end_ms <= other.start_ms for one, other in itertools.pairwise(timed))
    assert not any(segment.words for segment in timed)
    assert word_error_rate(whole.text, " ".join(segment.text for segment in timed)) <= 0.1


def test_times_are_never_behind_the_end_of_the_audio():
    word = SimpleNamespace(word=" fox", start=1.5, end=2.5, probability=0.5)
    known = dict.fromkeys(("avg_logprob", "no_speech_prob", "compression_ratio", "temperature"), 0.0)
    heard = _heard(SimpleNamespace(text=" A fox", start=1.0, end=2.4, words=[word], tokens=[1], **known), 2000)
    assert (heard.start_ms, heard.end_ms) == (1000, 2000)
    assert (heard.words[0].text, heard.words[0].start_ms, heard.words[0].end_ms) == ("fox", 1500, 2000)


LONG = (
    "The quick brown fox jumps over the lazy dog.",
    "Please leave your name and number after the tone, and we will call you back as soon as we can.",
    "Her brother bought three oranges, a loaf of bread and a bottle of milk at the corner shop.",
    "The weather in the mountains changes very quickly, so take a warm coat and good boots with you.",
    "Several scientists have confirmed the results of the experiment in laboratories around the world.",
    "If you have any questions about the journey, feel free to ask me later this afternoon.",
    "The old bridge was closed for repairs last winter and opened again in the spring.",
)


async def test_audio_longer_than_the_window_is_heard_to_its_end(transcriber, synthesizer):
    pcm = b"".join([await pcm_of(synthesizer, text) + bytes(9600) for text in LONG])
    heard = await transcriber.transcribe(ListenJob(pcm=pcm, language="en"))
    assert len(pcm) / 32_000 > 31
    assert word_error_rate(" ".join(LONG), heard.text) <= 0.05
    times = [time for segment in heard.segments for time in (segment.start_ms, segment.end_ms)]
    assert len(times) > 4
    assert times == sorted(times)
    assert times[-1] <= len(pcm) / 32 + 100


NOISE = (np.random.default_rng(1).standard_normal(48_000) * 4).astype("<i2").tobytes()


@pytest.mark.parametrize("pcm", [b"", bytes(800), bytes(64_000), NOISE], ids=["none", "short", "zeros", "noise"])
async def test_silence_gives_empty_text_without_the_model(transcriber, pcm):
    heard = await transcriber.transcribe(ListenJob(pcm=pcm))
    assert heard.text == ""
    assert heard.engine_ms == 0


@pytest.mark.parametrize(("language", "near"), [("xx", "near: "), ("englich", "en"), ("yue", "near: ")])
async def test_unknown_language_names_near_ones(transcriber, language, near):
    with pytest.raises(InvalidField, match=near) as caught:
        await transcriber.transcribe(ListenJob(pcm=bytes(64_000), language=language))
    assert caught.value.field == "language"


def test_language_tags_are_read_as_bcp_47():
    known = ["en", "no", "jw", "zh", "he"]
    tags = ["en-US", "EN_gb", "nb-NO", "jv", "zh-Hant-TW", "iw", ""]
    assert [whisper_code(tag, known) for tag in tags] == ["en", "en", "no", "jw", "zh", "he", ""]


async def test_half_a_sample_is_refused(transcriber):
    with pytest.raises(InvalidField, match="odd number of bytes: 3201"):
        await transcriber.transcribe(ListenJob(pcm=bytes(3201)))


async def test_prompt_and_key_words_steer_spelling(transcriber, synthesizer):
    pcm = await pcm_of(synthesizer, "I met Kathryn Smythe at the harbor.")
    heard = await transcriber.transcribe(ListenJob(pcm=pcm, language="en", key_words=("Kathryn Smythe",)))
    prompted = await transcriber.transcribe(ListenJob(pcm=pcm, language="en", prompt="A story of Kathryn Smythe."))
    assert "Kathryn Smythe" in heard.text
    assert "Kathryn Smythe" in prompted.text


async def test_a_transcript_is_the_same_alone_and_in_company(transcriber, synthesizer, fox, monkeypatch):
    monkeypatch.setattr(whisper, "BRIEF_SAMPLES", 0)  # all have company
    clips = [fox, *[await pcm_of(synthesizer, text) for text in LONG[2:3]]]
    jobs = [ListenJob(pcm=pcm, language="en") for pcm in clips]
    alone = [await transcriber.transcribe(job) for job in jobs]
    together = await asyncio.gather(*map(transcriber.transcribe, jobs))
    assert len({heard.text for heard in alone}) == 2
    assert [heard.segments for heard in together] == [heard.segments for heard in alone]


async def test_key_words_reach_the_model_beside_a_prompt_that_is_too_long(transcriber, synthesizer):
    pcm = await pcm_of(synthesizer, "I met Kathryn Smythe at the harbor.")
    job = ListenJob(pcm=pcm, language="en", prompt="We spoke of ships. " * 80, key_words=("Kathryn Smythe",))
    heard = await transcriber.transcribe(job)
    assert "Kathryn Smythe" in heard.text
    (check,) = [check for check in heard.checks if check.name == "prompt_tokens"]
    assert check.value > check.limit == 223


async def test_a_final_overtakes_queued_and_running_partials(transcriber, fox):
    ended = []

    async def listen(name, *, is_partial):
        await transcriber.transcribe(ListenJob(pcm=fox, language="en", is_partial=is_partial))
        ended.append(name)

    partials = [asyncio.create_task(listen(f"partial {index}", is_partial=True)) for index in range(2)]
    await asyncio.sleep(0)
    await asyncio.gather(listen("final", is_partial=False), *partials)
    assert ended[0] == "final"


async def test_a_cancelled_job_leaves_the_engine_free(transcriber, fox):
    doomed = asyncio.create_task(transcriber.transcribe(ListenJob(pcm=fox * 10, language="en")))
    await asyncio.sleep(0)
    doomed.cancel()
    with pytest.raises(asyncio.CancelledError):
        await doomed
    assert word_error_rate(FOX, (await transcriber.transcribe(ListenJob(pcm=fox, language="en"))).text) == 0


async def test_base_from_the_wheels_is_the_default_and_lists_the_languages_it_takes(transcriber):
    info = await transcriber.info()
    assert (info.model, info.revision) == ("whisper-base", WHISPER_JOINED_SHA256)
    assert len(info.languages) == 99
    assert {"en", "de", "zh", "jv"} <= set(info.languages)
    assert info.supports_translation
    assert info.supports_word_times
    assert info.first_output_ms > 0
