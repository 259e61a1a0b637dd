"""``/v1/audio/speech/stream`` with the real engine: files of their own, and cancellation in the middle."""

import asyncio
import io
import json

import aiohttp
import pytest
import soundfile

pytestmark = pytest.mark.models

LIMIT_S = 60.0
LONG = "This is one of many sentences that will not be heard to the end. " * 20


async def conversation(compat, *messages, until="session.done", on_audio=None):
    """Events and, by id, the audio between their start and end."""
    events, audio = [], {}
    async with (
        asyncio.timeout(LIMIT_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{compat.http_url}/v1/audio/speech/stream") as ws,
    ):
        for message in messages:
            await ws.send_json(message)
        while not events or events[-1]["type"] != until:
            message = await ws.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                assert events[-1]["type"] in ("audio.start", "warning")
                audio[events[-1]["id"]] = audio.get(events[-1]["id"], b"") + message.data
                if on_audio is not None:
                    await on_audio(ws)
            else:
                events.append(json.loads(message.data))
    return events, audio


async def test_every_utterance_is_a_file_of_its_own(compat):
    config = {"type": "session.config", "response_format": "wav", "voice": "nora"}
    said = [{"type": "input.text", "text": "One."}, {"type": "input.flush"}, {"type": "input.text", "text": "Two."}]
    events, audio = await conversation(compat, config, *said, {"type": "input.done"})
    done = [event for event in events if event["type"] == "audio.done"]
    assert [event["sentence_index"] for event in done] == [0, 1]
    for event in done:
        file = audio[event["id"]]
        assert (event["total_bytes"], file[:4], file[4:8]) == (len(file), b"RIFF", b"\xff" * 4)
        samples, rate_hz = soundfile.read(io.BytesIO(file), dtype="int16")
        assert (rate_hz, len(samples)) == (24000, event["num_samples"])


async def test_cancel_in_the_middle_drops_the_rest_and_goes_on(compat):
    asked = []

    async def cancel(ws):
        if not asked:
            asked.append(True)
            for message in (
                {"type": "input.cancel"},
                {"type": "input.text", "text": "Something else."},
                {"type": "input.done"},
            ):
                await ws.send_json(message)

    config = {"type": "session.config", "voice": "nora"}
    events, audio = await conversation(compat, config, {"type": "input.text", "text": LONG}, on_audio=cancel)
    receipt = next(event for event in events if event["type"] == "audio.cancelled")
    assert receipt["total_bytes"] == len(audio[receipt["id"]]) == receipt["samples_sent"] * 2
    assert 0 < receipt["samples_sent"] <= receipt["samples_generated"]
    kinds = [event["type"] for event in events]
    assert kinds[kinds.index("audio.cancelled") :] == ["audio.cancelled", "audio.start", "audio.done", "session.done"]


async def test_text_with_nothing_to_speak_ends_once_and_a_sign_with_a_name_is_spoken(compat):
    config = {"type": "session.config", "voice": "nora"}
    events, audio = await conversation(
        compat, config, {"type": "input.text", "text": "!!! 😀"}, {"type": "input.done"}, until="error"
    )
    assert [event["type"] for event in events] == ["session.configured", "error"]
    assert (events[-1]["error"]["code"], audio) == ("text_empty", {})
    events, audio = await conversation(compat, config, {"type": "input.text", "text": "%"}, {"type": "input.done"})
    assert [event["type"] for event in events] == ["session.configured", "audio.start", "audio.done", "session.done"]
    assert len(audio[events[1]["id"]]) == events[2]["total_bytes"] > 0
