"""The command ``antiphon-server``."""

import argparse
import asyncio
import sys

import uvloop

from antiphon_server.config.load import ConfigError, explain, load_config
from antiphon_server.config.surroundings import settle_grpc
from antiphon_server.telemetry.logs import start_logs

_EPILOG = """\
examples:
  antiphon-server                                  embedded models on 127.0.0.1:50051
  antiphon-server --listen 0.0.0.0:50051           for other machines too
  antiphon-server --config antiphon.toml           your own models, limits, scenarios
  antiphon-server --print-config                   what is in effect, and where each value came from

Every setting can also be given as ANTIPHON_NAME in the environment, such as ANTIPHON_LIMITS_MAX_AUDIO_MS.
"ready grpc=HOST:PORT" is printed on standard output once every model has answered a real call.
"""


def main(argv: list[str] | None = None) -> int:
    """Read the command line, then serve."""
    arguments = _parser().parse_args(argv)
    flags = {"listen": arguments.listen, "metrics_listen": arguments.metrics, "grace_s": arguments.grace}
    if arguments.tts:
        flags["tts"] = {"engine": arguments.tts}
    if arguments.strict_models:
        flags["strict_models"] = True
    try:
        loaded = load_config(flags, arguments.config)
    except ConfigError as error:
        print(f"antiphon-server: {error}", file=sys.stderr)  # noqa: T201 - for whoever started it
        return 2
    if arguments.print_config:
        print(explain(loaded))  # noqa: T201 - asked for
        return 0
    start_logs(loaded.config.log_level)
    settle_grpc()
    from antiphon_server.app import serve  # noqa: PLC0415 - grpc reads its environment when it is imported

    return uvloop.run(serve(loaded.config)) if sys.platform != "win32" else asyncio.run(serve(loaded.config))


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
    parser.add_argument("--tts", metavar="ENGINE", help="the default voices: hibari, or kokoro if it was added")
    parser.add_argument("--strict-models", action="store_true", help="refuse aliases of models instead of mapping them")
    parser.add_argument("--print-config", action="store_true", help="show the settings in effect and stop")
    return parser


if __name__ == "__main__":
    sys.exit(main())
