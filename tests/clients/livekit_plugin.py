"""LiveKit's OpenAI plugin against two addresses, in LiveKit's own environment; prints what it got as JSON.

python livekit_plugin.py http://127.0.0.1:8000/v1 "What to say." http://127.0.0.1:8001/v1

The second is of a server that fails as it is told (obedient_peer.py).
"""

import asyncio
import json
import sys

from livekit import rtc
from livekit.agents import APIConnectOptions, APIError
from livekit.plugins import openai

ONCE = APIConnectOptions(max_retry=0, timeout=30)
FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
LISTENERS = ("gpt-4o-mini-transcribe", "whisper-1")


async def spoken(address: dict[str, str], text: str, **options: str) -> rtc.AudioFrame:
    """Speak with one set of options, after opening the connection early as agents do."""
    voice = openai.TTS(**address, **options)
    voice.prewarm()
    try:
        return await voice.synthesize(text, conn_options=ONCE).collect()
    finally:
        await voice.aclose()


async def refused(address: dict[str, str], text: str, **options: str) -> dict[str, object]:
    """Speak what cannot work; what the plugin raises."""
    try:
        await spoken(address, text, **options)
    except APIError as error:
        return {
            "error": type(error).__name__,
            "status": getattr(error, "status_code", None),
            "is_retryable": error.retryable,
        }
    return {}


async def heard(address: dict[str, str], frame: rtc.AudioFrame, model: str) -> dict[str, object]:
    listener = openai.STT(**address, model=model)
    event = await listener.recognize([frame], conn_options=ONCE)
    await listener._client.close()
    return {"text": event.alternatives[0].text, "language": event.alternatives[0].language}


def shape(frame: rtc.AudioFrame) -> dict[str, object]:
    return {"rate_hz": frame.sample_rate, "channels": frame.num_channels, "duration_s": frame.duration}


async def main(base_url: str, text: str, failing_url: str) -> dict[str, object]:
    address = {"base_url": base_url, "api_key": "none"}
    frames = {name: await spoken(address, "Hello.", response_format=name) for name in FORMATS}
    frames["defaults"] = await spoken(address, text)
    frames["tts-1"] = await spoken(address, text, model="tts-1")
    return {
        "spoken": {name: shape(frame) for name, frame in frames.items()},
        "heard": {model: await heard(address, frames["defaults"], model) for model in LISTENERS},
        "unknown_voice": await refused(address, "Hello.", voice="nobody"),
        "failed": await fail(failing_url),
    }


async def fail(base_url: str) -> dict[str, object]:
    """Speak to a server that does as told; what the plugin raises for events and for plain audio."""
    address = {"base_url": base_url, "api_key": "none", "response_format": "pcm"}
    return {
        "busy": await refused(address, "OVERLOADED"),
        "wrong": await refused(address, "INVALID_FIELD"),
        "events_break": await refused(address, "BREAK"),
        "audio_breaks": await refused(address, "BREAK", model="tts-1"),
    }


if __name__ == "__main__":
    print(json.dumps(asyncio.run(main(*sys.argv[1:]))))
