"""What the openai package for Python gets of everything it can ask; the same in the same form as openai_speech.mjs.

python openai_speech.py http://127.0.0.1:8000/v1 FOLDER "What to say."
"""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import openai

FORMATS = ("mp3", "opus", "aac", "flac", "wav", "pcm")
SEED = {"seed": 5}


def speak(client: openai.OpenAI, folder: Path, text: str) -> dict[str, Any]:
    """Leave one file for each format, and ``pcm`` in three ways."""
    say: dict[str, Any] = {"model": "tts-1", "voice": "alloy", "input": text, "extra_body": SEED}
    content_types = {}
    for name in FORMATS:
        answer = client.audio.speech.create(**say, response_format=name)
        content_types[name] = answer.response.headers["content-type"]
        (folder / f"whole.{name}").write_bytes(answer.read())
    streamed = client.audio.speech.with_streaming_response.create
    with streamed(**say, response_format="pcm", stream_format="audio") as answer:
        pieces = list(answer.iter_bytes())
    (folder / "streamed.pcm").write_bytes(b"".join(pieces))
    with client.audio.speech.with_streaming_response.create(
        **say, response_format="pcm", stream_format="sse"
    ) as answer:
        lines = [line.removeprefix("data: ") for line in answer.iter_lines() if line]
    events = [json.loads(line) for line in lines]
    (folder / "events.pcm").write_bytes(b"".join(base64.b64decode(event.pop("audio", "")) for event in events))
    voice = client.audio.speech.create(**say | {"voice": {"id": "alloy"}}, response_format="pcm", speed=2.0)
    (folder / "fast.pcm").write_bytes(voice.read())
    return {"content_types": content_types, "num_pieces": len(pieces), "events": events}


def listen(client: openai.OpenAI, file: Path) -> dict[str, Any]:
    hear: dict[str, Any] = {"model": "whisper-1", "file": file}
    create = client.audio.transcriptions.create
    stream = create(**hear | {"model": "gpt-4o-transcribe"}, stream=True, include=["logprobs"])
    return {
        "json": create(
            **hear,
            language="en",
            prompt="Weather.",
            temperature=0,
            chunking_strategy={"type": "server_vad", "silence_duration_ms": 700},
        ).to_dict(),
        "text": create(**hear, response_format="text"),
        "srt": create(**hear, response_format="srt"),
        "vtt": create(**hear, response_format="vtt"),
        "verbose_json": create(
            **hear, response_format="verbose_json", timestamp_granularities=["word", "segment"]
        ).to_dict(),
        "events": [event.to_dict() for event in stream],
        "translation": client.audio.translations.create(**hear).to_dict(),
    }


def main(base_url: str, folder: str, text: str) -> dict[str, Any]:
    with openai.OpenAI(base_url=base_url, api_key="none") as client:
        return {
            "spoken": speak(client, Path(folder), text),
            "heard": listen(client, Path(folder) / "whole.mp3"),
            "models": [model.id for model in client.models.list()],
            "model": client.models.retrieve("whisper-1").to_dict(),
            "voices": client.get("/audio/voices", cast_to=dict[str, Any]),
        }


if __name__ == "__main__":
    print(json.dumps(main(*sys.argv[1:])))
