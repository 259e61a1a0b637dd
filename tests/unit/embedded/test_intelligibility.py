"""Every voice is understood; the natural one and real people are measured end to end."""

import pytest

from antiphon_server.engine.protocol import ListenJob, SpeechChunk, SpeechJob
from support.speech import resampled, word_error_rate

pytestmark = pytest.mark.models

SENTENCES = [
    "Please leave your name and number after the tone.",
    "We will arrive at the station at half past seven tomorrow morning.",
    "Her brother bought three oranges and a loaf of bread.",
    "Can you tell me where the nearest library is?",
    "The weather in the mountains changes very quickly.",
    "I would rather walk than wait for the bus.",
    "Nobody expected the meeting to last until midnight.",
    "The total comes to $42.50, including tax.",
    "The old bridge was closed for repairs last winter.",
]
WIDEST_RATE = 0.05


async def spoken(synthesizer, text, voice):
    job = SpeechJob(text=text, voice=voice, sequence="s", seed=1)
    pcm = b"".join([item.pcm async for item in synthesizer.speak(job) if isinstance(item, SpeechChunk)])
    return resampled(pcm, 24_000)


async def written(transcriber, clips):
    """Transcribe clips a second apart in one run of the model, which costs the same for any length up to 30 s."""
    pause = bytes(32_000)
    return (await transcriber.transcribe(ListenJob(pcm=pause.join(clips), language="en"))).text


async def test_every_variant_is_understood(synthesizer, transcriber):
    voices = [voice.id for voice in (await synthesizer.info()).voices if voice.is_variant]
    texts = [SENTENCES[index % len(SENTENCES)] for index in range(len(voices))]
    clips = [await spoken(synthesizer, *pair) for pair in zip(texts, voices, strict=True)]
    for some in (slice(0, 5), slice(5, None)):
        heard = await written(transcriber, clips[some])
        assert word_error_rate([" ".join(texts[some])], [heard]) <= WIDEST_RATE, heard
