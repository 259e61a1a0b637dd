"""Speak in the voice of a recording, with the asyncio client; the model must clone, as Higgs Audio v3 does.

python clone_voice.py me.wav "What I say in it." "What I never said." out.wav
"""

import asyncio
import sys
import wave

from antiphon_client import AntiphonClient, AntiphonError, Reference


async def main(clip: str, said: str, text: str, path: str, target: str = "localhost:50051") -> None:
    """Clone: 5 to 30 seconds of one person without noise serve best, and the exact words help a lot."""
    reference = await Reference.read(clip, said)
    async with AntiphonClient(target) as client, client.speak(text, reference=reference) as speech:
        with wave.open(path, "wb") as file:
            file.setnchannels(1)
            file.setsampwidth(2)
            file.setframerate(speech.started.sample_rate_hz)
            async for chunk in speech:
                file.writeframesraw(chunk.data)
    for warning in speech.done.warnings:
        print(f"warning: {warning.message}", file=sys.stderr)
    print(f"{speech.done.audio_s:.1f} s of speech in the voice of {clip}")


if __name__ == "__main__":
    if len(sys.argv) not in (5, 6):
        sys.exit('usage: python clone_voice.py CLIP "WHAT IT SAYS" "TEXT TO SPEAK" OUT.WAV [HOST:PORT]')
    try:
        asyncio.run(main(*sys.argv[1:]))
    except AntiphonError as error:
        sys.exit(f"{error.reason}: {error}")
    except (OSError, ValueError) as error:  # no such file, or one that is too large
        sys.exit(str(error))
