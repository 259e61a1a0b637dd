"""One thread for one model, given to the most urgent waiting job."""

import asyncio
import heapq
import itertools
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from antiphon_server.errors import Overloaded

Result = TypeVar("Result")


class Interrupted(Exception):
    """Raised inside work that found its interruption flag set."""


class Interruption:
    """Flag that tells running work to stop at its next checkpoint."""

    def __init__(self) -> None:
        self._flag = threading.Event()

    def set(self) -> None:
        """Ask the work to stop."""
        self._flag.set()

    def check(self) -> None:
        """Pass a checkpoint.

        Raises:
            Interrupted: If the work was asked to stop.
        """
        if self._flag.is_set():
            raise Interrupted


class PriorityWorker:
    """Runs blocking jobs one at a time. All methods belong to one event loop at a time."""

    def __init__(self, name: str, *, max_waiting: int) -> None:
        """Make the thread.

        Args:
            name: Prefix of the thread's name.
            max_waiting: Jobs that may wait; more are refused.
        """
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)
        self._max_waiting = max_waiting
        self._order = itertools.count()
        self._waiting: list[tuple[int, int, asyncio.Future[None]]] = []
        self._running: tuple[int, Interruption] | None = None

    async def run(self, work: Callable[[Interruption], Result], *, rank: int) -> Result:
        """Wait for a turn, run ``work`` in the thread, and return what it returned.

        A job of a lower ``rank`` goes first and interrupts a running job of a higher one, which then begins anew.
        Cancelling a waiting job means it never runs; cancelling a running one interrupts it.

        Raises:
            Overloaded: If too many jobs wait.
        """
        while True:
            await self._turn(rank)
            try:
                return await self._started(work, rank)
            except Interrupted:
                continue

    async def _turn(self, rank: int) -> None:
        if self._running is None:
            return
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(f"{len(self._waiting)} jobs wait for the model already", retry_after_s=1.0)
        running_rank, interruption = self._running
        if rank < running_rank:
            interruption.set()
        ticket = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, next(self._order), ticket))
        try:
            await ticket
        except asyncio.CancelledError:
            self._give_up(ticket)
            raise

    def _give_up(self, ticket: asyncio.Future[None]) -> None:
        if ticket.done() and not ticket.cancelled():
            self._running = None
            self._next()
            return
        self._waiting = [entry for entry in self._waiting if entry[2] is not ticket]
        heapq.heapify(self._waiting)

    async def _started(self, work: Callable[[Interruption], Result], rank: int) -> Result:
        loop = asyncio.get_running_loop()
        interruption = Interruption()
        self._running = (rank, interruption)

        def ended(_: Future[Result]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._free)

        future = self._executor.submit(work, interruption)
        future.add_done_callback(ended)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            interruption.set()
            raise

    def _free(self) -> None:
        self._running = None
        self._next()

    def _next(self) -> None:
        while self._waiting:
            rank, _, ticket = heapq.heappop(self._waiting)
            if not ticket.done():
                self._running = (rank, Interruption())  # the place is taken until the ticket's owner starts
                ticket.set_result(None)
                return
