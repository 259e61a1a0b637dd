"""What the server says is what it hears: sentences and recordings through both directions."""

import asyncio

import pytest

from support.calls import Stubs, calls_to
from support.recordings import recordings
from support.speech import word_error_rate

pytestmark = [pytest.mark.models, pytest.mark.timeout(300)]
SENTENCES = (
    "The quick brown fox jumps over the lazy dog.",
    "It was a bright cold day in April, and the clocks were striking thirteen.",
    "Please call me back before five o'clock this afternoon.",
    "She bought seven apples, two lemons and a loaf of bread.",
    "The train to London leaves from platform nine in ten minutes.",
    "I would like a table for four people near the window.",
    "Winter came early that year, and the lake was frozen by November.",
    "Can you tell me where the nearest hospital is?",
    "The doctor said that he should rest for at least a week.",
    "We need to finish the report before the meeting on Monday.",
    "My brother plays the piano, and my sister plays the violin.",
    "Turn left at the church and walk straight on to the river.",
    "The museum is closed on Tuesdays, but the garden is always open.",
    "He opened the letter slowly and read every word twice.",
    "Don't forget to water the plants while I am away.",
    "A strong wind blew the old tree across the road last night.",
    "The teacher asked the children to draw a picture of their house.",
    "Fresh coffee and warm bread are waiting in the kitchen.",
    "They have lived in this small village for more than thirty years.",
    "Thank you very much for your help, it was a pleasure to meet you.",
)
AT_ONCE = 2
PAUSE = bytes(16_000)
MAX_CLIP_BYTES = 20 * 32_000
"""Whisper listens to half a minute at a time however little was said: several short clips are as much work as one."""


def joined(clips: list[bytes]) -> list[bytes]:
    """Put short clips of 16 000 Hz behind each other, half a second apart, up to 20 s."""
    found = [b""]
    for pcm in clips:
        if found[-1] and len(found[-1]) + len(pcm) > MAX_CLIP_BYTES:
            found.append(b"")
        found[-1] += pcm + PAUSE
    return found


async def in_turn(stubs: Stubs, clips: list[bytes]) -> list[str]:
    """Transcribe clips, a few at once."""
    places = asyncio.Semaphore(AT_ONCE)

    async def one(pcm: bytes) -> str:
        async with places:
            return await stubs.write_down(pcm, language="en")

    return list(await asyncio.gather(*map(one, clips)))


async def test_twenty_sentences_come_back_as_they_were_sent(server):
    async with calls_to(server) as stubs:
        clips = [await stubs.pcm(text, sampling={"seed": 5}) for text in SENTENCES]
        heard = await in_turn(stubs, joined(clips))
    assert word_error_rate(" ".join(SENTENCES), " ".join(heard)) <= 0.03, heard


async def test_sixty_recordings_of_a_person_are_understood(server):
    sixty = recordings("en", 60)
    async with calls_to(server) as stubs:
        heard = await in_turn(stubs, joined([recording.pcm for recording in sixty]))
    assert word_error_rate(" ".join(recording.text for recording in sixty), " ".join(heard)) <= 0.05, heard
