"""Speak and transcribe over HTTP with requests, as any OpenAI-style client does.

python http_requests.py hello.mp3
"""

import sys
from pathlib import Path

import requests

TIMEOUT_S = 60


def speak(base_url: str, text: str, path: Path) -> None:
    """A whole file; its format follows response_format."""
    body = {"model": "tts-1", "voice": "alloy", "input": text, "response_format": path.suffix.lstrip(".")}
    answer = requests.post(f"{base_url}/v1/audio/speech", json=body, timeout=TIMEOUT_S)
    answer.raise_for_status()
    path.write_bytes(answer.content)


def speak_streaming(base_url: str, text: str, path: Path) -> None:
    """Headerless samples, 24 kHz mono, written while they are being made."""
    body = {"model": "tts-1", "input": text, "stream": True, "response_format": "pcm"}
    with requests.post(f"{base_url}/v1/audio/speech", json=body, stream=True, timeout=TIMEOUT_S) as answer:
        answer.raise_for_status()
        with path.open("wb") as file:
            for chunk in answer.iter_content(chunk_size=4096):
                file.write(chunk)


def transcribe(base_url: str, path: Path) -> str:
    """What is said in a file of any common format."""
    with path.open("rb") as file:
        fields = {"model": "whisper-1"}
        answer = requests.post(
            f"{base_url}/v1/audio/transcriptions", files={"file": file}, data=fields, timeout=TIMEOUT_S
        )
    answer.raise_for_status()
    return str(answer.json()["text"])


def main(path: str, base_url: str = "http://localhost:8000") -> None:
    speak(base_url, "Hello there, how are you today?", Path(path))
    speak_streaming(base_url, "These samples are written while they are made.", Path(path).with_suffix(".pcm"))
    print(transcribe(base_url, Path(path)))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except requests.RequestException as error:
        sys.exit(str(error))
