"""A person's recordings fed as they are spoken: settled words stay, and they are the words of the final."""

import asyncio

import pytest

from antiphon_server.session.events import FinalHeard, PartialHeard
from antiphon_server.session.listening import ListeningSession
from support.recordings import Recording, recordings
from support.sessions import Events, listen_settings
from support.speech import word_error_rate

pytestmark = pytest.mark.models
STEP_MS = 100
PAUSE = bytes(350 * 32)
NAMES = ("from-unknown-caller", "privacy-incorrect", "vm-msgforwarded")


async def spoken_live(transcriber, voice_activity, pcm: bytes) -> Events:
    """Feed audio in real time, with a partial at every pause, and wait for it: the machine may be slow."""
    events = Events()
    settings = listen_settings(language="en", partial_interval_ms=60_000)
    found = ListeningSession(transcriber, voice_activity, settings, events.emit)
    for start in range(0, len(pcm), STEP_MS * 32):
        await found.take(pcm[start : start + STEP_MS * 32])
        await asyncio.sleep(STEP_MS / 1000)
        while found._scribe._under_way:
            await asyncio.sleep(0.01)
    await found.finish()
    return events


def joined(spoken: list[Recording]) -> tuple[str, bytes]:
    return " ".join(one.text for one in spoken), b"".join(one.pcm + PAUSE for one in spoken)


async def test_settled_words_stay_and_stand_in_the_final(transcriber, voice_activity):
    chosen = [one for one in recordings("en", 60) if one.name in NAMES]
    text, pcm = joined(chosen)
    events = await spoken_live(transcriber, voice_activity, pcm)
    (final,) = events.of(FinalHeard)
    settled = ""
    for heard in events.of(PartialHeard):
        assert heard.text.startswith(settled)
        settled = heard.text[: heard.num_settled_characters]
    assert settled, "words are settled while a person speaks"
    assert final.text.startswith(settled)
    assert word_error_rate(text, final.text) <= 0.1
