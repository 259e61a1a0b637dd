"""Which frames are decoded together, and which of the decoded samples go out.

The plan is a pure function of the frame index: when a window is decoded may vary, where it lies may not, so streamed
and whole speech are the same samples. A sample depends on ten frames to either side and no others; a window shows the
decoder at least those, and is 45 frames long as soon as there are that many, so that one graph serves all.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

CONTEXT_FRAMES = 10
WINDOW_FRAMES = 45
RAMP = (2, 4, 8, 16, 25)
"""Frames that go out with the first windows; the last of them repeats."""
MAX_CHUNK_FRAMES = WINDOW_FRAMES - 2 * CONTEXT_FRAMES


@dataclass(frozen=True, slots=True)
class Window:
    """Frames ``first`` to ``last`` are decoded, the samples of frames ``begin`` to ``end`` go out; ends excluded."""

    first: int
    last: int
    begin: int
    end: int

    @property
    def num_frames(self) -> int:
        """Frames to decode."""
        return self.last - self.first


def ramp_from(first_frames: int | None) -> tuple[int, ...]:
    """Ramp that begins with a chosen first chunk; 0: no small first chunk; None: the usual ramp.

    >>> ramp_from(6)
    (6, 8, 16, 25)
    """
    if first_frames is None:
        return RAMP
    first = min(first_frames, MAX_CHUNK_FRAMES) or MAX_CHUNK_FRAMES
    return (first, *(size for size in RAMP if size > first))


def next_window(begin: int, num_frames: int, *, is_ended: bool, ramp: Sequence[int] = RAMP) -> Window | None:
    """Choose the window after the first ``begin`` frames have gone out.

    Args:
        begin: A boundary of this plan.
        num_frames: Frames that are complete.
        is_ended: Whether there will be no more.
        ramp: Sizes of the first chunks.

    Returns:
        The window, or None until enough frames are complete.
    """
    last = frames_due(begin, ramp)
    if last <= num_frames:
        end = last - CONTEXT_FRAMES
    elif is_ended and begin < num_frames:
        end = last = num_frames
    else:
        return None
    return Window(max(0, min(last - WINDOW_FRAMES, begin - CONTEXT_FRAMES)), last, begin, end)


def frames_due(begin: int, ramp: Sequence[int] = RAMP) -> int:
    """Count the complete frames that the window after the first ``begin`` frames waits for."""
    return begin + _chunk_frames(begin, ramp) + CONTEXT_FRAMES


def windows(num_frames: int, ramp: Sequence[int] = RAMP) -> Iterator[Window]:
    """List the whole plan of speech of a known length."""
    begin = 0
    while (window := next_window(begin, num_frames, is_ended=True, ramp=ramp)) is not None:
        yield window
        begin = window.end


def _chunk_frames(begin: int, ramp: Sequence[int]) -> int:
    at = 0
    for size in ramp:
        if at >= begin:
            return size
        at += size
    return ramp[-1]
