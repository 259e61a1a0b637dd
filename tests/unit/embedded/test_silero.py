import numpy as np
import pytest

from antiphon_server.engine.protocol import SpeechChunk, SpeechJob
from antiphon_server.errors import InvalidField
from support.speech import resampled

pytestmark = pytest.mark.models


@pytest.fixture
async def speech(synthesizer):
    job = SpeechJob(text="Is anybody speaking in this room at the moment?", voice="heart", sequence="s")
    pcm = b"".join([item.pcm async for item in synthesizer.speak(job) if isinstance(item, SpeechChunk)])
    return resampled(pcm, 24_000)


async def test_speech_scores_high_and_silence_and_tones_low(voice_activity, speech):
    tone = (np.sin(np.arange(32_000) * (2 * np.pi * 440 / 16_000)) * 3000).astype("<i2").tobytes()
    noise = (np.random.default_rng(0).standard_normal(32_000) * 300).astype("<i2").tobytes()
    heard = await (await voice_activity.open()).score(speech)
    assert np.mean(np.array(heard) > 0.5) > 0.6
    for pcm in (bytes(64_000), tone, noise):
        scores = await (await voice_activity.open()).score(pcm)
        assert max(scores[10:]) < 0.5


async def test_scores_do_not_depend_on_how_the_sound_is_cut(voice_activity, speech):
    whole = await (await voice_activity.open()).score(speech)
    stream, scores = await voice_activity.open(), []
    for start in range(0, len(speech), 700):
        scores += await stream.score(speech[start : start + 700])
    await stream.close()
    assert scores == whole
    assert len(whole) == len(speech) // 1024


async def test_streams_do_not_hear_each_other(voice_activity, speech):
    alone = await (await voice_activity.open()).score(speech[:32_000])
    one, two = await voice_activity.open(), await voice_activity.open()
    scores = []
    for start in range(0, 32_000, 3200):
        scores += await one.score(speech[start : start + 3200])
        await two.score(bytes(3200))
    assert scores == alone[: len(scores)]


async def test_half_a_sample_is_refused(voice_activity):
    with pytest.raises(InvalidField, match="odd number of bytes: 3"):
        await (await voice_activity.open()).score(b"abc")
