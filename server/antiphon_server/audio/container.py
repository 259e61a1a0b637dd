"""Whole files of any kind, recognised by their content and decoded piece by piece."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer

from antiphon_server.audio.foreign import check_not_foreign
from antiphon_server.audio.mixing import Mixing
from antiphon_server.audio.mp4 import check_tables
from antiphon_server.audio.track import choose_stream, late_s, longest_s, open_file, promised_s
from antiphon_server.audio.wholeness import check_whole
from antiphon_server.errors import AudioTooLong, BadAudio

_MAX_FRAME_SAMPLES = "1048576"
"""Of all channels together; twice the most that FLAC can have. ALAC could claim half a gigabyte."""
_FLOATS = ("flt", "fltp", "dbl", "dblp")
_EXACT_S = 0.001
_MISSING_S = 0.2
"""A length may count what codecs add before and after the sound."""
_LATE_S = 0.05
_SILENCE_SAMPLES = 4_096


def decode_container(source: Path | BinaryIO, *, rate_out_hz: int = 16_000, max_duration_ms: int) -> Iterator[bytes]:
    """Yield a file's default audio stream as s16le mono at ``rate_out_hz``, as it is decoded.

    Silence stands before a stream that begins later than the film it belongs to, so that times are the film's. Blocks;
    run it in a thread.

    Args:
        source: The file, or its bytes, seekable.
        rate_out_hz: Rate of the samples.
        max_duration_ms: Most audio to accept, in milliseconds.

    Raises:
        AudioTooLong: If the file says so, or as soon as more than the limit has been decoded.
        BadAudio: If this is no audio, is encrypted or damaged, or ends before its end.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        _check(file)
        yield from _Decoding(file, lambda _: rate_out_hz, max_duration_ms).pieces()


def decode_first_channel(file: BinaryIO, *, rate_of: Callable[[int], int], max_duration_ms: int) -> tuple[bytes, int]:
    """Return the first channel of a file's default audio stream as s16le, and its rate. Blocks; run it in a thread.

    Where listening makes the best of a damaged file, this refuses all damage that can be noticed: a sum of FLAC that is
    wrong, and floating-point samples that are no numbers.

    Args:
        file: The file's bytes, seekable.
        rate_of: Which rate to give, by the rate the file has; all of them in Hz.
        max_duration_ms: Most audio to accept, in milliseconds; nothing beyond it is decoded.

    Raises:
        AudioTooLong: If the file says so, or as soon as more than the limit has been decoded.
        BadAudio: If this is no audio, is encrypted or damaged, or ends before its end.
    """
    _check(file)
    decoding = _Decoding(file, rate_of, max_duration_ms, mixes=False)
    return b"".join(decoding.pieces()), decoding.rate_hz


def _check(file: BinaryIO) -> None:
    check_not_foreign(file)
    check_whole(file)
    check_tables(file, file.seek(0, os.SEEK_END))
    file.seek(0)


class _Decoding:
    def __init__(
        self, file: BinaryIO, rate_of: Callable[[int], int], max_duration_ms: int, *, mixes: bool = True
    ) -> None:
        self._file = file
        self._rate_of = rate_of
        self._max_duration_ms = max_duration_ms
        self._mixes = mixes
        self.rate_hz = 0
        self._num_samples = self._num_silent = 0
        self._has_stream = False

    def pieces(self) -> Iterator[bytes]:
        try:
            with open_file(self._file) as container:
                yield from self._decode(container)
        except av.error.PatchWelcomeError as error:
            raise BadAudio(
                "audio changes its kind in the middle in a way that cannot be read", field="audio"
            ) from error
        # ValueError: a text in the header is not text.
        except (av.FFmpegError, ValueError) as error:
            if self._has_stream:
                raise BadAudio("audio cannot be read to its end: it is truncated or damaged", field="audio") from error
            raise BadAudio("audio is of no kind that can be read, or is damaged", field="audio") from error

    def _decode(self, container: InputContainer) -> Iterator[bytes]:
        stream = choose_stream(container)
        self._has_stream = True
        self._check_duration(longest_s(container, stream))
        expected_s, begin_s = promised_s(container, stream, self._file), late_s(container, stream)
        stream.codec_context.options = self._codec_options(stream.codec_context)
        mixing: Mixing | None = None
        for frame in self._frames(container, stream):
            self._check_numbers(frame)
            if mixing is None:  # by the first frame: some headers say half the rate of what is decoded
                self.rate_hz = self._rate_of(frame.sample_rate)
                mixing = Mixing(self.rate_hz, mixes=self._mixes)
                yield from self._silence(begin_s)
            yield from self._counted(mixing.push(frame))
        if mixing is not None:
            yield from self._counted(mixing.finish())
        self._check_end(expected_s, is_exact=self._is_summed(stream.codec_context))

    def _frames(self, container: InputContainer, stream: AudioStream) -> Iterator[av.AudioFrame]:
        """Decode packet by packet. What stands between the frames of an MP3, such as tags of files joined, is skipped.

        Junk at the end is not: it may be half a frame.
        """
        num_packets = num_junk = 0
        failure: av.FFmpegError | None = None
        for packet in container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError as error:
                num_junk += 1
                if container.format.name != "mp3" or 2 * num_junk > num_packets:
                    raise
                failure = error
                continue
            num_packets += 1
            failure = None if frames else failure
            yield from frames
        if failure is not None:
            raise failure

    def _is_summed(self, codec: AudioCodecContext) -> bool:
        """Whether frames with a wrong sum are to be left out, which makes the sound too short."""
        return not self._mixes and codec.name == "flac"

    def _codec_options(self, codec: AudioCodecContext) -> dict[str, str]:
        options = {"max_samples": _MAX_FRAME_SAMPLES}
        return options | {"err_detect": "crccheck+explode"} if self._is_summed(codec) else options

    def _check_numbers(self, frame: av.AudioFrame) -> None:
        """Refuse what the resampler would turn into full scale."""
        if not self._mixes and frame.format.name in _FLOATS and not np.isfinite(frame.to_ndarray()).all():
            raise BadAudio("audio is damaged: it has samples that are no numbers", field="audio")

    def _silence(self, seconds: float) -> Iterator[bytes]:
        """Yield what stands before the sound. A clip of a voice needs none."""
        if not self._mixes or seconds < _LATE_S:
            return
        self._check_duration(seconds)
        self._num_silent = round(seconds * self.rate_hz)
        for begin in range(0, self._num_silent, _SILENCE_SAMPLES):
            yield bytes(2 * min(_SILENCE_SAMPLES, self._num_silent - begin))

    def _counted(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self._num_samples += len(piece) // 2
            self._check_duration((self._num_silent + self._num_samples) / self.rate_hz)
            yield piece

    def _check_duration(self, seconds: float) -> None:
        if seconds * 1000 > self._max_duration_ms:
            limit_s = self._max_duration_ms / 1000
            raise AudioTooLong(f"audio must be at most {limit_s:g} s long, not {seconds:.1f} s or more", field="audio")

    def _check_end(self, expected_s: float, *, is_exact: bool) -> None:
        if not self._num_samples:
            at_rate = f" at {self.rate_hz} Hz" if self.rate_hz else ""
            raise BadAudio(f"audio is empty: the file holds less than one sample{at_rate}", field="audio")
        decoded_s = self._num_samples / self.rate_hz
        if expected_s - decoded_s > (_EXACT_S if is_exact else _MISSING_S):
            lack = "damaged or truncated" if is_exact else "truncated"
            raise BadAudio(f"audio is {lack}: {decoded_s:.1f} s of {expected_s:.1f} s are there", field="audio")
