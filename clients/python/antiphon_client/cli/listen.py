"""``antiphon listen``: write down what is said while it is said."""

import argparse
import json
from collections.abc import AsyncIterable
from contextlib import nullcontext

from rich.console import Console
from rich.live import Live
from rich.text import Text

from antiphon.speech.v1.transcription_service_pb2 import EndpointMode, FinalTranscript, PartialTranscript
from antiphon_client.cli.listening_options import add_listening_options, listening_config
from antiphon_client.cli.listening_reports import report_as_json, report_lines
from antiphon_client.cli.options import Commands, add_command, add_server_options, client_of
from antiphon_client.cli.progress import note
from antiphon_client.cli.recorder import SAMPLE_RATE_HZ, microphone, standard_input, until_interrupted
from antiphon_client.feed import feeding
from antiphon_client.transcription import TranscriptionStream

_EXPLANATION = f"""\
Write down what is said while it is said. A line is complete when there was silence; until then, on a terminal, it shows
what is understood so far: bright what is settled, dim what may still change. Ctrl-C ends.

examples:
  antiphon listen                              from the microphone (arecord, parec or rec)
  antiphon listen --language en > notes.txt    with the language given, partials are the quickest
  antiphon listen --json | jq -r 'select(.type == "final").text'
  ffmpeg -i URL -f s16le -ar {SAMPLE_RATE_HZ} -ac 1 - | antiphon listen -    samples from another program
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "listen", summary="the same while it is said", explanation=_EXPLANATION)
    samples = f"- for samples from the standard input: 16-bit little-endian mono at {SAMPLE_RATE_HZ} Hz"
    parser.add_argument("source", nargs="?", choices=("-",), help=samples)
    parser.add_argument("--json", action="store_true", help="one JSON object a line: partials and finals")
    parser.add_argument(
        "--silence", type=int, metavar="MS", help="silence that ends a line, 100 to 10000 (default: 500)"
    )
    add_listening_options(parser)
    add_server_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Listen until the sound ends or Ctrl-C."""
    config = listening_config(options)
    config.endpoint.mode = EndpointMode.ENDPOINT_MODE_VOICE_ACTIVITY
    if options.silence is not None:
        config.endpoint.silence_ms = options.silence
    sound = until_interrupted(standard_input() if options.source else microphone())
    async with client_of(options) as client, client.transcribe_stream(config) as stream:
        started = stream.started
        partials = f", {started.partial_model} writes what may still change" if started.partial_model else ""
        note(f"{started.model} listens{partials}. Ctrl-C ends.")
        for warning in started.warnings:
            note(f"warning: {warning.message}")
        async with feeding(_send(stream, sound), abort=stream.abort):
            await _show(stream, options)
    return 0


async def _send(stream: TranscriptionStream, sound: AsyncIterable[bytes]) -> None:
    async for piece in sound:
        await stream.send_audio(piece)
    await stream.finish()
    await stream.close_sending()


async def _show(stream: TranscriptionStream, options: argparse.Namespace) -> None:
    console = Console(highlight=False)
    is_watched = console.is_terminal and not options.json
    with Live(console=console, transient=True, auto_refresh=False) if is_watched else nullcontext() as line:
        async for response in stream:
            match response.WhichOneof("response"):
                case "partial" if line is not None:
                    line.update(_as_text(response.partial), refresh=True)
                case "partial" if options.json:
                    _print_json(_partial_as_json(response.partial))
                case "final":
                    if line is not None:
                        line.update("", refresh=True)
                    _print_final(response.final, options)
                case "warning":
                    note(f"warning: {response.warning.message}")


def _as_text(partial: PartialTranscript) -> Text:
    settled = partial.num_settled_characters
    return Text(partial.text[:settled]).append(partial.text[settled:], style="dim")


def _print_final(final: FinalTranscript, options: argparse.Namespace) -> None:
    if options.json:
        _print_json(_final_as_json(final))
        return
    if final.text:
        print(final.text, flush=True)
    for line in report_lines(final.report):
        print(line, flush=True)


def _partial_as_json(partial: PartialTranscript) -> dict[str, object]:
    return {
        "type": "partial",
        "text": partial.text,
        "num_settled_characters": partial.num_settled_characters,
        "up_to_ms": partial.up_to_ms,
        "interval_ms": partial.interval_ms,
    }


def _final_as_json(final: FinalTranscript) -> dict[str, object]:
    report = {"report": report_as_json(final.report)} if final.HasField("report") else {}
    times = {"start_ms": final.start_ms, "end_ms": final.end_ms}
    return {"type": "final", "text": final.text, "language": final.language, **times, **report}


def _print_json(event: dict[str, object]) -> None:
    print(json.dumps(event, ensure_ascii=False), flush=True)
