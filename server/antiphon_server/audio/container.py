"""Whole files of any kind, recognised by their content and decoded piece by piece."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer

from antiphon_server.audio.mp4 import check_tables
from antiphon_server.audio.wholeness import check_whole
from antiphon_server.errors import AudioTooLong, BadAudio

_FORMATS = "wav,w64,aiff,au,caf,mp3,aac,flac,ogg,matroska,webm,mov,mp4,m4a,amr"
"""Demuxers that hold sound and nothing but their own bytes: no playlists, no lists of other files."""
_PIECE_SAMPLES = 4_096
_MAX_FRAME_SAMPLES = "1048576"
"""Of all channels together; twice the most that FLAC can have. ALAC could claim half a gigabyte."""
_FLOATS = ("flt", "fltp", "dbl", "dblp")
_EXACT_S = 0.001
_MISSING_S = 0.5
_MISSING_SHARE = 0.02


def decode_container(source: Path | BinaryIO, *, rate_out_hz: int = 16_000, max_duration_ms: int) -> Iterator[bytes]:
    """Yield a file's first audio stream as s16le mono at ``rate_out_hz``, as it is decoded. Blocks; run it in a thread.

    Args:
        source: The file, or its bytes, seekable.
        rate_out_hz: Rate of the samples.
        max_duration_ms: Most audio to accept, in milliseconds.

    Raises:
        AudioTooLong: If the file says so, or as soon as more than the limit has been decoded.
        BadAudio: If this is no audio, is damaged, or ends before its end.
    """
    with contextlib.ExitStack() as stack:
        file = stack.enter_context(source.open("rb")) if isinstance(source, Path) else source
        _check(file)
        yield from _Decoding(file, lambda _: rate_out_hz, max_duration_ms).pieces()


def decode_first_channel(file: BinaryIO, *, rate_of: Callable[[int], int], max_duration_ms: int) -> tuple[bytes, int]:
    """Return the first channel of a file's first audio stream as s16le, and its rate. Blocks; run it in a thread.

    Where listening makes the best of a damaged file, this refuses all damage that can be noticed: a sum of FLAC that is
    wrong, and floating-point samples that are no numbers.

    Args:
        file: The file's bytes, seekable.
        rate_of: Which rate to give, by the rate the file has; all of them in Hz.
        max_duration_ms: Most audio to accept, in milliseconds; nothing beyond it is decoded.

    Raises:
        AudioTooLong: If the file says so, or as soon as more than the limit has been decoded.
        BadAudio: If this is no audio, is damaged, or ends before its end.
    """
    _check(file)
    decoding = _Decoding(file, rate_of, max_duration_ms, mixes=False)
    return b"".join(decoding.pieces()), decoding.rate_hz


def _check(file: BinaryIO) -> None:
    check_whole(file)
    check_tables(file, file.seek(0, os.SEEK_END))
    file.seek(0)


class _Nameless:
    """What the demuxer may see of a file. Without a name, only the content says what it is."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


class _Decoding:
    def __init__(
        self, file: BinaryIO, rate_of: Callable[[int], int], max_duration_ms: int, *, mixes: bool = True
    ) -> None:
        self._file = file
        self._rate_of = rate_of
        self._max_duration_ms = max_duration_ms
        self._mixes = mixes
        self._resampler: av.AudioResampler | None = None
        self.rate_hz = 0
        self._num_samples = 0
        self._has_stream = False

    def pieces(self) -> Iterator[bytes]:
        try:
            with self._open() as container:
                yield from self._decode(container)
        # ValueError: samples change their layout in the middle, or a text in the header is not text.
        except (av.FFmpegError, ValueError) as error:
            if self._has_stream:
                raise BadAudio("audio cannot be read to its end: it is truncated or damaged", field="audio") from error
            raise BadAudio("audio is of no kind that can be read, or is damaged", field="audio") from error

    def _open(self) -> InputContainer:
        options = {"format_whitelist": _FORMATS, "protocol_whitelist": "none"}
        return av.open(_Nameless(self._file), "r", options=options, metadata_errors="ignore")

    def _decode(self, container: InputContainer) -> Iterator[bytes]:
        stream = next(iter(container.streams.audio), None)
        if stream is None:
            raise BadAudio("audio has no sound in it: the file holds no audio stream", field="audio")
        self._has_stream = True
        declared_s = float(container.duration / av.time_base) if container.duration else 0.0
        self._check_duration(declared_s)
        stream.codec_context.options = self._codec_options(stream.codec_context)
        for frame in container.decode(stream):
            self._check_numbers(frame)
            if self._resampler is None:
                self._resampler = self._open_resampler(frame.sample_rate)
            yield from self._resampled(self._resampler, frame)
        if self._resampler is not None:
            yield from self._resampled(self._resampler, None)
        self._check_end(declared_s, is_exact=self._is_summed(stream.codec_context))

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

    def _open_resampler(self, rate_hz: int) -> av.AudioResampler:
        """Open it by the first frame: some headers say half the rate of what is decoded."""
        self.rate_hz = self._rate_of(rate_hz)
        layout = "mono" if self._mixes else None
        return av.AudioResampler(format="s16p", layout=layout, rate=self.rate_hz, frame_size=_PIECE_SAMPLES)

    def _resampled(self, resampler: av.AudioResampler, frame: av.AudioFrame | None) -> Iterator[bytes]:
        for converted in resampler.resample(frame):
            self._num_samples += converted.samples
            self._check_duration(self._num_samples / self.rate_hz)
            yield bytes(converted.planes[0])[: converted.samples * 2]

    def _check_duration(self, seconds: float) -> None:
        if seconds * 1000 > self._max_duration_ms:
            limit_s = self._max_duration_ms / 1000
            raise AudioTooLong(f"audio must be at most {limit_s:g} s long, not {seconds:.1f} s or more", field="audio")

    def _check_end(self, declared_s: float, *, is_exact: bool) -> None:
        if not self._num_samples:
            raise BadAudio("audio is empty: nothing could be decoded", field="audio")
        decoded_s = self._num_samples / self.rate_hz
        if declared_s - decoded_s > (_EXACT_S if is_exact else max(_MISSING_S, _MISSING_SHARE * declared_s)):
            lack = "damaged or truncated" if is_exact else "truncated"
            raise BadAudio(f"audio is {lack}: {decoded_s:.1f} s of {declared_s:.1f} s are there", field="audio")
