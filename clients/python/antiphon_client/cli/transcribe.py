"""``antiphon transcribe``: write down what is said in audio files."""

import argparse
import json
import sys
from pathlib import Path

from antiphon_client.cli.failure import wrong_usage
from antiphon_client.cli.listening_options import add_listening_options, is_about_options, listening_config
from antiphon_client.cli.listening_reports import report_lines
from antiphon_client.cli.options import Commands, add_command, add_server_options, client_of
from antiphon_client.cli.progress import note, progress
from antiphon_client.cli.recordings import FORMATS, Recording, find, with_outputs
from antiphon_client.cli.transcribing import SOME_FAILED, Transcribing, explained, heard_so_far
from antiphon_client.cli.transcript_files import TIMED_FORMATS, as_json
from antiphon_client.client import AntiphonClient
from antiphon_client.errors import AntiphonError, Unavailable
from antiphon_client.transcription import Transcript

_EXPLANATION = """\
Write down what is said in audio files of any common format (WAV, MP3, M4A, OGG, WebM, FLAC ...).

Files alone are written to standard output. With a folder or --format, transcripts are written beside the recordings:
talk.txt for talk.mp3 (talk.mp3.txt if talk.wav is transcribed with it). A transcript that is there already is kept and
its recording skipped, so that a run that was stopped goes on where it was. Other files in a folder are skipped: hidden
ones, transcripts, and whatever holds no sound.

examples:
  antiphon transcribe interview.m4a
  antiphon transcribe *.wav                    each line starts with the file's name
  antiphon transcribe talk.mp3 --words         with the time of every word
  antiphon transcribe talk.mp3 --json | jq -r .text
  antiphon transcribe talk.mp3 --report        with how it came about, where words are wrong
  antiphon transcribe rede.ogg --translate     in English, where the model can
  antiphon transcribe recordings/              recordings/NAME.txt for each recording
  antiphon transcribe archive --recursive --format srt --format json --jobs 4
  antiphon transcribe 'calls/2026-*.ogg' --format vtt --overwrite

exit code 0: all went well; 1: nothing could be transcribed; 2: wrong usage; 3: some files failed, each named on
standard error
"""
_MAX_JOBS = 64


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "transcribe", summary="write down what is said", explanation=_EXPLANATION)
    parser.add_argument("files", nargs="+", metavar="PATH", help="audio files, folders, or patterns in quotes")
    parser.add_argument("--words", action="store_true", help="with the time of every word")
    parser.add_argument("--json", action="store_true", help="one JSON object a line for each file, on standard output")
    beside = parser.add_argument_group("transcripts beside the recordings")
    beside.add_argument(
        "--format", action="append", choices=FORMATS, help="what to write; may be repeated (default for folders: txt)"
    )
    beside.add_argument("--recursive", action="store_true", help="look into the folders of folders too")
    beside.add_argument("--overwrite", action="store_true", help="replace transcripts that are there already")
    beside.add_argument(
        "--jobs", type=_jobs, default=2, metavar="N", help=f"files at once, 1 to {_MAX_JOBS} (default: 2)"
    )
    add_listening_options(parser)
    add_server_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Transcribe file by file; a file that fails does not stop the others."""
    recordings = find(options.files, is_recursive=options.recursive)
    is_beside = bool(options.format) or not all(recording.is_named for recording in recordings)
    if is_beside and options.json:
        raise wrong_usage("--json writes to standard output; --format json writes beside the recordings")
    if options.report and is_beside and "json" not in (options.format or ()):
        raise wrong_usage("--report has a place in JSON only: give --format json")
    if options.overwrite and not is_beside:
        raise wrong_usage("--overwrite is for transcripts beside the recordings: give --format too")
    return await (_write_beside if is_beside else _print)(options, recordings)


async def _write_beside(options: argparse.Namespace, recordings: list[Recording]) -> int:
    formats = tuple(dict.fromkeys(options.format or ("txt",)))
    config = listening_config(options)
    config.segment_times = not TIMED_FORMATS.isdisjoint(formats)

    async with client_of(options) as client:

        async def listen(path: Path) -> Transcript:
            return await client.transcribe_file(path, word_times=options.words, config=config)

        run = Transcribing(listen, may_replace=options.overwrite)
        tally = await run.run(with_outputs(recordings, formats), num_at_once=options.jobs)
    return tally.exit_code


async def _print(options: argparse.Namespace, recordings: list[Recording]) -> int:
    num_failed = 0
    async with client_of(options) as client:
        for recording in recordings:
            try:
                await _print_one(client, str(recording.path), options, is_alone=len(recordings) == 1)
            except (Unavailable, BrokenPipeError):
                raise  # the next file would meet the same
            except (AntiphonError, OSError) as error:
                if isinstance(error, AntiphonError) and is_about_options(error):
                    raise
                num_failed += 1
                print(f"antiphon: {recording.path}: {explained(error)}", file=sys.stderr)
    if not num_failed:
        return 0
    return SOME_FAILED if num_failed < len(recordings) else 1


async def _print_one(client: AntiphonClient, path: str, options: argparse.Namespace, *, is_alone: bool) -> None:
    with progress(f"transcribing {path}") as shown:
        transcript = await client.transcribe_file(
            path,
            word_times=options.words,
            config=listening_config(options),
            on_response=lambda response: shown.say(f"transcribing {path}{heard_so_far(response)}"),
        )
    for warning in transcript.warnings:
        note(f"warning: {warning.message}")
    if options.json:
        print(json.dumps(as_json(path, transcript), ensure_ascii=False))
        return
    text = transcript.text or "(no speech)"
    print(text if is_alone else f"{path}: {text}")
    for word in transcript.words if options.words else ():
        print(f"  {word.start_ms / 1000:8.2f} {word.end_ms / 1000:8.2f}  {word.text}")
    for line in report_lines(transcript.report):
        print(line)


def _jobs(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= _MAX_JOBS:
        raise argparse.ArgumentTypeError(f"must be a number from 1 to {_MAX_JOBS}, not {text!r}")
    return int(text)
