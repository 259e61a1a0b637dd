"""The real live transcriber, where it was added: ``antiphon models add moonshine``."""

import asyncio

import numpy as np
import pytest

from antiphon_server.embedded import moonshine
from antiphon_server.embedded.moonshine import KEPT_SAMPLES, WINDOW_SAMPLES, quietest_sample
from antiphon_server.embedded.moonshine_model import read_vocabulary
from antiphon_server.engine.protocol import LISTENING_RATE_HZ
from antiphon_server.errors import InvalidField, ModelNotInstalled, Overloaded
from support.added import ADDED_MODELS, needs_moonshine
from support.recordings import recording, recordings
from support.speech import word_error_rate

PUSH_BYTES = LISTENING_RATE_HZ * 7 // 10 * 2
AGENT = "agent-alreadyon"


@pytest.fixture(scope="module")
def live():
    needs_moonshine()
    return asyncio.run(moonshine.create({"cache_dir": str(ADDED_MODELS), "max_streams": 4}))


async def texts_of(live, pcm: bytes) -> list[str]:
    transcript = await live.open("en")
    texts = [await transcript.push(pcm[at : at + PUSH_BYTES]) for at in range(0, len(pcm), PUSH_BYTES)]
    await transcript.close()
    return texts


async def test_words_of_a_real_speaker_are_written_while_they_are_spoken(live):
    spoken = recordings("en", 2, max_seconds=4)
    written = [await texts_of(live, each.pcm) for each in spoken]
    assert word_error_rate([each.text for each in spoken], [texts[-1] for texts in written]) < 0.2
    assert all(any(texts[:-1]) for texts in written)
    info = await live.info()
    assert (info.languages, info.license) == (("en",), "MIT")
    assert info.first_output_ms > 0


async def test_two_utterances_at_once_are_kept_apart(live):
    pcm = recording("en", AGENT)[: 3 * PUSH_BYTES]
    alone = await texts_of(live, pcm)
    both = await asyncio.gather(texts_of(live, pcm), texts_of(live, pcm[PUSH_BYTES:]))
    assert both[0] == alone
    assert both[1] != alone


def test_a_draft_changes_no_token(live):
    samples = np.frombuffer(recording("en", AGENT), "<i2").astype(np.float32) / 32768.0
    model = live._model
    alone = model.listen(samples, [], lambda: None)
    half = model.listen(samples[: len(samples) // 2], [], lambda: None)
    assert alone[: len(half)] != half
    for draft in (half, alone, [*alone, 5, 6], [7], [*alone[:3], 7, *alone[4:]]):
        assert model.listen(samples, draft, lambda: None) == alone


async def test_silence_and_its_first_moments_have_no_words(live):
    transcript = await live.open("en")
    assert await transcript.push(b"\x00\x10" * 3000) == ""
    await transcript.close()
    assert set(await texts_of(live, bytes(LISTENING_RATE_HZ * 8))) == {""}


async def test_silence_after_the_last_word_changes_none(live):
    pcm = recording("en", AGENT)
    transcript = await live.open("en")
    before = await transcript.push(pcm)
    for _ in range(3):
        assert await transcript.push(bytes(PUSH_BYTES)) == before
    await transcript.close()


async def test_a_long_utterance_takes_no_more_memory_and_keeps_the_words_of_its_start(live):
    spoken = [each for each in recordings("en", 40, max_seconds=4) if each.seconds > 2][:6]
    transcript = await live.open("en")
    texts = [await transcript.push(each.pcm) for each in spoken]
    assert len(transcript._samples) <= WINDOW_SAMPLES
    assert word_error_rate(" ".join(each.text for each in spoken), texts[-1]) < 0.35
    assert texts[-1].startswith(" ".join(texts[3].split()[:4]))
    await transcript.close()
    assert len(transcript._samples) == 0


async def test_a_cancelled_push_loses_no_sound(live):
    pcm = recording("en", AGENT)
    transcript = await live.open("en")
    pushing = asyncio.create_task(transcript.push(pcm[: PUSH_BYTES * 4]))
    await asyncio.sleep(0.02)
    pushing.cancel()
    await asyncio.wait({pushing})
    assert word_error_rate((await texts_of(live, pcm))[-1], await transcript.push(pcm[PUSH_BYTES * 4 :])) < 0.2
    await transcript.close()


async def test_what_it_cannot_write_is_refused_with_the_limit(live):
    with pytest.raises(InvalidField, match="language must be en, not 'de'"):
        await live.open("de")
    held = [await live.open("en") for _ in range(4)]
    with pytest.raises(Overloaded):
        await live.open("en")
    with pytest.raises(InvalidField, match="odd number of bytes: 3"):
        await held[0].push(b"abc")
    for transcript in held:
        await transcript.close()
        await transcript.close()
    with pytest.raises(InvalidField, match="closed"):
        await held[0].push(b"ab")
    await (await live.open("en")).close()


def test_a_window_is_cut_where_it_is_quietest_and_never_near_its_edges():
    samples = np.full(WINDOW_SAMPLES, 0.5, np.float32)
    samples[: LISTENING_RATE_HZ // 2] = samples[-LISTENING_RATE_HZ // 2 :] = 0.0
    samples[80_000:83_200] = 0.001
    assert 80_000 <= quietest_sample(samples) <= 83_200
    assert KEPT_SAMPLES <= quietest_sample(np.full(WINDOW_SAMPLES, 0.5, np.float32)) <= WINDOW_SAMPLES - KEPT_SAMPLES


def test_a_vocabulary_is_read_token_by_token():
    assert read_vocabulary(b"\x01a\x00\x02bc" + bytes([130, 1]) + b"d" * 130) == [b"a", b"", b"bc", b"d" * 130]


async def test_a_model_that_was_not_added_says_how_to_add_it(tmp_path):
    with pytest.raises(ModelNotInstalled, match="run: antiphon models add moonshine"):
        await moonshine.create({"cache_dir": str(tmp_path)})
    (tmp_path / "moonshine-tiny-en").mkdir()
    with pytest.raises(ModelNotInstalled, match=r"encoder_model\.ort of moonshine is missing"):
        await moonshine.create({"cache_dir": str(tmp_path)})
