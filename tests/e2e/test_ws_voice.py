"""``/ws/voice`` with the real engines: the documented sample, spoken turns, what is wrong and what goes on."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import requests
import soundfile
import soxr
import websockets

from support.servers import Compat

pytestmark = pytest.mark.models

LIMIT_S = 100.0
SAMPLE = """
import asyncio, json, websockets

# wss:// for https hosts, ws:// for http
URL = "$BASE".replace("https://", "wss://").replace("http://", "ws://") + "/ws/voice"

async def main():
    async with websockets.connect(URL) as ws:
        # Typed turn — skips STT, goes straight to LLM → TTS
        await ws.send(json.dumps({
            "type": "text",
            "scenario_id": "daily",
            "text": "hello",
        }))
        audio = bytearray()
        async for msg in ws:
            if not isinstance(msg, str):
                audio += msg  # binary frame = 24kHz mono Int16LE PCM
                continue
            evt = json.loads(msg)
            print(evt["type"], evt.get("text", ""))
            if evt["type"] == "reply_done":
                break
        open("reply.pcm", "wb").write(audio)
        print(f"got {len(audio)} bytes of audio")
        # play: ffplay -f s16le -ar 24000 -ac 1 reply.pcm

asyncio.run(main())
"""
TYPED = {"type": "text", "text": "hello"}


@pytest.fixture
async def ws(compat: Compat):
    async with websockets.connect(compat.http_url.replace("http://", "ws://") + "/ws/voice") as socket:
        yield socket


async def turn(ws) -> list[dict[str, object] | bytes]:
    """Receive until the turn is over."""
    events: list[dict[str, object] | bytes] = []
    async with asyncio.timeout(LIMIT_S):
        async for message in ws:
            events.append(json.loads(message) if isinstance(message, str) else message)
            if isinstance(events[-1], dict) and events[-1]["type"] in ("reply_done", "error"):
                break
    return events


def kinds(events) -> list[str]:
    """Names of the events, a run of audio or of partials as one."""
    names = ["audio" if isinstance(event, bytes) else event["type"] for event in events]
    return [name for index, name in enumerate(names) if index == 0 or names[index - 1] != name]


def check_reply(events) -> None:
    """Hold a reply against the documented order: delivery, then texts each before its audio, in one audio frame."""
    names = kinds(events)
    assert names[0] == "delivery"
    assert names[-1] == "reply_done"
    assert names.count("audio_start") == names.count("audio_end") == 1
    assert names.index("reply_delta") < names.index("audio_start") < names.index("audio") < names.index("audio_end")
    audio = b"".join(event for event in events if isinstance(event, bytes))
    assert len(audio) % 2 == 0
    assert np.abs(np.frombuffer(audio, "<i2")).max() > 1000
    deltas = [event["text"] for event in events if isinstance(event, dict) and event["type"] == "reply_delta"]
    assert "".join(deltas) == events[-1]["text"]
    start = next(event for event in events if isinstance(event, dict) and event["type"] == "audio_start")
    assert start == {"type": "audio_start", "sample_rate": 24000}


def microphone(compat: Compat, text: str) -> bytes:
    body = {"input": text, "response_format": "pcm"}
    spoken = requests.post(f"{compat.http_url}/v1/audio/speech", json=body, timeout=LIMIT_S)
    samples = np.frombuffer(spoken.content, "<i2").astype(np.float32) / 32768
    return (soxr.resample(samples, 24000, 16000) * 32767).astype("<i2").tobytes()


def test_documented_sample_collects_a_reply(compat, tmp_path: Path):
    code = SAMPLE.replace("$BASE", compat.http_url)
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=False, cwd=tmp_path, capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0].startswith("delivery")
    assert lines[-2].startswith("reply_done ")
    layout = {"samplerate": 24000, "channels": 1, "format": "RAW", "subtype": "PCM_16", "endian": "LITTLE"}
    samples, _ = soundfile.read(tmp_path / "reply.pcm", **layout)
    assert len(samples) > 12000
    assert abs(samples).max() > 0.05


async def test_typed_turns_follow_each_other(ws):
    for _ in range(2):
        await ws.send(json.dumps(TYPED))
        check_reply(await turn(ws))


async def test_spoken_turn_has_partials_then_one_final_then_the_reply(compat, ws):
    audio = await asyncio.to_thread(microphone, compat, "Good morning, how are you doing today my dear friend?")
    await ws.send(json.dumps({"type": "start", "scenario_id": "daily", "history": []}))
    for at in range(0, len(audio), 3200):  # a microphone's pace, so that there is time for partials
        await ws.send(audio[at : at + 3200])
        await asyncio.sleep(0.1)
    async with asyncio.timeout(LIMIT_S):
        first = json.loads(await ws.recv())  # on a busy machine the first partial comes late
    await ws.send(json.dumps({"type": "stop"}))
    events = [first, *await turn(ws)]
    names = kinds(events)
    final = names.index("final")
    assert names[:final] == ["partial"]
    said = next(event["text"] for event in events if isinstance(event, dict) and event["type"] == "final")
    assert "good morning" in said.lower()
    check_reply([event for event in events if not is_kind(event, "partial", "final")])


def is_kind(event, *names: str) -> bool:
    return isinstance(event, dict) and event["type"] in names


EMPTY_TURN = [{"type": "final", "text": ""}, {"type": "reply_done", "text": ""}]


def untimed(events):
    """Events without the times they took."""
    return [{name: value for name, value in event.items() if name != "timings"} for event in events]


@pytest.mark.parametrize("num_silent_bytes", [0, 64_000])
async def test_silence_is_an_empty_turn_and_no_error(ws, num_silent_bytes):
    await ws.send(json.dumps({"type": "start"}))
    if num_silent_bytes:
        await ws.send(bytes(num_silent_bytes))
    await ws.send(json.dumps({"type": "stop"}))
    events = [event for event in await turn(ws) if not is_kind(event, "partial")]
    assert untimed(events) == EMPTY_TURN
    assert all(event["timings"] for event in events)


@pytest.mark.parametrize(
    "message",
    [
        "{",
        "[]",
        json.dumps({"type": "sing"}),
        json.dumps({"type": "stop"}),
        json.dumps({"type": "text"}),
        json.dumps({"type": "text", "text": " "}),
        json.dumps({"type": "text", "text": 5}),
        json.dumps({"type": "text", "text": "hi", "scenario_id": "nowhere"}),
        json.dumps({"type": "start", "scenario_id": "nowhere"}),
        json.dumps({"type": "start", "history": [{"role": "pope", "content": "hi"}]}),
        b"\x00\x00",
    ],
)
async def test_what_is_wrong_is_an_error_event_and_the_socket_goes_on(ws, message):
    await ws.send(message)
    (event,) = await turn(ws)
    assert list(event) == ["type", "detail"]
    assert event["type"] == "error"
    await ws.send(json.dumps({"type": "start"}))
    await ws.send(json.dumps({"type": "stop"}))
    assert untimed(await turn(ws)) == EMPTY_TURN


async def test_second_start_begins_anew_and_drops_what_was_heard(compat, ws):
    audio = await asyncio.to_thread(microphone, compat, "This must never be transcribed.")
    await ws.send(json.dumps({"type": "start"}))
    await ws.send(audio)
    await ws.send(json.dumps({"type": "start"}))
    await ws.send(json.dumps({"type": "stop"}))
    events = [event for event in await turn(ws) if not is_kind(event, "partial")]
    assert untimed(events) == EMPTY_TURN


async def test_start_during_a_reply_ends_it(ws):
    await ws.send(json.dumps(TYPED))
    async with asyncio.timeout(LIMIT_S):
        while not is_kind(json.loads(await ws.recv()), "delivery"):
            pass
    await ws.send(json.dumps({"type": "start"}))
    await ws.send(json.dumps({"type": "stop"}))
    events = await turn(ws)
    assert untimed(events[-2:]) == EMPTY_TURN
