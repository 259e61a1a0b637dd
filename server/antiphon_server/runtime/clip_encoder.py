"""From clips to codec codes: checked, in a thread of its own, and each clip once."""

import asyncio
import hashlib
import math
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import numpy as np
import torch
from torch import Tensor

from antiphon_server.audio.floats import to_floats
from antiphon_server.codec.sinc import resample
from antiphon_server.codec.sizes import SAMPLE_RATE_HZ
from antiphon_server.engine.reference import ReferenceClip
from antiphon_server.errors import AudioTooLong, BadAudio, EngineFailed, InvalidField
from antiphon_server.runtime.single_flight import SingleFlight

MIN_CLIP_S, MAX_CLIP_S = 1, 100
MAX_SILENT_PEAK = 3
"""Of 32768: a clip whose loudest sample is not louder is silent; about 1e-4 of full scale."""
MAX_FILTER_SIZE = 100_000
"""Steps of the two rates in their common period, multiplied: 47 040 from 11 025 Hz, a billion from 44 101 Hz."""
MAX_KEPT_BYTES = 32 * 2**20
"""Codes of some 7000 clips of 12 s."""
MAX_CLIPS = 16
"""Clips that are encoded or wait for it; 38 MB at most each."""
_NICENESS, _MOST_NICE = 10, 19


class ClipEncoder:
    """Encodes one clip at a time, in a thread that gives way to the one that steps."""

    def __init__(self, encode: Callable[[Tensor], Tensor], *, max_kept_bytes: int = MAX_KEPT_BYTES) -> None:
        """Begin with nothing kept.

        Args:
            encode: Turns samples ``[S]`` at 24 000 Hz into codes ``[F, 8]``.
            max_kept_bytes: Codes to keep.
        """
        self._encode = encode
        self._flights = SingleFlight(max_bytes=max_kept_bytes, max_flights=MAX_CLIPS)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="clips", initializer=_give_way)

    async def codes(self, clip: ReferenceClip) -> bytes:
        """Encode a clip to codes as in ``SpeechReference``.

        Raises:
            InvalidField: If it is shorter than 1 s, not whole samples, or of a rate that is not resampled.
            AudioTooLong: If it is longer than 100 s.
            BadAudio: If it is silent.
            Overloaded: If 16 clips are being encoded or wait for it.
            EngineFailed: If the codec failed.
        """
        check_clip(clip)
        key = await asyncio.to_thread(_identify, clip)
        return await self._flights.get(key, lambda: self._encode_aside(clip))

    async def _encode_aside(self, clip: ReferenceClip) -> bytes:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._encode_clip, clip)
        except (RuntimeError, ValueError, IndexError, MemoryError) as error:
            raise EngineFailed(f"the codec failed to encode the clip ({type(error).__name__})") from error

    @torch.inference_mode()
    def _encode_clip(self, clip: ReferenceClip) -> bytes:
        samples = torch.from_numpy(to_floats(clip.pcm))
        codes = self._encode(resample(samples[None], clip.rate_hz, SAMPLE_RATE_HZ)[0])
        return codes.cpu().numpy().astype(np.dtype("<u2")).tobytes()


def check_clip(clip: ReferenceClip) -> None:
    """Refuse a clip by its rate and length.

    Raises:
        InvalidField, AudioTooLong: As ``ClipEncoder.codes`` does.
    """
    if clip.rate_hz < 1 or _filter_size(clip.rate_hz) > MAX_FILTER_SIZE:
        raise InvalidField(
            f"audio has a rate of {clip.rate_hz} Hz, which has too little in common with {SAMPLE_RATE_HZ} Hz; "
            "send it at 48000 Hz",
            field="audio",
        )
    if len(clip.pcm) % 2:
        raise InvalidField(f"audio must be whole 16-bit samples, not {len(clip.pcm)} bytes", field="audio")
    seconds = len(clip.pcm) / 2 / clip.rate_hz
    kind = InvalidField if seconds < MIN_CLIP_S else AudioTooLong
    if not MIN_CLIP_S <= seconds <= MAX_CLIP_S:
        raise kind(f"audio must be {MIN_CLIP_S} to {MAX_CLIP_S} s long, not {seconds:.6g} s", field="audio")


def _filter_size(rate_hz: int) -> int:
    divisor = math.gcd(rate_hz, SAMPLE_RATE_HZ)
    return (rate_hz // divisor) * (SAMPLE_RATE_HZ // divisor)


def _identify(clip: ReferenceClip) -> bytes:
    samples = np.frombuffer(clip.pcm, dtype="<i2")
    peak = max(int(samples.max()), -int(samples.min()))
    if peak <= MAX_SILENT_PEAK:
        raise BadAudio(
            f"audio is silent: the loudest sample of its first channel, which alone is heard, is {peak} of 32768, and "
            f"must be over {MAX_SILENT_PEAK}",
            field="audio",
        )
    digest = hashlib.sha256(clip.rate_hz.to_bytes(4, "little"))
    digest.update(clip.pcm)
    return digest.digest()


def _give_way() -> None:
    """Let speech that streams go first where cores are few; threads that torch starts from this one do the same."""
    if sys.platform != "linux":
        return  # elsewhere this would be about the whole process
    thread = threading.get_native_id()
    with suppress(OSError):  # a sandbox may forbid it; then the clip is encoded at the speech's expense
        os.setpriority(os.PRIO_PROCESS, thread, min(_MOST_NICE, os.getpriority(os.PRIO_PROCESS, thread) + _NICENESS))
