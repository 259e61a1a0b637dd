"""Partials by a model that listens along, and what happens without it."""

import asyncio
import math
import time

import pytest

from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.errors import EngineFailed
from antiphon_server.session import cadence
from antiphon_server.session.events import FinalHeard, Notice, PartialHeard
from antiphon_server.session.listening import ListeningSession
from support.scripted import ListenScript, ScriptedTranscriber, ScriptedVoiceActivity, VoiceScript
from support.sessions import Events, listen_settings, silence, voice


class Along:
    """Says how many milliseconds it was given; fails at a push or when asked what it is."""

    def __init__(self, *, fail_at: int = -1, has_info: bool = True) -> None:
        self.opened: list[str] = []
        self.num_open = self.num_pushes = 0
        self.pushed_ms: list[int] = []
        self._fail_at, self._has_info = fail_at, has_info

    async def info(self) -> EngineInfo:
        if not self._has_info:
            raise EngineFailed("scripted failure")
        return EngineInfo("along", "0" * 64, "antiphon", "Apache-2.0", ("en",), 64)

    async def open(self, language: str) -> "AlongTranscript":
        self.opened.append(language)
        self.num_open += 1
        self.pushed_ms.append(0)
        return AlongTranscript(self)

    def take(self, pcm: bytes) -> str:
        self.num_pushes += 1
        if self.num_pushes == self._fail_at:
            raise EngineFailed("scripted failure")
        self.pushed_ms[-1] += len(pcm) // 32
        return f"{self.pushed_ms[-1]} ms live"


class AlongTranscript:
    def __init__(self, engine: Along) -> None:
        self._engine = engine

    async def push(self, pcm: bytes) -> str:
        await asyncio.sleep(0)
        return self._engine.take(pcm)

    async def close(self) -> None:
        self._engine.num_open -= 1


def session(events: Events, live: Along, *answers: str, **changes: object) -> ListeningSession:
    settings = listen_settings(**({"partial_interval_ms": 1, "language": "en"} | changes))
    transcriber = ScriptedTranscriber(ListenScript(answers=answers or ("main",)))
    return ListeningSession(transcriber, ScriptedVoiceActivity(VoiceScript()), settings, events.emit, live)


async def feed(found: ListeningSession, pcm: bytes) -> None:
    for start in range(0, len(pcm), 3200):
        await found.take(pcm[start : start + 3200])
        await asyncio.sleep(0.002)


async def test_partials_are_the_live_models_and_the_final_is_not():
    events, live = Events(), Along()
    found = session(events, live)
    await feed(found, silence(960) + voice(800) + silence(600) + voice(600))
    await found.finish()
    texts = [heard.text for heard in events.of(PartialHeard)]
    assert len(texts) > 5
    assert all(text.endswith("ms live") for text in texts)
    assert [heard.num_settled_characters for heard in events.of(PartialHeard)] == [0] * len(texts)
    assert events.of(FinalHeard)[0].text == "main"
    assert (live.opened, live.num_open) == (["en"], 0)


async def test_the_live_model_hears_all_audio_once_from_just_before_the_first_voice():
    events, live = Events(), Along()
    found = session(events, live)
    await feed(found, silence(960) + voice(1_000) + silence(400))
    (heard_ms,) = live.pushed_ms
    assert 1_600 <= heard_ms <= 1_700
    assert events.of(PartialHeard)[-1].up_to_ms == pytest.approx(960 + 1_000 + 400, abs=100)
    await found.close()


async def test_every_utterance_is_opened_anew():
    events, live = Events(), Along()
    found = session(events, live)
    await feed(found, voice(500))
    await found.flush()
    await feed(found, voice(500))
    await found.finish()
    assert live.opened == ["en", "en"]
    assert max(live.pushed_ms) <= 500
    assert live.num_open == 0


@pytest.mark.parametrize("changes", [{"language": "fr"}, {"is_translation": True}, {"partial_interval_ms": 0}])
async def test_the_live_model_is_not_asked_for_what_it_cannot_do(changes):
    live = Along()
    found = session(Events(), live, **changes)
    await feed(found, voice(600))
    await found.finish()
    assert live.opened == []


async def test_without_a_language_it_listens_once_its_own_was_heard():
    events, live = Events(), Along()
    found = session(events, live, language="")
    await feed(found, voice(600))
    texts = [heard.text for heard in events.of(PartialHeard)]
    assert texts[0] == "main"
    assert texts[-1].endswith("ms live")
    assert set(live.opened) == {"en"}
    await found.close()
    assert live.num_open == 0


@pytest.mark.parametrize("live", [Along(fail_at=3), Along(has_info=False)], ids=["push", "info"])
async def test_if_it_fails_the_main_model_goes_on_and_one_notice_says_so(live, monkeypatch):
    monkeypatch.setattr(cadence, "_MUCH", math.inf)  # the machine may be slow
    events = Events()
    found = session(events, live)
    await feed(found, voice(2_000))
    await found.flush()
    await feed(found, voice(600))
    await found.finish()
    assert [notice.code for notice in events.of(Notice)] == ["SUBSTITUTED"]
    assert events.of(PartialHeard)[-1].text == "main"
    assert [final.text for final in events.of(FinalHeard)] == ["main", "main"]
    assert live.num_open == 0


async def test_partials_say_how_long_after_the_one_before_they_come():
    events = Events()
    found = session(events, Along(), partial_interval_ms=200)
    began_at = time.monotonic()
    await found.take(voice(300))
    for _ in range(2):
        await asyncio.sleep(0.25)
        await feed(found, voice(300))
    await found.close()
    first, *others = [heard.interval_ms for heard in events.of(PartialHeard)]
    assert first >= 240, "since the first voice"
    assert others
    assert first + sum(others) <= (time.monotonic() - began_at) * 1000 + len(others)
