"""The wire side of one bidirectional call: config first, controls while it runs, idle limit, one ending."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

from google.protobuf.message import DecodeError
from grpc import aio

from antiphon_server.errors import ConfigFirst, DeadlineExceeded, StreamOrder
from antiphon_server.rpc.checks import undecodable
from antiphon_server.rpc.requestid import REQUEST_ID


class BidiStream:
    """Reads and writes of one call. Writes are serialised; the first one sends the initial metadata."""

    def __init__(self, context: Any, *, arm: str, config_timeout_ms: int, idle_timeout_ms: int) -> None:  # noqa: ANN401 - grpc's types
        """Wrap a call.

        Args:
            context: The servicer context.
            arm: Name of the request's oneof.
            config_timeout_ms: Limit for the first message.
            idle_timeout_ms: Limit without messages while nothing is being made.
        """
        self._context = context
        self._arm = arm
        self._config_timeout_ms = config_timeout_ms
        self._idle_timeout_ms = idle_timeout_ms
        self._lock = asyncio.Lock()
        self._has_written = False
        self._active_at = time.monotonic()

    async def read_config(self) -> Any:  # noqa: ANN401 - a message of the contract
        """Read the first message and return its config.

        Raises:
            ConfigFirst: If it is not a config, or does not come in time.
        """
        limit_ms = self._config_timeout_ms
        try:
            async with asyncio.timeout(limit_ms / 1000):
                message = await self._receive()
        except TimeoutError:
            raise ConfigFirst(
                f"the first message must be config; none came within {limit_ms} ms", field="config"
            ) from None
        if message is aio.EOF:
            raise ConfigFirst("the first message must be config; the stream was empty", field="config")
        kind = message.WhichOneof(self._arm)
        if kind != "config":
            raise ConfigFirst(f"the first message must be config, not {kind or 'an empty message'}", field="config")
        return message.config

    async def read(self) -> tuple[str, Any] | None:
        """Read the next message as (kind, value); None at half-close.

        Raises:
            StreamOrder: If it is empty, or a second config.
        """
        message = await self._receive()
        self._active_at = time.monotonic()
        if message is aio.EOF:
            return None
        kind = message.WhichOneof(self._arm)
        if kind is None:
            raise StreamOrder(f"{self._arm} must hold exactly one kind of message; this one is empty", field=self._arm)
        if kind == "config":
            raise StreamOrder(
                f"config must be sent once, as the first message; {_how_to_change(message)}", field="config"
            )
        return kind, getattr(message, kind)

    async def _receive(self) -> Any:  # noqa: ANN401 - a message of the contract, or EOF
        try:
            return await self._context.read()
        except DecodeError:
            raise undecodable(self._arm) from None

    async def write(self, message: Any) -> None:  # noqa: ANN401 - a message of the contract
        """Write a response; returns when flow control has taken it."""
        async with self._lock:
            if not self._has_written:
                self._has_written = True
                await self._context.send_initial_metadata((("x-request-id", REQUEST_ID.get()),))
            await self._context.write(message)
        self._active_at = time.monotonic()

    async def watch_idle(self, is_busy: Callable[[], bool]) -> None:
        """End the call when nothing was said and nothing was made for too long.

        Raises:
            DeadlineExceeded: When that happens.
        """
        limit_s = self._idle_timeout_ms / 1000
        while True:
            quiet_s = 0.0 if is_busy() else time.monotonic() - self._active_at
            if quiet_s >= limit_s:
                raise DeadlineExceeded(f"the stream was idle for {self._idle_timeout_ms} ms, the announced limit")
            await asyncio.sleep(min(limit_s - quiet_s, limit_s / 2) + 0.001)


def _how_to_change(message: Any) -> str:  # noqa: ANN401 - a message of the contract
    has_update = "update" in message.DESCRIPTOR.fields_by_name
    return "use update to change it" if has_update else "make another call to change it"


async def run_call(work: Awaitable[None], *beside: Awaitable[None]) -> None:
    """Do the work of a call beside its readers and watchers; the first failure, or the end of the work, ends all."""
    main = asyncio.ensure_future(work)
    others = [asyncio.ensure_future(task) for task in beside]
    pending: set[asyncio.Future[None]] = {main, *others}
    try:
        while not main.done():
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            for task in [main] if main in done else done:
                task.result()
    finally:
        for task in (main, *others):
            task.cancel()
        await asyncio.wait([main, *others])
        for task in (main, *others):
            if not task.cancelled():
                task.exception()  # seen: only the first failure is the call's
