"""Faster or slower sound at the same pitch."""

import math
from fractions import Fraction

import av
import av.filter
import numpy as np

from antiphon_server.audio.floats import Floats

MIN_STEP = 0.5
MAX_STEP = 2.0
"""Outside these, ffmpeg's filter drops samples instead of blending them; a chain stays inside."""
_EDGE_MS = 5
"""Raised from silence at the beginning, lowered to it at the end: there the filter's sound may be cut anywhere."""
_BLOCK_MS = 10
"""The filter's sound depends a little on how its input is cut, so it is always cut alike."""
_LEAD_MS = 20
_SLOW_LEAD_MS = 40
"""The filter clicks once as it begins, up to so late; it begins in silence before the sound, which is thrown away."""


class PaceChanger:
    """Stretches one stream of mono samples in time; pieces give the same samples as the whole would.

    The sound lags 25 to 60 ms of input behind, more above double pace, until ``finish``; then it is as long as it must
    be, to the sample.
    """

    def __init__(self, rate_hz: int, factor: float) -> None:
        """Begin a stream.

        Args:
            rate_hz: Of the samples.
            factor: Above 1 is faster; any positive number.

        Raises:
            ValueError: If ``factor`` is not a positive number.
        """
        if not (math.isfinite(factor) and factor > 0):
            raise ValueError(f"factor must be positive, got {factor}")
        self._graph, self._rate_hz, self._factor = _graph(rate_hz, factor), rate_hz, factor
        self._block = rate_hz * _BLOCK_MS // 1000
        self._ramp = np.linspace(0.0, 1.0, rate_hz * _EDGE_MS // 1000, endpoint=False, dtype=np.float32)
        num_lead = rate_hz * (_SLOW_LEAD_MS if factor < 1 else _LEAD_MS) // 1000
        self._held = self._last = np.zeros(num_lead, np.float32)
        self._num_in, self._num_out = 0, -round(num_lead / factor)
        self._num_filtered = 0

    def push(self, samples: Floats) -> Floats:
        """Take samples, -1 to 1; returns what can be said already."""
        self._num_in += len(samples)
        self._last = np.concatenate([self._last, samples])[-self._block :]
        return self._filtered(samples)

    def finish(self) -> Floats:
        """Return the rest; the stream is over."""
        missing = max(0, round(self._num_in / self._factor) - max(0, self._num_out))
        echo = np.concatenate([self._last[::-1], self._last])  # behind silence, the end would click
        parts = [np.zeros(0, np.float32)]
        while sum(map(len, parts)) < missing:
            parts.append(self._filtered(echo))
        rest = np.concatenate(parts)[:missing]
        num_edge = min(missing, len(self._ramp))
        rest[missing - num_edge :] *= self._ramp[:num_edge][::-1]
        return rest

    def _filtered(self, samples: Floats) -> Floats:
        held = np.concatenate([self._held, samples])
        num_ready = len(held) // self._block * self._block
        self._held = held[num_ready:]
        parts = [self._filter(held[start : start + self._block]) for start in range(0, num_ready, self._block)]
        return np.concatenate([np.zeros(0, np.float32), *parts])

    def _filter(self, block: Floats) -> Floats:
        frame = av.AudioFrame.from_ndarray(block[None], format="flt", layout="mono")
        frame.sample_rate, frame.pts = self._rate_hz, self._num_filtered
        self._num_filtered += len(block)
        self._graph.push(frame)
        found = _drained(self._graph)
        before, self._num_out = self._num_out, self._num_out + len(found)
        sound = found[max(0, -before) :]
        edge = self._ramp[max(0, before) :][: len(sound)]
        sound[: len(edge)] *= edge
        return sound


def change_pace(samples: Floats, *, rate_hz: int, factor: float) -> Floats:
    """Stretch mono samples in time.

    Args:
        samples: Mono samples, -1 to 1.
        rate_hz: Their rate.
        factor: Above 1 is faster; any positive number.

    Raises:
        ValueError: If ``factor`` is not a positive number.
    """
    if abs(factor - 1.0) < 1e-3 or not len(samples):
        return samples
    changer = PaceChanger(rate_hz, factor)
    return np.concatenate([changer.push(samples), changer.finish()])


def _steps(factor: float) -> list[float]:
    count = max(1, math.ceil(abs(math.log2(factor)) - 1e-9))
    return [factor ** (1 / count)] * count


def _graph(rate_hz: int, factor: float) -> av.filter.Graph:
    graph = av.filter.Graph()
    graph.threads = 1  # a filter of one channel has nothing to share out
    chain = [graph.add_abuffer(sample_rate=rate_hz, format="flt", layout="mono", time_base=Fraction(1, rate_hz))]
    chain += [graph.add("atempo", f"{min(max(step, MIN_STEP), MAX_STEP):.6f}") for step in _steps(factor)]
    chain.append(graph.add("abuffersink"))
    graph.link_nodes(*chain).configure()
    return graph


def _drained(graph: av.filter.Graph) -> Floats:
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray().reshape(-1))
        except (av.EOFError, av.BlockingIOError):
            break
    return np.concatenate(parts).astype(np.float32, copy=False) if parts else np.zeros(0, np.float32)
