"""Decoding in company: what several threads have encoded is decoded in one run, each as if it were alone.

A step of the decoder reads all its weights, for one transcript as for four. With 8-bit weights sums are exact whatever
the number of rows, so that a transcript's ids and scores do not depend on its company.
"""

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from antiphon_server.embedded.priority_worker import Interrupted, Interruption

Generate = Callable[..., list[Any]]
Join = Callable[[Sequence[Any]], Any]


@dataclass(slots=True, eq=False)
class _Request:
    encoded: Any
    prompt: list[int]
    options: dict[str, Any]
    interruption: Interruption
    result: Any = None
    error: BaseException | None = None
    is_done: bool = False
    key: tuple[Any, ...] = field(init=False)
    """Requests with the same key can be decoded together; what is drawn by chance is decoded alone."""

    def __post_init__(self) -> None:
        alone = id(self) if self.options.get("sampling_temperature", 1) != 1 else 0
        self.key = (
            alone,
            len(self.prompt),
            tuple(self.encoded.shape),
            sorted((name, repr(value)) for name, value in self.options.items()),
        )


class Company:
    """Decodes when all jobs under way have come to wait for it, so that a lone one never waits."""

    def __init__(self, generate: Generate, join: Join | None) -> None:
        """Begin without jobs.

        Args:
            generate: The model's own, for one run.
            join: Puts encoded windows into one batch; None: each is decoded alone.
        """
        self._generate, self._join = generate, join
        self._changed = threading.Condition()
        self._waiting: list[_Request] = []
        self._num_jobs = 0
        self._is_decoding = False

    @property
    def has_batches(self) -> bool:
        """Whether more than one is decoded at a time."""
        return self._join is not None

    @contextlib.contextmanager
    def job(self) -> Iterator[None]:
        """Count a job in; what waits for decoding waits for it too, until it ends or waits itself."""
        with self._changed:
            self._num_jobs += 1
        try:
            yield
        finally:
            with self._changed:
                self._num_jobs -= 1
                self._changed.notify_all()

    def generate(self, interruption: Interruption, encoded: object, prompt: list[int], **options: object) -> Any:  # noqa: ANN401 - the library has no types
        """Decode one window, inside ``job``; returns its result.

        Raises:
            Interrupted: If the job was asked to stop meanwhile.
            RuntimeError, ValueError: Whatever the model raises.
        """
        if self._join is None:
            interruption.check()
            return self._generate(encoded, [prompt], **options)[0]
        mine = _Request(encoded, prompt, options, interruption)
        with self._changed:
            self._waiting.append(mine)
            self._changed.notify_all()
            while not mine.is_done:
                if len(self._waiting) == self._num_jobs and not self._is_decoding:
                    self._decode_some()
                else:
                    self._changed.wait()
        if mine.error is not None:
            raise mine.error
        return mine.result

    def _decode_some(self) -> None:
        """Decode the first request and all that go with it; the lock is held, but not while the model runs."""
        stopped = [request for request in self._waiting if request.interruption.is_set]
        for request in stopped:
            request.error = Interrupted()
        self._waiting = [request for request in self._waiting if request not in stopped]
        batch = [request for request in self._waiting if request.key == self._waiting[0].key]
        self._waiting = [request for request in self._waiting if request not in batch]
        self._is_decoding = True
        self._changed.release()
        try:
            self._run(batch)
        finally:
            self._changed.acquire()
            self._is_decoding = False
            for request in (*stopped, *batch):
                request.is_done = True
            self._changed.notify_all()

    def _run(self, batch: Sequence[_Request]) -> None:
        try:
            if len(batch) > 1 and self._join is not None:
                encoded = self._join([request.encoded for request in batch])
                results = self._generate(encoded, [request.prompt for request in batch], **batch[0].options)
                for request, result in zip(batch, results, strict=True):
                    request.result = result
            elif batch:
                request = batch[0]
                request.result = self._generate(request.encoded, [request.prompt], **request.options)[0]
        except Exception as error:  # noqa: BLE001 - raised in the threads that asked
            if len(batch) == 1:
                batch[0].error = error
            else:  # one job's failure is not its neighbours'
                for request in batch:
                    self._run([request])


def joined(library: Any) -> Join:  # noqa: ANN401 - a module
    """Return what puts encoded windows, each float32 of [1, positions, width], into one batch."""

    def join(encoded: Sequence[Any]) -> Any:  # noqa: ANN401 - the runtime's own tensor
        return library.StorageView.from_array(np.concatenate([np.array(one) for one in encoded]))

    return join
