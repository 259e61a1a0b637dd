"""When speech has fallen silent for good: a function of its samples alone, frame by frame and never ahead.

So a tail is cut at the same frame whether the speech is streamed or whole. A frame is near-silent if none of its
samples leaves -128..127, that is -48 dBFS: noise with such peaks has about -60 dBFS rms, and nobody speaks that softly.
Byte by byte that reads: the high byte only repeats the sign of the low one, which needs no arithmetic in Python.
"""

from antiphon_server.engine.runner import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME

MAX_SILENT_FRAMES = 3 * SAMPLE_RATE_HZ // SAMPLES_PER_FRAME
"""Three seconds: twice the longest pause that a tag makes."""
_FRAME_BYTES = 2 * SAMPLES_PER_FRAME
_SIGN_OF_LOW_BYTE = bytes(128) + b"\xff" * 128


def keep_until_silent(pcm: bytes, num_silent: int, limit: int) -> tuple[int, int]:
    """Find where a run of near-silent frames becomes too long.

    Args:
        pcm: The next s16le samples, whole frames.
        num_silent: Near-silent frames at the end of what came before; less than ``limit``.
        limit: Frames that such a run may have; at least 1.

    Returns:
        Frames to keep, and near-silent frames at the end of them: ``limit`` if the speech ends here.
    """
    num_frames = len(pcm) // _FRAME_BYTES
    if num_silent + num_frames < limit:  # no run can get so long here; usually the last frame alone has to be looked at
        num_trailing = 0
        while num_trailing < num_frames and _is_silent(pcm, num_frames - 1 - num_trailing):
            num_trailing += 1
        return num_frames, num_trailing + (num_silent if num_trailing == num_frames else 0)
    for frame in range(num_frames):
        num_silent = num_silent + 1 if _is_silent(pcm, frame) else 0
        if num_silent == limit:
            return frame + 1, limit
    return num_frames, num_silent


def _is_silent(pcm: bytes, frame: int) -> bool:
    samples = pcm[frame * _FRAME_BYTES : (frame + 1) * _FRAME_BYTES]
    return samples[1::2] == samples[::2].translate(_SIGN_OF_LOW_BYTE)
