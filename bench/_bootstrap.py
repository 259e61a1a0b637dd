"""Paired bootstrap: whether two systems that heard the same utterances differ, or only their utterances do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

NUM_RESAMPLES = 10_000
SEED = 1
_CONFIDENCE_PERCENT = 95.0
Counts = npt.NDArray[np.int64]
"""A row for each utterance: words said, wrong words of one system, wrong words of the other."""

COLUMNS = "language, name, words said, wrong in one call, directly, streamed (- where it was not)"
"""Of a line of the results: what was counted in one utterance."""
ONE_CALL, DIRECTLY, STREAMED = 3, 4, 5


@dataclass(frozen=True, slots=True)
class Difference:
    """Word error rate of the one minus that of the other, in percentage points, with a 95 % interval."""

    points: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"95 %: {self.low:+.2f} to {self.high:+.2f}"


def paired_difference(groups: Mapping[str, Counts], *, num_resamples: int = NUM_RESAMPLES) -> Difference:
    """Compare over all groups together; each group keeps its size in every resample.

    Args:
        groups: Counts by language, or by whatever else was chosen beforehand and not by chance.
        num_resamples: Draws of as many utterances as there are, with replacement; seeded.
    """
    rng = np.random.default_rng(SEED)
    drawn = np.zeros((num_resamples, 3), np.int64)
    for name in sorted(groups):
        rows = groups[name]
        drawn += rows[rng.integers(0, len(rows), (num_resamples, len(rows)))].sum(axis=1)
    tail = (100 - _CONFIDENCE_PERCENT) / 2
    low, high = np.percentile(_points(drawn), [tail, 100 - tail])
    whole = np.sum([rows.sum(axis=0) for rows in groups.values()], axis=0, keepdims=True)
    return Difference(float(_points(whole)[0]), float(low), float(high))


def counts_by_language(lines: Sequence[str], ours: int) -> dict[str, Counts]:
    """Read lines of :data:`COLUMNS`: words said, words wrong in a column of ours, words wrong directly."""
    groups: dict[str, list[list[int]]] = {}
    for line in lines:
        fields = line.split()
        if fields[ours] != "-":
            groups.setdefault(fields[0], []).append([int(fields[2]), int(fields[ours]), int(fields[DIRECTLY])])
    return {language: np.array(counts, np.int64) for language, counts in groups.items()}


def _points(sums: Counts) -> npt.NDArray[np.float64]:
    points: npt.NDArray[np.float64] = 100.0 * (sums[:, 1] - sums[:, 2]) / sums[:, 0]
    return points
