"""What a step of the engine's policy costs, with a runner that computes nothing: rows, codec windows, ends, newcomers.

Beside it, in turns, stands the floor: a bare Python loop that hands every sequence its row and keeps it. A step on the
GPU is to take 2.6 ms, and the policy's time comes on top of it wherever it is not hidden behind the launch. Times are
the thread's own, so that a step during which another process ran is not counted as slow.
"""

import functools
import statistics
import time
from collections import deque
from collections.abc import Sequence

from _harness import Bench, Figure, figure, ratio_of

from antiphon_server.engine import sequence as sequences
from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart, Row, WindowPart, WindowsAtOnce
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import SpeechError

NUM_STEPS = {1: 4000, 16: 2000, 64: 1000, 256: 500}
"""Timed steps by the number of sequences that run at once."""
LIMITS_US = {64: 150.0, 256: 400.0}
GPU_STEP_US = 2600.0
NUM_ROWS = 300
"""Twelve seconds of speech: windows of all sizes, and a newcomer for everyone who ends."""
NUM_ROUNDS = 5
ROW: Row = (5,) * 8


@functools.cache
def speech(num_frames: int) -> bytes:
    """Samples that are not silent; made once, since making them is not the policy's work."""
    return b"\x00\x10" * (960 * num_frames)


class IdleRunner(WindowsAtOnce):
    """A Runner whose results are there already."""

    block_size = 16
    max_lag = 2

    def __init__(self, max_sequences: int) -> None:
        super().__init__()
        self.max_sequences = max_sequences
        self.num_blocks = 24 * max_sequences
        self._launched: deque[int] = deque()

    def begin(self, slot: int, draw: Draw) -> None:
        """Nothing to prepare."""

    def prefill(self, part: PrefillPart) -> None:
        if part.is_last:
            self._launched.append(1)

    def launch(self, parts: Sequence[DecodePart]) -> None:
        self._launched.append(len(parts))

    def collect(self) -> Sequence[Row]:
        return [ROW] * self._launched.popleft()

    def decode_windows(self, parts: Sequence[WindowPart]) -> Sequence[bytes]:
        return [speech(len(part.rows) - 7 - part.num_left - part.num_right) for part in parts]

    def end(self, slot: int) -> None:
        """Nothing to free."""


class Reader:
    """Takes everything at once."""

    sequence: sequences.Sequence

    def __init__(self, loop: StepLoop) -> None:
        self._loop = loop

    def take_audio(self, pcm: bytes) -> None:
        self._loop.note_delivered(self.sequence, len(pcm) // 2)

    def take_end(self, sequence: sequences.Sequence) -> None:
        """Nothing to do."""

    def take_failure(self, error: SpeechError) -> None:
        raise error


def submit(loop: StepLoop) -> None:
    reader = Reader(loop)
    reader.sequence = loop.submit(sequences.Ask(tuple(range(60)), 32, Draw(seed=1), NUM_ROWS), reader)


def crowded_loop(num_sequences: int) -> StepLoop:
    """A loop whose places are all taken, by sequences that began one step apart."""
    loop = StepLoop(IdleRunner(num_sequences), time.perf_counter)
    while loop.num_running < num_sequences:
        submit(loop)
        loop.step()
    return loop


def policy_us(loop: StepLoop, num_sequences: int, num_steps: int) -> list[float]:
    """Time of each step; newcomers are handed in between steps, as another thread would."""
    times_us = []
    for _ in range(num_steps):
        while loop.num_running + loop.num_waiting < num_sequences:
            submit(loop)
        began_at = time.thread_time()
        loop.step()
        times_us.append((time.thread_time() - began_at) * 1e6)
    return times_us


def floor_us(num_sequences: int, num_steps: int) -> list[float]:
    """Time of what no policy can do without: name everyone to the runner, and keep everyone's row."""
    runner = IdleRunner(num_sequences)
    rows: list[list[Row]] = [[] for _ in range(num_sequences)]
    parts = [DecodePart(slot, 60, []) for slot in range(num_sequences)]
    times_us = []
    for _ in range(num_steps):
        began_at = time.thread_time()
        for part in parts:
            part.length += 1
        runner.launch(parts)
        for kept, row in zip(rows, runner.collect(), strict=True):
            kept.append(row)
        times_us.append((time.thread_time() - began_at) * 1e6)
    return times_us


def measure(bench: Bench, num_sequences: int) -> None:
    loop, num_steps = crowded_loop(num_sequences), NUM_STEPS[num_sequences]
    policy_us(loop, num_sequences, NUM_ROWS)  # until every age is there
    ours, floor, means = [], [], []
    for _ in range(NUM_ROUNDS):
        taken = policy_us(loop, num_sequences, num_steps // NUM_ROUNDS)
        means.append(statistics.fmean(taken))
        ours += taken
        floor += floor_us(num_sequences, num_steps // NUM_ROUNDS)
    said = f"{num_sequences} sequence{'s' if num_sequences > 1 else ''}"
    limit = LIMITS_US.get(num_sequences)
    share = statistics.fmean(ours) / GPU_STEP_US * 100
    bench.add(
        figure(f"policy, a step, {said}", ours, unit="us", limit=limit),
        figure(f"policy, mean of {num_steps // NUM_ROUNDS} steps in a row, {said}", means, unit="us", limit=limit),
        figure(f"bare Python loop over the same rows, {said}", floor, unit="us"),
        ratio_of(
            f"policy / bare loop, {said}", ours, floor, to=f"bare Python loop over the same rows, {said}", limit=None
        ),
        Figure(f"policy's mean share of a step of {GPU_STEP_US / 1000} ms, {said}", "%", share, share, 1),
    )


def main() -> None:
    bench = Bench("engine_policy")
    for num_sequences in NUM_STEPS:
        bench.begin(f"{num_sequences} at once")
        measure(bench, num_sequences)
    bench.save()


if __name__ == "__main__":
    main()
