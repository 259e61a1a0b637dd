"""One bidirectional call: opened with retries, read and written at once, cancelled on leaving."""

import asyncio
from types import TracebackType
from typing import Generic, Self, TypeVar, cast

import grpc

from antiphon_client.connection import CallOptions, Connection
from antiphon_client.ending import CallEnding
from antiphon_client.error_details import read_details
from antiphon_client.errors import AntiphonError, BadRequest, Cancelled, ServerFailed, from_rpc_error

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")


class MessageStream(Generic[RequestT, ResponseT]):
    """A bidirectional call, live inside ``async with``.

    Entering sends the config and waits for the server's first response; a retryable failure until then is retried
    by the client's policy. Leaving cancels what still runs. One task may read while another writes. Cancelling a
    wait (also by ``asyncio.timeout``) cancels the whole call.
    """

    def __init__(
        self,
        connection: Connection,
        method: grpc.aio.StreamStreamMultiCallable[RequestT, ResponseT],
        config: RequestT,
        *,
        call: CallOptions,
    ) -> None:
        """Prepare the call; nothing is sent before ``async with``."""
        self._connection = connection
        self._method = method
        self._config = config
        self._options = call
        self._call: grpc.aio.StreamStreamCall[RequestT, ResponseT] | None = None
        self._first: ResponseT | None = None
        self._ending: CallEnding | None = None
        self._is_aborted = False

    async def __aenter__(self) -> Self:
        await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.abort()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ResponseT:
        response = await self._read(self._running())
        if response is None:
            raise StopAsyncIteration
        return response

    async def close_sending(self) -> None:
        """Half-close: nothing more will be sent. The server ends the call when it is done."""
        await self._running().done_writing()

    def abort(self) -> None:
        """Cancel the call at once, from any task; a waiting reader gets :class:`Cancelled`."""
        if self._call is not None and not self._call.done():
            self._is_aborted = True
            self._call.cancel()

    @property
    def first_response(self) -> ResponseT:
        """The response that opened the stream; iteration starts after it."""
        if self._first is None:
            raise RuntimeError("the stream is not open; use it inside `async with`")
        return self._first

    async def send(self, request: RequestT) -> None:
        """Send one message, waiting while the server is not ready for more.

        Raises:
            AntiphonError: The call has ended.
        """
        call = self._running()
        try:
            await call.write(request)
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError) as error:
            await self._settle()
            raise self._refusal(call, error) from error
        except asyncio.CancelledError:
            self._raise_if_aborted()
            raise

    def _running(self) -> grpc.aio.StreamStreamCall[RequestT, ResponseT]:
        if self._call is None:
            raise RuntimeError("the stream is not open; use it inside `async with`")
        return self._call

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        timeout_s = self._options.timeout_s
        ends_at = None if timeout_s is None else loop.time() + timeout_s
        num_retries = 0
        while True:
            left_s = None if ends_at is None else ends_at - loop.time()
            try:
                return await self._try_open(left_s)
            except AntiphonError as error:
                wait_s = self._connection.retry.wait_s(error, num_retries)
                if wait_s is None or (ends_at is not None and loop.time() + wait_s >= ends_at):
                    raise
            num_retries += 1
            await asyncio.sleep(wait_s)

    async def _try_open(self, timeout_s: float | None) -> None:
        call = self._method(timeout=timeout_s, metadata=self._connection.metadata(self._options))
        self._call, self._ending = call, CallEnding(call)
        await self.send(self._config)
        first = await self._read(call)
        if first is None:
            raise ServerFailed("The server ended the call without an answer.")
        self._first = first

    async def _read(self, call: grpc.aio.StreamStreamCall[RequestT, ResponseT]) -> ResponseT | None:
        """Wait for the next response; ``None`` after the last."""
        try:
            response = await call.read()
        except grpc.aio.AioRpcError as error:
            await self._settle()
            if self._ending and self._ending.is_ok:
                return None
            raise self._translate(error) from error
        except asyncio.CancelledError:
            self._raise_if_aborted()
            raise
        return None if response is grpc.aio.EOF else cast("ResponseT", response)

    async def _settle(self) -> None:
        if self._ending:
            await self._ending.settle()

    def _raise_if_aborted(self) -> None:
        """Tell a call cancelled by :meth:`abort` from a task that is being cancelled."""
        task = asyncio.current_task()
        if self._is_aborted and not (task and task.cancelling()):
            message = "The call was cancelled."
            raise Cancelled(message, reason="CANCELLED", grpc_code=grpc.StatusCode.CANCELLED) from None

    def _refusal(
        self,
        call: grpc.aio.StreamStreamCall[RequestT, ResponseT],
        error: grpc.aio.AioRpcError | asyncio.InvalidStateError,
    ) -> AntiphonError:
        """Say why nothing can be written any more."""
        failed = self._ending.error if self._ending else None
        if call.cancelled() and not (failed and read_details(failed).reason):
            return Cancelled("The call was cancelled.", reason="CANCELLED", grpc_code=grpc.StatusCode.CANCELLED)
        if self._ending and self._ending.is_ok:
            return BadRequest("The server has ended the call; nothing more can be sent.", reason="STREAM_ORDER")
        if isinstance(error, grpc.aio.AioRpcError):
            return self._translate(error)
        if failed:
            return self._translate(failed)
        return BadRequest("Nothing can be sent after the end of the input.", reason="STREAM_ORDER")

    def _translate(self, error: grpc.aio.AioRpcError) -> AntiphonError:
        true_error = (self._ending and self._ending.error) or error
        return from_rpc_error(true_error, target=self._connection.target, was_answered=self._first is not None)
