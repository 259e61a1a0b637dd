"""``antiphon transcribe``: write down what is said in audio files."""

import argparse
import json
import sys

from antiphon.speech.v1.transcript_pb2 import Word
from antiphon_client.cli.options import Commands, add_command, add_server_options, client_of
from antiphon_client.cli.progress import note, progress
from antiphon_client.client import AntiphonClient
from antiphon_client.errors import AntiphonError, Unavailable
from antiphon_client.transcription import Transcript

_EXPLANATION = """\
Write down what is said in audio files of any common format (WAV, MP3, M4A, OGG, WebM, FLAC ...).

examples:
  antiphon transcribe interview.m4a
  antiphon transcribe *.wav                    each line starts with the file's name
  antiphon transcribe talk.mp3 --words         with the time of every word
  antiphon transcribe talk.mp3 --json | jq -r .text
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "transcribe", summary="write down what is said", explanation=_EXPLANATION)
    parser.add_argument("files", nargs="+", metavar="FILE", help="audio files")
    parser.add_argument("--language", default="", metavar="TAG", help="such as en (default: detected)")
    parser.add_argument("--words", action="store_true", help="with the time of every word")
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each file")
    add_server_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Transcribe file by file; a file that fails does not stop the others."""
    num_failed = 0
    async with client_of(options) as client:
        for path in options.files:
            try:
                await _transcribe(client, path, options)
            except Unavailable:
                raise  # the next file would meet the same
            except AntiphonError as error:
                num_failed += 1
                print(f"antiphon: {path}: {error.message} ({error.reason})", file=sys.stderr)
            except OSError as error:
                num_failed += 1
                print(f"antiphon: {path}: {error.strerror}", file=sys.stderr)
    return 1 if num_failed else 0


async def _transcribe(client: AntiphonClient, path: str, options: argparse.Namespace) -> None:
    with progress(f"transcribing {path}"):
        transcript = await client.transcribe_file(path, language=options.language, word_times=options.words)
    for warning in transcript.warnings:
        note(f"warning: {warning.message}")
    if options.json:
        print(json.dumps(_as_json(path, transcript), ensure_ascii=False))
        return
    text = transcript.text or "(no speech)"
    print(f"{path}: {text}" if len(options.files) > 1 else text)
    for word in transcript.words if options.words else ():
        print(f"  {word.start_ms / 1000:8.2f} {word.end_ms / 1000:8.2f}  {word.text}")


def _as_json(path: str, transcript: Transcript) -> dict[str, object]:
    return {
        "file": path,
        "text": transcript.text,
        "language": transcript.language,
        "duration_ms": transcript.done.audio_ms,
        "model": transcript.started.model,
        "no_speech": transcript.no_speech,
        "words": [_word_as_json(word) for word in transcript.words],
        "segments": [
            {"text": segment.text, "start_ms": segment.start_ms, "end_ms": segment.end_ms}
            for segment in transcript.segments
        ],
    }


def _word_as_json(word: Word) -> dict[str, object]:
    confidence = word.confidence if word.HasField("confidence") else None
    return {"text": word.text, "start_ms": word.start_ms, "end_ms": word.end_ms, "confidence": confidence}
