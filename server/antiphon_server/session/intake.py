"""Audio bytes turned into 16 000 Hz samples: live encodings as they arrive, files when they are whole."""

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from typing import Any, Protocol, TypeVar

from antiphon_server.audio.decode import LISTENING_RATE_HZ, decode_container, open_decoder
from antiphon_server.audio.format import Encoding, Format
from antiphon_server.errors import BadAudio, BodyTooLarge

_BATCH_BYTES = 64_000
"""Two seconds of samples cross from the decoding thread at a time."""
_IN_MEMORY_BYTES = 1_048_576

_T = TypeVar("_T")


class Intake(Protocol):
    """Takes a caller's bytes."""

    async def push(self, data: bytes) -> bytes:
        """Take bytes; return the samples that are ready."""
        ...

    def finish(self) -> AsyncIterator[bytes]:
        """Yield the samples that are left.

        Raises:
            BadAudio: If the audio is not what it claims to be, or cut off.
        """
        ...

    def close(self) -> None:
        """Free what is held."""
        ...


def open_intake(found: Format, *, max_bytes: int, max_audio_ms: int) -> Intake:
    """Choose the intake for a format.

    Args:
        found: Format of the bytes.
        max_bytes: Limit of a whole file.
        max_audio_ms: Limit of its decoded length.
    """
    if found.encoding in (Encoding.PCM_S16LE, Encoding.WAV, Encoding.MULAW, Encoding.ALAW):
        return LiveIntake(found)
    return FileIntake(max_bytes=max_bytes, max_audio_ms=max_audio_ms)


class LiveIntake:
    """Decodes at once."""

    def __init__(self, found: Format) -> None:
        """Begin a stream of a live encoding."""
        self._decoder = open_decoder(found)
        self._is_file = found.encoding is Encoding.WAV
        self._num_bytes = self._num_pcm_bytes = 0

    async def push(self, data: bytes) -> bytes:
        """Take bytes; return the samples that are ready."""
        self._num_bytes += len(data)
        pcm = self._decoder.push(data)
        self._num_pcm_bytes += len(pcm)
        return pcm

    async def finish(self) -> AsyncIterator[bytes]:
        """Yield the samples that are left.

        Headerless samples may be none: a microphone was opened and closed. A WAV without any was made by mistake.

        Raises:
            BadAudio: If a WAV is cut or has no samples, or samples end inside one.
        """
        if self._is_file:
            _check_not_empty(self._num_bytes)
        pcm = self._decoder.finish()
        if self._is_file and not self._num_pcm_bytes + len(pcm):
            raise BadAudio(
                f"audio is empty: the file holds less than one sample at {LISTENING_RATE_HZ} Hz", field="audio"
            )
        yield pcm

    def close(self) -> None:
        """Nothing is held."""


class FileIntake:
    """Keeps the file on disk until it is whole, then decodes it piece by piece in a thread."""

    def __init__(self, *, max_bytes: int, max_audio_ms: int) -> None:
        """Begin an empty file."""
        self._file = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by close
        self._max_bytes = max_bytes
        self._max_audio_ms = max_audio_ms
        self._num_bytes = 0
        self._under_way: asyncio.Future[Any] | None = None

    async def push(self, data: bytes) -> bytes:
        """Take bytes; samples come at the end.

        Raises:
            BodyTooLarge: If the file is now over its limit.
        """
        self._num_bytes += len(data)
        if self._num_bytes > self._max_bytes:
            raise BodyTooLarge(
                f"audio must be at most {self._max_bytes} bytes; more than that has arrived", field="audio"
            )
        await self._in_thread(partial(self._file.write, data))
        return b""

    async def finish(self) -> AsyncIterator[bytes]:
        """Yield the file's samples.

        Raises:
            BadAudio: If it is empty or cannot be decoded.
            AudioTooLong: If it is longer than the limit.
        """
        _check_not_empty(self._num_bytes)
        await self._in_thread(partial(self._file.seek, 0))
        pieces = decode_container(self._file, max_duration_ms=self._max_audio_ms)  # type: ignore[arg-type]
        while batch := await self._in_thread(partial(_next_batch, pieces)):
            yield batch

    def close(self) -> None:
        """Delete the file, once a thread that is at it has done."""
        if self._under_way is None or self._under_way.done():
            self._file.close()
        else:
            self._under_way.add_done_callback(lambda _: self._file.close())

    async def _in_thread(self, work: Callable[[], _T]) -> _T:
        """Do work whose end is known also where the caller has left."""
        self._under_way = running = asyncio.get_running_loop().run_in_executor(None, work)
        return await asyncio.shield(running)


def _check_not_empty(num_bytes: int) -> None:
    if not num_bytes:
        raise BadAudio("audio must not be empty: 0 bytes have arrived", field="audio")


def _next_batch(pieces: Iterator[bytes]) -> bytes:
    batch = bytearray()
    for piece in pieces:
        batch += piece
        if len(batch) >= _BATCH_BYTES:
            break
    return bytes(batch)
