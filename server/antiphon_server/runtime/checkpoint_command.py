"""The command ``antiphon-server checkpoint``: says what a checkpoint is, and makes seeded random ones."""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from antiphon_server.errors import ModelNotInstalled, SpeechError
from antiphon_server.model.hub import find_checkpoint
from antiphon_server.model.inspection import TOKENIZER, Report, inspect_checkpoint
from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.model.stt.config import TEXT_POSITIONS, is_stt
from antiphon_server.model.stt.inspection import SttReport, inspect_stt
from antiphon_server.model.stt.make import STT_SIZES, make_stt_checkpoint
from antiphon_server.model.stt.vocabulary import stt_tokens
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.model.vocabulary import added_tokens
from antiphon_server.telemetry.progress import progress_on_stderr

_FINE = "Nothing is wrong."
_EPILOG = """\
examples:
  antiphon checkpoint inspect ./higgs-audio-v3-tts-4b         what it is, and everything that is wrong with it
  antiphon checkpoint inspect bosonai/higgs-audio-v3-tts-4b   the same of a model on a hub, which is downloaded
  antiphon checkpoint make ./tiny --size tiny --seed 1        45 MB of noise in the published layout, for tests
  antiphon checkpoint make ./full --size full --seed 1        9.3 GB of noise, for benchmarks
  antiphon checkpoint make ./ear --family stt                 40 MB of noise in the layout of STT
"""


def main(arguments: Sequence[str]) -> int:
    """Run one command line; 0 done, 1 something is wrong, 2 wrong usage."""
    options = _parser().parse_args(arguments)
    return _inspect(options.checkpoint) if options.action == "inspect" else _make(options)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="antiphon checkpoint",
        description="Checkpoints of Higgs Audio v3 TTS and STT.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    inspect = actions.add_parser("inspect", help="say what a checkpoint holds and what is wrong with it")
    inspect.add_argument("checkpoint", metavar="DIR|ID", help="a folder, or a hub's owner/name or owner/name@revision")
    make = actions.add_parser("make", help="write a seeded random checkpoint; it speaks or writes noise")
    make.add_argument("folder", type=Path, help="a new or empty folder")
    make.add_argument("--family", choices=sorted(_FAMILIES), default="tts", help="what it does, default tts")
    make.add_argument(
        "--size", choices=("full", "tiny"), default="tiny", help="tiny: 45 MB; full: 9.3 GB, stt 5.4 GB; default tiny"
    )
    make.add_argument("--seed", type=int, default=0, help="of the noise, default 0")
    make.add_argument("--tokenizer", type=Path, metavar="FILE", help="a real tokenizer.json; default: one token a byte")
    return parser


def _inspect(checkpoint: str) -> int:
    try:
        folder = find_checkpoint(checkpoint, progress_on_stderr("downloaded"))
        family = _FAMILIES["stt" if is_stt(folder) else "tts"]
        lines, found = family.look(folder)
    except SpeechError as error:
        return _failed(error.message)
    problems = [*found, *_of_tokenizer(folder, family.tokens())]
    for line in lines:
        _say(line)
    for problem in problems:
        _say(f"wrong: {problem}")
    _say(f"{len(problems)} {'thing is' if len(problems) == 1 else 'things are'} wrong." if problems else _FINE)
    return 1 if problems else 0


def _of_tokenizer(folder: Path, tokens: Mapping[str, int]) -> list[str]:
    """Open it, which the server does as it loads; the report has only looked whether it is there."""
    path = folder / TOKENIZER
    try:
        if path.is_file():
            TextTokenizer(path, tokens)
    except ModelNotInstalled as error:
        return [error.message]
    return []


def _look_at_tts(folder: Path) -> tuple[list[str], Sequence[str]]:
    report = inspect_checkpoint(folder)
    return _described(report), report.problems


def _look_at_stt(folder: Path) -> tuple[list[str], Sequence[str]]:
    report = inspect_stt(folder)
    return _described_stt(report), report.problems


def _make_tts(folder: Path, size: str, seed: int, tokenizer: bytes | None) -> None:
    make_checkpoint(folder, SIZES[size], seed=seed, tokenizer_json=tokenizer, progress=progress_on_stderr("wrote"))


def _make_stt(folder: Path, size: str, seed: int, tokenizer: bytes | None) -> None:
    make_stt_checkpoint(
        folder, STT_SIZES[size], seed=seed, tokenizer_json=tokenizer, progress=progress_on_stderr("wrote")
    )


@dataclass(frozen=True, slots=True)
class _Family:
    """What the command does with a family's checkpoints."""

    look: Callable[[Path], tuple[list[str], Sequence[str]]]
    """Describe a folder, and list what is wrong."""
    tokens: Callable[[], Mapping[str, int]]
    make: Callable[[Path, str, int, bytes | None], None]
    does: str


_FAMILIES = {
    "tts": _Family(_look_at_tts, added_tokens, _make_tts, "speaks"),
    "stt": _Family(_look_at_stt, stt_tokens, _make_stt, "writes"),
}


def _described_stt(report: SttReport) -> list[str]:
    config = report.config
    if config is None:
        return []
    files = {stored.path.name for stored in report.tensors.values()}
    text, tower = config.text, config.tower
    return [
        "Higgs Audio v3 STT",
        f"encoder: {tower.num_layers} layers of {tower.width}, {tower.num_heads} heads, sound in pieces of 4 s",
        (
            f"decoder: {text.num_layers} layers of {text.hidden_size}, {text.num_heads} heads on {text.num_kv_heads}, "
            f"vocabulary {text.vocabulary}, {TEXT_POSITIONS} positions; its head is not tied"
        ),
        f"keys and values: {text.kv_bytes_per_position / 1024:g} KiB a position in bf16",
        f"tensors: {len(report.tensors)} in {len(files)} files, {report.num_parameters:,} values that are read",
    ]


def _described(report: Report) -> list[str]:
    config = report.config
    if config is None:
        return []
    files = {stored.path.name for stored in report.tensors.values()}
    return [
        "Higgs Audio v3 TTS",
        (
            f"backbone: {config.num_layers} layers of {config.hidden_size}, {config.num_heads} heads on "
            f"{config.num_kv_heads}, vocabulary {config.vocabulary}"
        ),
        f"rotation: base {config.rope_theta:,.0f}, table rounded to bf16",
        f"keys and values: {config.kv_bytes_per_position / 1024:g} KiB a position in bf16",
        f"tensors: {len(report.tensors)} in {len(files)} files, {report.num_parameters:,} values",
    ]


def _make(options: argparse.Namespace) -> int:
    family = _FAMILIES[options.family]
    try:
        tokenizer = options.tokenizer.read_bytes() if options.tokenizer else None
        family.make(options.folder, options.size, options.seed, tokenizer)
    except OSError as error:
        return _failed(error.strerror or str(error))
    _say(f"made a {options.size} checkpoint in {options.folder}; it {family.does} noise")
    return 0


def _failed(message: str) -> int:
    sys.stderr.write(f"antiphon checkpoint: {message}\n")
    return 1


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
