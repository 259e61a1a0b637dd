"""Transcribe a file of any common format, with the time of every word, and how it came about.

python transcribe_file.py talk.m4a
"""

import asyncio
import sys

from antiphon_client import AntiphonClient, AntiphonError


async def main(path: str, target: str = "localhost:50051") -> None:
    async with AntiphonClient(target) as client:
        transcript = await client.transcribe_file(path, word_times=True, report=True)
    print(transcript.text)
    for word in transcript.words:
        print(f"{word.start_ms:6} ms  {word.text}")
    for piece in transcript.report.pieces:
        doubts = ", ".join(f"{check.name} {check.value:.2f}" for check in piece.checks) or "nothing in doubt"
        print(f"heard {piece.start_ms} to {piece.end_ms} ms at once, {doubts}", file=sys.stderr)


if __name__ == "__main__":
    try:
        asyncio.run(main(*sys.argv[1:]))
    except AntiphonError as error:
        sys.exit(f"{error.reason}: {error}")
