"""Speak text while it is still being written, with the asyncio client.

python speak_async.py hello.wav
"""

import asyncio
import sys
import wave
from collections.abc import AsyncIterator

from antiphon_client import AntiphonClient, AntiphonError


async def written_slowly() -> AsyncIterator[str]:
    """Stands for a language model: the first sentence is heard before the last is written."""
    for piece in ("This sentence is spoken ", "while the next one ", "is still being written. ", "Here it is."):
        await asyncio.sleep(0.2)
        yield piece


async def main(path: str, target: str = "localhost:50051") -> None:
    async with AntiphonClient(target) as client, client.speak(written_slowly()) as speech:
        with wave.open(path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(speech.started.sample_rate_hz)
            async for chunk in speech:
                file.writeframesraw(chunk.data)
    print(f"{speech.done.audio_s:.1f} s of speech, first audio after {speech.done.first_audio_ms:.0f} ms")


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except AntiphonError as error:
        sys.exit(f"{error.reason}: {error}")
