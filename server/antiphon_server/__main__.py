"""The command ``antiphon-server``."""

import argparse
import asyncio
import dataclasses
import sys
from collections.abc import Iterator
from typing import Any

import uvloop

from antiphon_server.config.load import ConfigError, explain, load_config
from antiphon_server.config.settings import Config
from antiphon_server.config.surroundings import settle_grpc
from antiphon_server.embedded import whisper_files
from antiphon_server.errors import SpeechError
from antiphon_server.runtime import checkpoint_command
from antiphon_server.runtime.checkpoint_options import CheckpointOptions, explained, settled
from antiphon_server.runtime.higgs_options import HiggsOptions
from antiphon_server.runtime.stt_options import SttOptions
from antiphon_server.telemetry.logs import start_logs
from antiphon_server.telemetry.progress import progress_on_stderr

_EPILOG = """\
examples:
  antiphon-server                                  embedded models on 127.0.0.1:50051
  antiphon-server --listen 0.0.0.0:50051           for other machines too
  antiphon-server --config antiphon.toml           your own models, limits, scenarios
  antiphon-server --print-config                   what is in effect, and where each value came from
  antiphon-server --tts higgs --checkpoint DIR|ID  Higgs Audio v3 TTS, from a folder or a hub; needs the extra [higgs]
  antiphon-server --stt higgs --checkpoint DIR|ID  Higgs Audio v3 STT, the same way
  antiphon-server --stt whisper --checkpoint turbo Whisper of another size, from the hub once, or of a folder
  antiphon-server checkpoint --help                what a checkpoint holds, and random ones for tests

Every setting can also be given as ANTIPHON_NAME in the environment, such as ANTIPHON_LIMITS_MAX_AUDIO_MS.
"ready grpc=HOST:PORT" is printed on standard output once every model has answered a real call.
"""

_HIGGS: dict[str, type[CheckpointOptions]] = {"tts": HiggsOptions, "second_tts": HiggsOptions, "stt": SttOptions}
"""Parts of the settings that may be Higgs, and the options they then have."""
_MODEL_OPTION = {("tts", "higgs"): "checkpoint", ("stt", "higgs"): "checkpoint", ("stt", "whisper"): "model"}
"""How engines that can have one of several models call it."""


def main(argv: list[str] | None = None) -> int:
    """Read the command line, then serve."""
    given = sys.argv[1:] if argv is None else argv
    if given[:1] == ["checkpoint"]:
        return checkpoint_command.main(given[1:])
    arguments = _parser().parse_args(given)
    flags: dict[str, Any] = {
        "listen": arguments.listen,
        "metrics_listen": arguments.metrics,
        "grace_s": arguments.grace,
    }
    if arguments.strict_models:
        flags["strict_models"] = True
    try:
        loaded = load_config(flags | _engines(arguments), arguments.config)
    except ConfigError as error:
        print(f"antiphon-server: {error}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 2
    if arguments.print_config:
        print("\n".join([explain(loaded), *_memory(loaded.config)]))  # noqa: T201 - asked for
        return 0
    start_logs(loaded.config.log_level)
    settle_grpc()
    try:
        config = _with_checkpoints(loaded.config)
    except SpeechError as error:
        print(f"antiphon-server: {error.message}", file=sys.stderr)  # noqa: T201
        return 1
    from antiphon_server.app import serve  # noqa: PLC0415 - grpc reads its environment when it is imported

    return uvloop.run(serve(config)) if sys.platform != "win32" else asyncio.run(serve(config))


def _with_checkpoints(config: Config) -> Config:
    """Put folders in place of a hub's ids: a download takes longer than an engine may take to start.

    Raises:
        SpeechError: If options cannot be used or a checkpoint cannot be had.
    """
    for part, kind in _of_higgs(config):
        settings = getattr(config, part)
        options = settled(settings.options, kind, progress_on_stderr("checkpoint: downloaded"))
        config = dataclasses.replace(config, **{part: dataclasses.replace(settings, options=options)})
    if config.stt.engine == "whisper":
        whisper_files.fetch(config.stt.options, progress_on_stderr("stt model: downloaded"))
    return config


def _memory(config: Config) -> Iterator[str]:
    """Explain the memory of models whose size the settings choose, as comments."""
    for part, kind in _of_higgs(config):
        try:
            lines = list(explained(getattr(config, part).options, kind))
        except SpeechError as error:
            lines = [f"memory cannot be foreseen: {error.message}"]
        yield from (f"# {part}: {line}" for line in lines)


def _of_higgs(config: Config) -> list[tuple[str, type[CheckpointOptions]]]:
    return [(part, kind) for part, kind in _HIGGS.items() if getattr(config, part).engine == "higgs"]


def _engines(arguments: argparse.Namespace) -> dict[str, Any]:
    """Read the flags that choose engines.

    Raises:
        ConfigError: If a checkpoint or device is given to nobody, or one checkpoint to two.
    """
    chosen = {part: name for part in ("tts", "stt") if (name := getattr(arguments, part))}
    takers = {part: _MODEL_OPTION[part, name] for part, name in chosen.items() if (part, name) in _MODEL_OPTION}
    given = {"stt": arguments.stt_checkpoint} if arguments.stt_checkpoint else {}
    if arguments.checkpoint:
        given.setdefault("tts" if "tts" in takers else "stt", arguments.checkpoint)
    if (arguments.checkpoint or arguments.device) and not takers:
        raise ConfigError("--checkpoint and --device need --tts higgs, --stt higgs or --stt whisper")
    if arguments.stt_checkpoint and "stt" not in takers:
        raise ConfigError("--stt-checkpoint needs --stt higgs or --stt whisper")
    if given and any(name == "higgs" and part not in given for part, name in chosen.items()):
        raise ConfigError("--tts higgs and --stt higgs are two models: give --checkpoint and --stt-checkpoint")
    flags: dict[str, Any] = {part: {"engine": name} for part, name in chosen.items()}
    for part, option in takers.items():
        options = {option: given.get(part), "device": arguments.device}
        flags[part]["options"] = {name: value for name, value in options.items() if value}
    return flags


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="antiphon-server",
        description="Speaks, listens and converses over gRPC.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--listen", metavar="HOST:PORT", help="gRPC address, default 127.0.0.1:50051; port 0 takes a free one"
    )
    parser.add_argument("--config", metavar="FILE", help="settings in TOML")
    parser.add_argument("--metrics", metavar="HOST:PORT", help="serve Prometheus metrics there; default: off")
    parser.add_argument(
        "--grace", metavar="SECONDS", type=float, help="time for calls in flight at the end, default 10"
    )
    parser.add_argument("--tts", metavar="ENGINE", help="the default voices: hibari, kokoro if it was added, or higgs")
    parser.add_argument("--stt", metavar="ENGINE", help="the model that listens: whisper or higgs")
    parser.add_argument(
        "--checkpoint",
        metavar="DIR|ID",
        help="model of --tts higgs, or else of --stt: a folder, a hub's owner/name@revision, or a size of Whisper",
    )
    parser.add_argument("--stt-checkpoint", metavar="DIR|ID", help="model of --stt where --checkpoint is of --tts")
    parser.add_argument("--device", help="what these models compute on: cpu, the default, cuda or cuda:N")
    parser.add_argument("--strict-models", action="store_true", help="refuse aliases of models instead of mapping them")
    parser.add_argument(
        "--print-config", action="store_true", help="show the settings in effect and the memory they ask for, and stop"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
