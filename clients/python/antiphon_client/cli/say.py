"""``antiphon say``: speak a text into a file, a pipe or the loudspeaker."""

import argparse
import contextlib
import dataclasses
import sys
from collections.abc import AsyncIterator
from pathlib import Path

from antiphon.speech.v1.audio_pb2 import AudioEncoding
from antiphon_client.cli import sinks
from antiphon_client.cli.delivery_options import add_delivery_options, config_of, number, reference_of, whole
from antiphon_client.cli.failure import wrong_usage
from antiphon_client.cli.lines import input_lines
from antiphon_client.cli.options import DEFAULT_SAMPLE_RATE_HZ, Commands, add_command, add_server_options, client_of
from antiphon_client.cli.player import Player, player
from antiphon_client.cli.progress import note, progress
from antiphon_client.speech import SpeechReport

_EXPLANATION = """\
Speak a text. Audio is written while it is being made.

examples:
  antiphon say "Hello there."                        into speech.wav
  antiphon say "Hello there." --play                 aloud
  antiphon say "Good morning." -o hi.mp3             the format follows the name, where the server has it
  echo "Read this." | antiphon say - -o out.wav      text from a pipe, spoken line by line as it comes
  antiphon say "Hello." -o - | aplay                 WAV into a pipe
  antiphon say "Slowly, please." --speed 0.8 --voice default
  antiphon say "Not my words." --reference me.wav --reference-text "What I say in it."    in the voice of a recording
  antiphon say "Hello." --seed 7 --temperature 0.8   the same sound every time

exit code 3: not all of the text was spoken; the reason is on standard error, and what was spoken is kept
"""

_NOT_WHOLE = 3
_EARLY_ENDS = {
    "length": "it reached a length limit (length)",
    "runaway": "the model no longer spoke the text and was stopped (runaway)",
    "deadline": "the deadline of the call came first (deadline)",
}

_ENCODINGS = {
    "wav": AudioEncoding.AUDIO_ENCODING_WAV,
    "pcm": AudioEncoding.AUDIO_ENCODING_PCM_S16LE,
    "mulaw": AudioEncoding.AUDIO_ENCODING_MULAW,
    "alaw": AudioEncoding.AUDIO_ENCODING_ALAW,
    "mp3": AudioEncoding.AUDIO_ENCODING_MP3,
    "opus": AudioEncoding.AUDIO_ENCODING_OGG_OPUS,
    "ogg": AudioEncoding.AUDIO_ENCODING_OGG_OPUS,
    "aac": AudioEncoding.AUDIO_ENCODING_AAC,
    "flac": AudioEncoding.AUDIO_ENCODING_FLAC,
}


@dataclasses.dataclass(frozen=True, slots=True)
class _Output:
    """What becomes of the audio."""

    path: Path | None  # None: no file
    is_standard_output: bool
    format: str
    is_played: bool

    @property
    def encoding(self) -> AudioEncoding.ValueType:
        """What to ask the server for: samples where we write the header ourselves."""
        is_own_header = self.format == "wav" and not self.is_standard_output
        return AudioEncoding.AUDIO_ENCODING_PCM_S16LE if is_own_header else _ENCODINGS[self.format]


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "say", summary="speak a text", explanation=_EXPLANATION)
    parser.add_argument("text", help="what to say; - reads standard input")
    parser.add_argument("-o", "--out", metavar="FILE", help="where to; - is standard output (default: speech.wav)")
    parser.add_argument("--play", action="store_true", help="aloud, instead of into a file unless --out is given too")
    parser.add_argument("--format", choices=sorted(_ENCODINGS), help="default: by the file's name, else wav")
    parser.add_argument("--speed", type=number, help="pace, 0.25 to 4.0 (default: 1.0)")
    parser.add_argument(
        "--rate", type=whole(8000, 48000), default=0, metavar="HZ", help="samples a second, 8000 to 48000"
    )
    add_delivery_options(parser)
    add_server_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """Speak, and report at the end."""
    output = _output(options)
    if options.text != "-" and not options.text.strip():
        raise wrong_usage("There is no text to say.")
    text = options.text if options.text != "-" else _standard_input()
    config, reference = config_of(options), await reference_of(options)
    async with client_of(options) as client:
        speech = client.speak(
            text,
            voice=options.voice,
            speed=options.speed,
            encoding=output.encoding,
            sample_rate_hz=options.rate,
            reference=reference,
            config=config,
        )
        with progress("waiting for the first audio") as shown:
            async with speech, _opened(output, speech.started.sample_rate_hz) as (write, loud):
                async for chunk in speech:
                    write(chunk.data)
                    if loud is not None:
                        await loud.write(chunk.data)
                    shown.say(f"{speech.done.audio_s:.1f} s of audio")
    _report(speech.done, output, options.reference)
    return _check_whole(speech.done)


def _output(options: argparse.Namespace) -> _Output:
    is_standard_output = options.out == "-"
    path = None if is_standard_output or (options.play and not options.out) else Path(options.out or "speech.wav")
    suffix = path.suffix.lstrip(".").lower() if path else ""
    chosen = options.format or (suffix if suffix in _ENCODINGS else "wav")
    if options.play and chosen not in ("wav", "pcm"):
        raise wrong_usage(f"--play needs wav or pcm, not {chosen}.")
    if options.play and is_standard_output:
        raise wrong_usage("--play and --out - do not go together.")
    return _Output(path, is_standard_output, chosen, options.play)


@contextlib.asynccontextmanager
async def _opened(output: _Output, sample_rate_hz: int) -> AsyncIterator[tuple[sinks.Write, Player | None]]:
    rate_hz = sample_rate_hz or DEFAULT_SAMPLE_RATE_HZ
    async with contextlib.AsyncExitStack() as exits:
        write: sinks.Write = len  # nothing is kept
        if output.is_standard_output:
            write = exits.enter_context(sinks.standard_output())
        elif output.path and output.format == "wav":
            write = exits.enter_context(sinks.wav_file(output.path, rate_hz))
        elif output.path:
            write = exits.enter_context(sinks.plain_file(output.path))
        loud = await exits.enter_async_context(player(rate_hz)) if output.is_played else None
        yield write, loud


async def _standard_input() -> AsyncIterator[str]:
    async for line in input_lines(sys.stdin):
        yield line


def _check_whole(report: SpeechReport) -> int:
    """Return the exit code of a speech, and say on stderr why it is not whole."""
    for reason in dict.fromkeys(report.early_ends):
        note(f"antiphon: not all of the text was spoken: {_EARLY_ENDS.get(reason, reason)}")
    return _NOT_WHOLE if report.early_ends else 0


def _report(report: SpeechReport, output: _Output, clip: str | None) -> None:
    """Say what came out, on stderr, so that it never mixes with audio."""
    for warning in report.warnings:
        note(f"warning: {warning.message}")
    where = "" if output.path is None else f" in {output.path}"
    first = "no audio" if report.first_audio_ms is None else f"first audio after {report.first_audio_ms:.0f} ms"
    voice = f"voice of {clip}" if clip else f"voice {report.started.config.voice or 'default'}"
    note(f"{report.audio_s:.2f} s of speech{where}, {first} ({report.started.model}, {voice})")
