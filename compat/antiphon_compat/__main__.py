"""Command ``antiphon-compat``: HTTP and WebSocket in front of an Antiphon gRPC server."""

import asyncio
import logging
import sys
import warnings

from aiohttp import BadContentDispositionHeader, BadContentDispositionParam

from antiphon_compat.app import serve
from antiphon_compat.config import ConfigError, Settings, load

try:
    from uvloop import new_event_loop
except ImportError:  # pragma: no cover  # not published for Windows
    from asyncio import new_event_loop  # type: ignore[assignment]


def main() -> None:
    """Run until a signal; exits 2 on a bad setting and 1 where the address cannot be listened on."""
    try:
        settings = load(sys.argv[1:])
        if settings.print_only:
            sys.stdout.write(settings.describe() + "\n")
            return
        _run(settings)
    except ConfigError as error:
        sys.exit(_complain(str(error), 2))
    except OSError as error:
        sys.exit(_complain(f"cannot listen: {error.strerror}", 1))


def _run(settings: Settings) -> None:
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    logging.getLogger("aiohttp").setLevel(logging.CRITICAL)  # it quotes what callers sent; our own line says the rest
    for category in (BadContentDispositionHeader, BadContentDispositionParam):  # the same, and not as JSON either
        warnings.simplefilter("ignore", category)
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(serve(settings.config))


def _complain(message: str, status: int) -> int:
    sys.stderr.write(f"antiphon-compat: {message}\n")
    return status


if __name__ == "__main__":
    main()
