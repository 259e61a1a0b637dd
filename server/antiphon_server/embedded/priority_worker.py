"""Threads for one model, given to the most urgent waiting jobs."""

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

    @property
    def is_set(self) -> bool:
        """Whether the work was asked to stop."""
        return self._flag.is_set()

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


class Turns:
    """Deals out turns, so that a caller with many jobs does not hold up one with few."""

    def __init__(self) -> None:
        self._last: dict[str, int] = {}
        self._now = 0

    def next_of(self, caller: str) -> int:
        """Give the number of a caller's next turn; smaller ones go first."""
        self._last[caller] = turn = max(self._now, self._last.get(caller, 0)) + 1
        return turn

    def begin(self, turn: int) -> None:
        """Take a turn; callers whose turns are all over are forgotten."""
        self._now = max(self._now, turn)
        self._last = {caller: last for caller, last in self._last.items() if last > self._now}


class PriorityWorker:
    """Runs blocking jobs, a few at a time. All methods belong to one event loop at a time."""

    def __init__(self, name: str, *, max_waiting: int, num_places: int = 1) -> None:
        """Make the threads.

        Args:
            name: Prefix of their names.
            max_waiting: Jobs that may wait; more are refused.
            num_places: Jobs of rank 0 that run at once.
        """
        self._executor = ThreadPoolExecutor(num_places, thread_name_prefix=name)
        self._max_waiting = max_waiting
        self._num_places = num_places
        self._order = itertools.count()
        self._turns = Turns()
        self._waiting: list[tuple[int, int, int, asyncio.Future[Interruption]]] = []
        self._running: dict[Interruption, int] = {}

    async def run(
        self, work: Callable[[Interruption], Result], *, rank: int, caller: str = "", may_interrupt: bool = True
    ) -> Result:
        """Wait for a turn, run ``work`` in a thread, and return what it returned.

        Jobs of rank 0 go first. One of a higher rank begins when nothing runs, so that those who come next wait for one
        at the most. A job that ``may_interrupt`` stops running ones of a higher rank, which then begin anew. Callers
        take turns within a rank. Cancelling a waiting job means it never runs; cancelling a running one interrupts it.

        Raises:
            Overloaded: If too many jobs wait.
        """
        while True:
            interruption = await self._turn(rank, caller, may_interrupt=may_interrupt)
            try:
                return await self._started(work, interruption)
            except Interrupted:
                continue

    async def _turn(self, rank: int, caller: str, *, may_interrupt: bool) -> Interruption:
        """Wait for a place; it is taken when this returns."""
        for running, running_rank in self._running.items():
            if may_interrupt and rank < running_rank:
                running.set()
        turn = self._turns.next_of(caller)
        if self._has_place(rank):
            return self._take_place(rank, turn)
        if len(self._waiting) >= self._max_waiting:
            raise Overloaded(f"{len(self._waiting)} jobs wait for the model already", retry_after_s=1.0)
        ticket: asyncio.Future[Interruption] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (rank, turn, next(self._order), ticket))
        try:
            return await ticket
        except asyncio.CancelledError:
            self._give_up(ticket)
            raise

    def _has_place(self, rank: int) -> bool:
        return len(self._running) < (self._num_places if rank == 0 else 1)

    def _take_place(self, rank: int, turn: int) -> Interruption:
        self._turns.begin(turn)
        interruption = Interruption()
        self._running[interruption] = rank
        return interruption

    def _give_up(self, ticket: asyncio.Future[Interruption]) -> None:
        if ticket.done() and not ticket.cancelled():
            self._free(ticket.result())
            return
        self._waiting = [entry for entry in self._waiting if entry[3] is not ticket]
        heapq.heapify(self._waiting)

    async def _started(self, work: Callable[[Interruption], Result], interruption: Interruption) -> Result:
        loop = asyncio.get_running_loop()

        def ended(_: Future[Result]) -> None:
            if not loop.is_closed():
                loop.call_soon_threadsafe(self._free, interruption)

        future = self._executor.submit(work, interruption)
        future.add_done_callback(ended)
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            interruption.set()
            raise

    def _free(self, interruption: Interruption) -> None:
        """Give a place back, and free places to those that wait."""
        del self._running[interruption]
        while self._waiting and self._has_place(self._waiting[0][0]):
            rank, turn, _, ticket = heapq.heappop(self._waiting)
            if not ticket.done():
                ticket.set_result(self._take_place(rank, turn))
