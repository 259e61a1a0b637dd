"""Options of ``antiphon say`` that say how: whose voice, how much chance, and what only one model has."""

import argparse
import math
import re
from collections.abc import Callable

from antiphon.speech.v1.report_pb2 import OptionValue
from antiphon.speech.v1.synthesis_service_pb2 import SamplingParams, SynthesisConfig
from antiphon_client.cli.failure import CommandFailed, wrong_usage
from antiphon_client.reference import Reference

_MAX_INT64 = 2**63 - 1
_WHOLE = re.compile(r"[+-]?\d{1,19}", re.ASCII)


def whole(low: int, high: int) -> Callable[[str], int]:
    """Make a reader of whole numbers from ``low`` to ``high``."""

    def read(text: str) -> int:
        if not _WHOLE.fullmatch(text) or not low <= int(text) <= high:
            raise argparse.ArgumentTypeError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return read


def number(text: str) -> float:
    """Read a finite number; the server knows the range."""
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}")
    return value


def add_delivery_options(parser: argparse.ArgumentParser) -> None:
    """Add the options, in groups of their own."""
    voice = parser.add_argument_group("voice")
    voice.add_argument("--voice", default="", help="voice or alias (default: the server's)")
    voice.add_argument(
        "--reference",
        metavar="CLIP",
        help="speak like the person in this audio file: 1 to 100 s, best 5 to 30 s without noise, at most 10 MiB",
    )
    voice.add_argument(
        "--reference-text", metavar="TEXT", help="what is said in CLIP, word for word; the voice comes out more alike"
    )
    voice.add_argument("--language", default="", metavar="TAG", help="language of the text, such as en or pt-BR")
    chance = parser.add_argument_group("chance", "models without sampling ignore these, and say so")
    seed_help = "the same seed and text give the same sound (default: drawn)"
    chance.add_argument("--seed", type=whole(0, _MAX_INT64), metavar="N", help=seed_help)
    chance.add_argument(
        "--temperature", type=number, metavar="X", help="0, always the likeliest, to 2 (default: the model's)"
    )
    chance.add_argument("--top-p", type=number, metavar="X", help="only the likeliest that make up X, above 0 to 1")
    chance.add_argument("--top-k", type=whole(1, 1026), metavar="N", help="only the N likeliest, 1 to 1026")
    model = parser.add_argument_group("model")
    model.add_argument("--model", default="", help="model or alias (default: the server's)")
    model.add_argument(
        "--option",
        dest="model_options",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an option that only this model has, such as guard=false; again for more",
    )


def config_of(options: argparse.Namespace) -> SynthesisConfig:
    """Say the options in the contract's words, but for voice and reference.

    Raises:
        CommandFailed: Options do not go together, or one is malformed.
    """
    if options.reference and options.voice:
        raise wrong_usage("--voice and --reference do not go together: the reference is the voice. Leave one out.")
    if options.reference_text and not options.reference:
        raise wrong_usage("--reference-text says what is said in a clip; add --reference CLIP.")
    sampling = SamplingParams(
        seed=options.seed, temperature=options.temperature, top_p=options.top_p, top_k=options.top_k
    )
    model_options = dict(_model_option(given) for given in options.model_options)
    return SynthesisConfig(model=options.model, language=options.language, sampling=sampling, options=model_options)


async def reference_of(options: argparse.Namespace) -> Reference | None:
    """Read the clip, if one is named.

    Raises:
        OSError: It cannot be read.
        CommandFailed: It is empty or too large to send.
    """
    if not options.reference:
        return None
    try:
        return await Reference.read(options.reference, options.reference_text or "")
    except ValueError as error:
        advice = "Cut out the clearest 5 to 30 seconds of one person."
        raise CommandFailed(f"{options.reference}: {error}. {advice}") from None


def _model_option(given: str) -> tuple[str, OptionValue]:
    name, equals, text = given.partition("=")
    if not name or not equals:
        raise wrong_usage(f"--option needs NAME=VALUE, such as guard=false, not {given!r}.")
    if text.lower() in ("true", "false"):
        return name, OptionValue(bool_value=text.lower() == "true")
    if _WHOLE.fullmatch(text) and abs(int(text)) <= _MAX_INT64:
        return name, OptionValue(int_value=int(text))
    try:
        value = float(text)
    except ValueError:
        return name, OptionValue(string_value=text)
    if not math.isfinite(value):
        raise wrong_usage(f"--option {name} must be finite, not {text}.")
    return name, OptionValue(double_value=value)
