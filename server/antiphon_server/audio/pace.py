"""Faster or slower sound at the same pitch."""

import math
from fractions import Fraction

import av
import av.filter
import numpy as np
import numpy.typing as npt

MIN_STEP = 0.5
MAX_STEP = 2.0
"""Outside these, ffmpeg's filter drops samples instead of blending them; a chain stays inside."""


def change_pace(samples: npt.NDArray[np.float32], *, rate_hz: int, factor: float) -> npt.NDArray[np.float32]:
    """Stretch mono samples in time.

    Args:
        samples: Mono samples, -1 to 1.
        rate_hz: Their rate.
        factor: Above 1 is faster; any positive number.

    Raises:
        ValueError: If ``factor`` is not a positive number.
    """
    if not (math.isfinite(factor) and factor > 0):
        raise ValueError(f"factor must be positive, got {factor}")
    if abs(factor - 1.0) < 1e-3 or not len(samples):
        return samples
    graph = _graph(rate_hz, factor)
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples[None]), format="flt", layout="mono")
    frame.sample_rate = rate_hz
    frame.pts = 0
    graph.push(frame)
    graph.push(None)
    return _drained(graph)


def _steps(factor: float) -> list[float]:
    count = max(1, math.ceil(abs(math.log2(factor)) - 1e-9))
    return [factor ** (1 / count)] * count


def _graph(rate_hz: int, factor: float) -> av.filter.Graph:
    graph = av.filter.Graph()
    chain = [graph.add_abuffer(sample_rate=rate_hz, format="flt", layout="mono", time_base=Fraction(1, rate_hz))]
    chain += [graph.add("atempo", f"{min(max(step, MIN_STEP), MAX_STEP):.6f}") for step in _steps(factor)]
    chain.append(graph.add("abuffersink"))
    graph.link_nodes(*chain).configure()
    return graph


def _drained(graph: av.filter.Graph) -> npt.NDArray[np.float32]:
    parts = []
    while True:
        try:
            parts.append(graph.pull().to_ndarray().reshape(-1))
        except (av.EOFError, av.BlockingIOError):
            break
    return np.concatenate(parts).astype(np.float32, copy=False) if parts else np.zeros(0, np.float32)
