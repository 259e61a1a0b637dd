"""Who is next: callers take turns, and each caller's own sequences go by deadline, then by age."""

from bisect import insort
from collections import Counter, OrderedDict
from collections.abc import Hashable, Iterator
from math import inf

from antiphon_server.engine.sequence import Sequence


class WaitingRoom:
    """Sequences that have no place yet, and how many places each caller has."""

    def __init__(self) -> None:
        """Begin with nobody."""
        self._queues: OrderedDict[Hashable, list[Sequence]] = OrderedDict()
        self._num_places: Counter[Hashable] = Counter()
        self._num_waiting = 0

    def __len__(self) -> int:
        """Count who waits; any thread may ask."""
        return self._num_waiting

    def __iter__(self) -> Iterator[Sequence]:
        return (sequence for queue in self._queues.values() for sequence in queue)

    def add(self, sequence: Sequence) -> None:
        """Let a sequence wait."""
        insort(self._queues.setdefault(sequence.ask.caller, []), sequence, key=_turn)
        self._num_waiting += 1

    def next(self) -> Sequence | None:
        """Choose the first of the caller with the fewest places; among equals, whose turn is longest ago."""
        caller = min(self._queues, key=self._num_places.__getitem__, default=None)
        return None if caller is None else self._queues[caller][0]

    def seat(self, sequence: Sequence) -> None:
        """Let a sequence go to a place; its caller is last in turn now."""
        caller = sequence.ask.caller
        self.leave(sequence)
        self._num_places[caller] += 1
        if caller in self._queues:
            self._queues.move_to_end(caller)

    def leave(self, sequence: Sequence) -> None:
        """Let a sequence go without a place."""
        queue = self._queues[sequence.ask.caller]
        queue.remove(sequence)
        if not queue:
            del self._queues[sequence.ask.caller]
        self._num_waiting -= 1

    def vacate(self, sequence: Sequence) -> None:
        """Note that a sequence has given its place back."""
        caller = sequence.ask.caller
        self._num_places[caller] -= 1
        if not self._num_places[caller]:
            del self._num_places[caller]


def _turn(sequence: Sequence) -> tuple[float, int]:
    due_at = sequence.ask.due_at
    return inf if due_at is None else due_at, sequence.number
