"""Who is next: callers take turns, and each caller's own sequences keep their order."""

from collections import Counter, OrderedDict, deque
from collections.abc import Hashable, Iterable, Iterator

from antiphon_server.engine.sequence import Sequence


class WaitingRoom:
    """Sequences that have no place yet."""

    def __init__(self) -> None:
        self._queues: OrderedDict[Hashable, deque[Sequence]] = OrderedDict()

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def __iter__(self) -> Iterator[Sequence]:
        return (sequence for queue in self._queues.values() for sequence in queue)

    def add(self, sequence: Sequence) -> None:
        """Let a sequence wait behind its caller's others."""
        self._queues.setdefault(sequence.ask.caller, deque()).append(sequence)

    def remove(self, sequence: Sequence) -> None:
        """Let a sequence go; its caller is last in turn now."""
        queue = self._queues.pop(sequence.ask.caller)
        queue.remove(sequence)
        if queue:
            self._queues[sequence.ask.caller] = queue

    def next(self, running: Iterable[Sequence]) -> Sequence | None:
        """Choose the first of the caller with the fewest running sequences; among equals, whose turn is longest ago."""
        places = Counter(sequence.ask.caller for sequence in running)
        caller = min(self._queues, key=lambda caller: places[caller], default=None)
        return None if caller is None else self._queues[caller][0]
