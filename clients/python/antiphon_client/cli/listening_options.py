"""Options of the commands that listen, and the config they describe."""

import argparse

from antiphon.speech.v1.transcription_service_pb2 import Thinking, TranscriptionConfig, TranscriptionTask
from antiphon_client.errors import AntiphonError

_THINKING = {"on": Thinking.THINKING_ON, "off": Thinking.THINKING_OFF, "auto": Thinking.THINKING_AUTO}


def add_listening_options(parser: argparse.ArgumentParser) -> None:
    """Add what a model can be told."""
    group = parser.add_argument_group("listening")
    group.add_argument("--model", default="", help="model or alias (default: the server's)")
    group.add_argument("--language", default="", metavar="TAG", help="such as en (default: detected)")
    group.add_argument("--translate", action="store_true", help="write it down in English")
    group.add_argument("--prompt", default="", metavar="TEXT", help="what stood before, to steer the spelling")
    group.add_argument("--key-word", action="append", default=[], metavar="WORD", help="to expect; may be repeated")
    group.add_argument("--thinking", choices=tuple(_THINKING), default="auto", help="whether the model thinks first")
    group.add_argument("--report", action="store_true", help="with what was heard in one go, and the checks that fired")


def listening_config(options: argparse.Namespace) -> TranscriptionConfig:
    """Make the config that :func:`add_listening_options` describes."""
    tasks = TranscriptionTask.TRANSCRIPTION_TASK_TRANSCRIBE, TranscriptionTask.TRANSCRIPTION_TASK_TRANSLATE
    return TranscriptionConfig(
        model=options.model,
        language=options.language,
        task=tasks[options.translate],
        prompt=options.prompt,
        key_words=options.key_word,
        thinking=_THINKING[options.thinking],
        report=options.report,
    )


def is_about_options(error: AntiphonError) -> bool:
    """Whether the next file would be refused for the same: the error is about how to listen, not about the sound."""
    return error.field.startswith("config") and error.field != "config.format.encoding"
