"""Speak, listen and look around with the openai package: only base_url is not OpenAI's.

python openai_sdk.py hello.mp3
"""

import base64
import json
import sys
from pathlib import Path

from openai import OpenAI, OpenAIError

TEXT = "Hello there, how are you today?"


def speak(client: OpenAI, path: Path) -> None:
    """A whole file: mp3, opus, aac, flac, wav or pcm."""
    answer = client.audio.speech.create(
        model="tts-1", voice="alloy", input=TEXT, response_format=path.suffix.lstrip(".")
    )
    answer.write_to_file(path)


def speak_streaming(client: OpenAI, path: Path) -> None:
    """Bytes of the file while it is still being spoken."""
    with client.audio.speech.with_streaming_response.create(
        model="tts-1", voice="alloy", input=TEXT, response_format="wav", stream_format="audio"
    ) as answer:
        answer.stream_to_file(path)


def speak_events(client: OpenAI, path: Path) -> str:
    """The same as events, and how it ended: only a done event says that the speech is whole."""
    with (
        path.open("wb") as file,
        client.audio.speech.with_streaming_response.create(
            model="tts-1", voice="alloy", input=TEXT, response_format="pcm", stream_format="sse"
        ) as answer,
    ):
        for line in answer.iter_lines():
            if not line.startswith("data: "):
                continue
            event = json.loads(line.removeprefix("data: "))
            if event["type"] == "speech.audio.delta":
                file.write(base64.b64decode(event["audio"]))
            elif event["type"] == "speech.audio.done":
                return str(event["finish_reason"])
            else:
                raise OpenAIError(event["error"]["message"])
    raise OpenAIError("the speech broke off")


def transcribe(client: OpenAI, path: Path) -> None:
    """What is said, as subtitles, with the time of every word, and while it is being recognised."""
    print(client.audio.transcriptions.create(model="whisper-1", file=path).text)
    print(client.audio.transcriptions.create(model="whisper-1", file=path, response_format="srt"))
    timed = client.audio.transcriptions.create(
        model="whisper-1", file=path, response_format="verbose_json", timestamp_granularities=["word"]
    )
    print([(word.word, word.start) for word in timed.words or []])
    for event in client.audio.transcriptions.create(model="gpt-4o-transcribe", file=path, stream=True):
        if event.type == "transcript.text.delta":
            print(event.delta, end="", flush=True)
    print()


def translate(client: OpenAI, path: Path) -> None:
    """The same in English, whatever the language."""
    print(client.audio.translations.create(model="whisper-1", file=path).text)


def look_around(client: OpenAI) -> None:
    """What is installed."""
    print("models:", [model.id for model in client.models.list()])
    voices = client.get("/audio/voices", cast_to=dict[str, list[dict[str, str]]])
    print("voices:", [voice["id"] for voice in voices["data"]])


def main(path: str, base_url: str = "http://localhost:8000") -> None:
    with OpenAI(base_url=f"{base_url}/v1", api_key="none") as client:
        speak(client, Path(path))
        speak_streaming(client, Path(path).with_suffix(".wav"))
        print(speak_events(client, Path(path).with_suffix(".pcm")))
        transcribe(client, Path(path))
        translate(client, Path(path))
        look_around(client)


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except OpenAIError as error:
        sys.exit(str(error))
