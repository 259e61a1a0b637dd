"""``antiphon models``: what the server can speak, hear and answer with; further models for it."""

import argparse
import json

from google.protobuf.json_format import MessageToDict
from rich.console import Console
from rich.table import Table

from antiphon.speech.v1.model_service_pb2 import Model, ModelKind, ModelState
from antiphon.speech.v1.voice_pb2 import Voice
from antiphon_client.cli import models_add
from antiphon_client.cli.options import Commands, add_command, add_server_options, client_of

_EXPLANATION = """\
List the models and voices of a server, with the names they answer to.

examples:
  antiphon models
  antiphon models --json
  antiphon models add kokoro                54 voices more, for the server on this machine
  antiphon models remove kokoro
"""
_LIST = """\
List the models and voices of a server; the same as antiphon models alone.

examples:
  antiphon models list
"""


def add_to(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(commands, "models", summary="list models and voices, add more", explanation=_EXPLANATION)
    _add_list_options(parser)
    inner = parser.add_subparsers(title="commands", metavar="COMMAND")
    _add_list_options(add_command(inner, "list", summary="list models and voices", explanation=_LIST))
    models_add.add_to(inner)


def _add_list_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    add_server_options(parser)
    parser.set_defaults(run=run)


async def run(options: argparse.Namespace) -> int:
    """List them."""
    async with client_of(options) as client:
        models, voices = await client.models(), await client.voices()
    if options.json:
        found = {"models": [_plain(model) for model in models], "voices": [_plain(voice) for voice in voices]}
        print(json.dumps(found, indent=2))
        return 0
    console = Console()
    console.print(_model_table(models), _voice_table(voices))
    return 0


def _plain(message: Model | Voice) -> object:
    return MessageToDict(message, preserving_proto_field_name=True)


def _table(title: str, *headers: str) -> Table:
    table = Table(title=title, title_justify="left")
    for header in headers:
        table.add_column(header, overflow="fold")  # an alias that is cut cannot be copied
    return table


def _model_table(models: list[Model]) -> Table:
    table = _table("Models", "model", "does", "state", "also called", "licence")
    for model in models:
        name = f"{model.id} (default)" if model.is_default else model.id
        kind = ModelKind.Name(model.kind).removeprefix("MODEL_KIND_").lower()
        state = ModelState.Name(model.state).removeprefix("MODEL_STATE_").lower()
        table.add_row(name, kind, state, ", ".join(model.aliases), model.license)
    return table


def _voice_table(voices: list[Voice]) -> Table:
    table = _table("Voices", "voice", "model", "languages", "also called", "how it sounds")
    for voice in voices:
        languages, aliases = ", ".join(voice.languages), ", ".join(voice.aliases)
        table.add_row(voice.id, voice.model, languages, aliases, voice.description)
    return table
