"""Sends the input of a call in the background while its output is read."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Coroutine

from antiphon_client.errors import AntiphonError


@contextlib.asynccontextmanager
async def feeding(sending: Coroutine[None, None, None], *, abort: Callable[[], None]) -> AsyncIterator[None]:
    """Run ``sending`` beside the block; its end never outlives the block.

    If the caller's own input raises, the call is aborted and that exception leaves the block. If the call itself
    fails, the reader in the block sees the same failure with all its details, so the sender's copy is dropped.

    Args:
        sending: What writes to the call.
        abort: Cancels the call, so that a reader waiting in the block wakes up.
    """
    task = asyncio.ensure_future(sending)
    task.add_done_callback(lambda ended: abort() if _input_error(ended) else None)
    try:
        yield
    except AntiphonError:
        if cause := _input_error(task):
            raise cause from None
        raise
    finally:
        task.cancel()
        await asyncio.wait([task])
    if cause := _input_error(task):
        raise cause


def _input_error(task: "asyncio.Future[None]") -> BaseException | None:
    """The exception the caller's input raised, if it did."""
    if not task.done() or task.cancelled():
        return None
    error = task.exception()
    return None if isinstance(error, AntiphonError) else error
