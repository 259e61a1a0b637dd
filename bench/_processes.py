"""Our two processes, for the length of a measurement."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from support.servers import Compat, Server, start_compat, start_server


@contextmanager
def both(*arguments: str, config: Path | None = None) -> Iterator[tuple[Server, Compat]]:
    """Run a server and the HTTP front before it; both are gone afterwards."""
    server = start_server(*arguments, config=config)
    try:
        compat = start_compat(server)
        try:
            yield server, compat
        finally:
            compat.stop()
    finally:
        server.stop()
