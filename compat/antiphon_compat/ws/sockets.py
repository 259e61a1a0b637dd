"""The sockets of a route: how many there may be at once, and how all of them end."""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Protocol, TypeVar

from aiohttp import WSCloseCode, web

from antiphon_compat.settings import CONFIG_KEY
from antiphon_compat.ws.connection import Connection


class Session(Protocol):
    """What one client has on a socket."""

    connection: Connection

    async def run(self) -> None:
        """Serve the client until its socket closes."""
        ...

    async def drain(self) -> None:
        """Finish what is being made, then close."""
        ...


SessionT = TypeVar("SessionT", bound=Session)


async def hold(
    request: web.Request, session: SessionT, sessions: set[SessionT], limits: dict[str, str]
) -> web.WebSocketResponse:
    """Answer the handshake and run the session, unless all places are taken.

    Args:
        request: The handshake.
        session: What to run.
        sessions: Those that run on this route.
        limits: Headers of the answer.
    """
    ws = await session.connection.open(limits)
    max_sockets = request.app[CONFIG_KEY].max_sockets
    if len(sessions) >= max_sockets:
        await session.connection.close(WSCloseCode.TRY_AGAIN_LATER, f"all {max_sockets} sockets are taken")
        return ws
    sessions.add(session)
    try:
        await session.run()
    finally:
        sessions.discard(session)
    return ws


async def close_all(sessions: Iterable[Session], *, grace_s: float) -> None:
    """Close every socket within the grace; a client would otherwise hold the process up for ever."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(grace_s):
            await asyncio.gather(*(session.drain() for session in sessions))
