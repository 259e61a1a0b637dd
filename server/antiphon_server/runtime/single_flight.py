"""One computation for all who ask for the same thing at once, and its result for those who ask later."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial

from antiphon_server.errors import Overloaded


@dataclass(slots=True)
class _Flight:
    """A computation that has not ended."""

    task: asyncio.Task[bytes]
    num_waiting: int = 0


class SingleFlight:
    """Results by key, those used least recently dropped first. For the coroutines of one event loop."""

    def __init__(self, *, max_bytes: int, max_flights: int) -> None:
        """Begin empty.

        Args:
            max_bytes: Results kept, in all.
            max_flights: Computations at once; one more is refused.
        """
        self._max_bytes, self._max_flights = max_bytes, max_flights
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._flights: dict[bytes, _Flight] = {}
        self.num_bytes = 0

    async def get(self, key: bytes, compute: Callable[[], Coroutine[None, None, bytes]]) -> bytes:
        """Give the result of a key, computing it if nobody has. Failures are not kept.

        A caller that is cancelled takes nothing from the others; with the last of them the computation is cancelled.

        Raises:
            Overloaded: If too much is being computed already.
            Exception: Whatever ``compute`` raises, for all who wait for it.
        """
        if key in self._kept:
            self._kept.move_to_end(key)
            return self._kept[key]
        flight = self._flights.get(key) or self._start(key, compute)
        flight.num_waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.num_waiting -= 1
            if not flight.num_waiting and not flight.task.done():
                del self._flights[key]
                flight.task.cancel()

    def _start(self, key: bytes, compute: Callable[[], Coroutine[None, None, bytes]]) -> _Flight:
        if len(self._flights) >= self._max_flights:
            raise Overloaded(f"{self._max_flights} clips are being encoded or wait for it already", retry_after_s=1.0)
        flight = self._flights[key] = _Flight(asyncio.create_task(compute()))
        flight.task.add_done_callback(partial(self._land, key))
        return flight

    def _land(self, key: bytes, task: asyncio.Task[bytes]) -> None:
        if task.cancelled():
            return  # nobody waits any more, and it is off the list
        del self._flights[key]
        if task.exception() is None:
            self._keep(key, task.result())

    def _keep(self, key: bytes, result: bytes) -> None:
        self._kept[key] = result
        self.num_bytes += len(key) + len(result)
        while self.num_bytes > self._max_bytes:
            oldest, dropped = self._kept.popitem(last=False)
            self.num_bytes -= len(oldest) + len(dropped)
