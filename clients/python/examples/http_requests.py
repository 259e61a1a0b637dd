"""Speak, listen and look around over HTTP with requests, as any OpenAI-style client does.

python http_requests.py hello.mp3
"""

import base64
import json
import sys
from pathlib import Path

import requests

TEXT = "Hello there, how are you today?"
TIMEOUT_S = 60


def speak(base_url: str, path: Path) -> None:
    """A whole file; its format follows response_format."""
    body = {"model": "tts-1", "voice": "alloy", "input": TEXT, "response_format": path.suffix.lstrip(".")}
    answer = requests.post(f"{base_url}/v1/audio/speech", json=body, timeout=TIMEOUT_S)
    answer.raise_for_status()
    path.write_bytes(answer.content)


def speak_streaming(base_url: str, path: Path) -> None:
    """Headerless samples, 24 kHz mono, written while they are being made."""
    body = {"model": "tts-1", "input": TEXT, "stream": True, "response_format": "pcm"}
    with requests.post(f"{base_url}/v1/audio/speech", json=body, stream=True, timeout=TIMEOUT_S) as answer:
        answer.raise_for_status()
        with path.open("wb") as file:
            for chunk in answer.iter_content(chunk_size=4096):
                file.write(chunk)


def speak_events(base_url: str, path: Path) -> str:
    """The same as events, and how it ended: only a done event says that the speech is whole."""
    body = {"model": "tts-1", "input": TEXT, "stream_format": "sse", "response_format": "wav"}
    with (
        path.open("wb") as file,
        requests.post(f"{base_url}/v1/audio/speech", json=body, stream=True, timeout=TIMEOUT_S) as answer,
    ):
        answer.raise_for_status()
        for line in answer.iter_lines():
            if not line.startswith(b"data: "):
                continue
            event = json.loads(line.removeprefix(b"data: "))
            if event["type"] == "speech.audio.delta":
                file.write(base64.b64decode(event["audio"]))
            elif event["type"] == "speech.audio.done":
                return str(event["finish_reason"])
            else:
                raise requests.RequestException(event["error"]["message"])
    raise requests.RequestException("the speech broke off")


def transcribe(base_url: str, path: Path, **fields: str) -> requests.Response:
    """What is said in a file of any common format."""
    return upload(f"{base_url}/v1/audio/transcriptions", path, fields)


def translate(base_url: str, path: Path) -> str:
    """The same in English, whatever the language."""
    return str(upload(f"{base_url}/v1/audio/translations", path, {}).json()["text"])


def upload(url: str, path: Path, fields: dict[str, str]) -> requests.Response:
    with path.open("rb") as file:
        answer = requests.post(url, files={"file": file}, data={"model": "whisper-1", **fields}, timeout=TIMEOUT_S)
    answer.raise_for_status()
    return answer


def names(base_url: str, route: str) -> list[str]:
    """Ids of what is installed: models, or audio/voices."""
    answer = requests.get(f"{base_url}/v1/{route}", timeout=TIMEOUT_S)
    answer.raise_for_status()
    return [entry["id"] for entry in answer.json()["data"]]


def main(path: str, base_url: str = "http://localhost:8000") -> None:
    file = Path(path)
    speak(base_url, file)
    speak_streaming(base_url, file.with_suffix(".pcm"))
    print(speak_events(base_url, file.with_suffix(".wav")))
    print(transcribe(base_url, file).json()["text"])
    print(transcribe(base_url, file, response_format="srt").text)
    timed = {"response_format": "verbose_json", "timestamp_granularities[]": "word"}
    print([(word["word"], word["start"]) for word in transcribe(base_url, file, **timed).json()["words"]])
    print(translate(base_url, file))
    print("models:", names(base_url, "models"))
    print("voices:", names(base_url, "audio/voices"))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except requests.RequestException as error:
        sys.exit(str(error))
