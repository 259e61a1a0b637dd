"""Text of which nothing can be spoken: an error where it is all there is, and told as left out among others."""

import asyncio
from collections.abc import AsyncGenerator

import pytest

from antiphon_server.audio.format import Encoding, Format
from antiphon_server.engine.protocol import SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.errors import InvalidField, TextEmpty, TextTooLong
from antiphon_server.session.events import AudioOut, Notice, UtteranceBegan, UtteranceEnded
from antiphon_server.session.speaking import SpeechSession
from support.sessions import RATE_HZ, EchoSynthesizer, Events, speech_settings, spoken


class MuteSynthesizer(EchoSynthesizer):
    """Reads nothing of what it is given, or ends for another reason before its first sound."""

    def __init__(self, reason: str = "STOP", *, counts_dropped: bool = True) -> None:
        super().__init__()
        self._reason = reason
        self._counts_dropped = counts_dropped and reason == "STOP"

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        yield SpeechEnd(self._reason, engine_ms=1.0, characters_dropped=len(job.text) * self._counts_dropped)


@pytest.mark.parametrize(
    "parts",
    [
        [" "],
        ["\n", "\t"],
        ["..."],
        ["!?\n😀"],
        ["===="],
        ["<|"],
        ["<|prosody:pause|>"],
        ["<|emotion:awe|>"],
        ["<|emotion:awe|>", "\f"],
    ],
)
async def test_text_with_nothing_to_speak_is_an_error_and_nothing_else(parts):
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    for part in parts:
        await (session.flush() if part == "\f" else session.add_text(part))
    await session.finish()
    with pytest.raises(TextEmpty) as caught:
        await running
    assert caught.value.field == "text"
    assert events == []


@pytest.mark.parametrize("text", ["%", "#", "&", "@", "...\n%"])
async def test_a_sign_with_a_name_is_speech_and_the_call_ends_well(text):
    events = await spoken([text])
    (ended,) = events.of(UtteranceEnded)
    assert (ended.finish_reason, ended.num_samples > 0) == ("STOP", True)
    assert events.of(Notice) == []


@pytest.mark.parametrize(
    "parts", [["Hello.", "\f", "😀 !!!\n😀", "\f", "World."], ["Hello.", "\f", "World.", "\f", "😀"]]
)
async def test_an_utterance_without_speech_among_others_is_told_as_left_out(parts):
    events = await spoken(parts)
    told = [event for event in events if not isinstance(event, AudioOut)]
    (notice,) = events.of(Notice)
    silent = events.of(UtteranceEnded)[parts.index(next(part for part in parts if "😀" in part)) // 2]
    assert (notice.code, notice.field) == ("TEXT_NOT_SPOKEN", "text")
    assert told.index(UtteranceBegan(silent.utterance_id)) + 1 == told.index(notice) == told.index(silent) - 1
    assert (silent.num_samples, silent.num_characters) == (0, 0)


async def test_an_utterance_without_speech_that_a_flush_ends_is_told_at_once_and_no_error_follows():
    events = Events()
    session = SpeechSession(EchoSynthesizer(), speech_settings(), events.emit)
    running = asyncio.create_task(session.run())
    await session.add_text("!? 😀")
    await session.flush()
    await events.until(UtteranceEnded)
    await session.finish()
    await running
    assert [type(event) for event in events] == [UtteranceBegan, Notice, UtteranceEnded]


async def test_a_lone_pause_among_others_is_exact_silence_and_nothing_was_left_out():
    events = await spoken(["Hello.", "\f", "<|prosody:pause|>", "\f", "World."])
    assert events.audio("u2") == bytes(RATE_HZ * 550 // 1000 * 2)
    assert events.of(Notice) == []


async def test_text_that_is_no_speech_yet_waits_and_is_bounded():
    session = SpeechSession(EchoSynthesizer(), speech_settings(), Events().emit, max_pending_characters=100)
    with pytest.raises(TextTooLong, match="100 characters that cannot be spoken yet"):
        await session.add_text("!!!\n" * 50)


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.WAV, Encoding.MP3])
async def test_text_of_which_the_engine_speaks_nothing_is_an_error_without_a_file(encoding):
    events = Events()
    session = SpeechSession(MuteSynthesizer(), speech_settings(format=Format(encoding, RATE_HZ)), events.emit)
    await session.add_text("Hello.")
    await session.finish()
    with pytest.raises(TextEmpty) as caught:
        await session.run()
    assert caught.value.field == "text"
    assert events.of(AudioOut, UtteranceEnded) == []


@pytest.mark.parametrize(
    ("counts_dropped", "told"), [(True, "a script echo does not read"), (False, "made no sound of 1 ")]
)
async def test_text_of_which_the_engine_speaks_nothing_before_a_flush_is_told_as_left_out(counts_dropped, told):
    events = await spoken(["$", "\f"], synthesizer=MuteSynthesizer(counts_dropped=counts_dropped))
    assert [type(event) for event in events] == [UtteranceBegan, Notice, UtteranceEnded]
    assert (events[1].code, events[2].num_samples) == ("TEXT_NOT_SPOKEN", 0)
    assert told in events[1].message


async def test_a_limit_that_leaves_no_sound_is_named_and_not_the_text():
    session = SpeechSession(MuteSynthesizer("LENGTH"), speech_settings(max_new_tokens=7), Events().emit)
    await session.add_text("Hello.")
    await session.finish()
    with pytest.raises(InvalidField, match="before its first sound: it is 7") as caught:
        await session.run()
    assert caught.value.field == "config.sampling.max_new_tokens"
