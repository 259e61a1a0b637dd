"""What the engines say is understood, by each other and from a real person."""

import pytest

from antiphon_server.engine.protocol import ListenJob, SpeechChunk, SpeechJob
from support.speech import allison_recordings, resampled, word_error_rate

pytestmark = [pytest.mark.models, pytest.mark.timeout(400)]

SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "Please leave your name and number after the tone.",
    "We will arrive at the station at half past seven tomorrow morning.",
    "Her brother bought three oranges and a loaf of bread.",
    "Can you tell me where the nearest library is?",
    "The weather in the mountains changes very quickly.",
    "I would rather walk than wait for the bus.",
    "Nobody expected the meeting to last until midnight.",
    "The total comes to $42.50, including tax.",
    "On March 3rd, 2024, the museum opened its new wing.",
    "Don't forget to water the plants while I am away!",
    "Several scientists have confirmed the results of the experiment.",
    "The old bridge was closed for repairs last winter.",
    "What a wonderful surprise to see you here!",
    "He carefully placed the glass on the wooden table.",
    "Our flight was delayed because of heavy snow.",
    "Music and mathematics have more in common than people think.",
    "Turn left at the second traffic light, then go straight.",
    "The children laughed as the puppy chased its own tail.",
    "If you have any questions, feel free to ask me later.",
]
WIDEST_SPOKEN_RATE = 0.03
WIDEST_RECORDED_RATE = 0.05


async def written(transcriber, pcm):
    return (await transcriber.transcribe(ListenJob(pcm=pcm, language="en"))).text


async def spoken(synthesizer, text, voice):
    job = SpeechJob(text=text, voice=voice, sequence="s", seed=1)
    pcm = b"".join([item.pcm async for item in synthesizer.speak(job) if isinstance(item, SpeechChunk)])
    return resampled(pcm, 24_000)


async def test_spoken_sentences_are_understood(synthesizer, transcriber):
    heard = [await written(transcriber, await spoken(synthesizer, text, "heart")) for text in SENTENCES]
    rate = word_error_rate(SENTENCES, heard)
    print(f"word error rate {rate:.4f}")
    assert rate <= WIDEST_SPOKEN_RATE, [pair for pair in zip(SENTENCES, heard, strict=True) if word_error_rate(*pair)]


async def test_every_variant_is_understood(synthesizer, transcriber):
    voices = [voice.id for voice in (await synthesizer.info()).voices if voice.is_variant]
    texts = [SENTENCES[index] for index in range(len(voices))]
    heard = [await written(transcriber, await spoken(synthesizer, *pair)) for pair in zip(texts, voices, strict=True)]
    assert word_error_rate(texts, heard) <= WIDEST_RECORDED_RATE, heard


async def test_recordings_of_a_person_are_understood(transcriber):
    recordings = allison_recordings()
    heard = [await written(transcriber, recording.pcm) for recording in recordings]
    rate = word_error_rate([recording.text for recording in recordings], heard)
    print(f"word error rate {rate:.4f}")
    assert rate <= WIDEST_RECORDED_RATE
