"""Samples of one utterance on their way out: resampled, encoded and counted, their last 5 ms kept back.

What is kept back costs no time: the first bytes leave at once, only 5 ms less of them. It makes sure that there is
something to fade out when the sound is cut, even if the engine has died and nothing else will come.
"""

import asyncio
import os
import zlib
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from antiphon_server.audio.compress import Compressor
from antiphon_server.audio.encode import Encoder, open_encoder
from antiphon_server.audio.fade import fade_out
from antiphon_server.audio.format import Format
from antiphon_server.audio.resample import Resampler
from antiphon_server.session.events import AudioOut

_EDGE_MS = 5
_COMPRESSORS = ThreadPoolExecutor(os.cpu_count(), thread_name_prefix="compressor")


class Outlet:
    """One resampler and one encoder for all segments, so that seams cannot be heard. One call at a time."""

    def __init__(self, utterance_id: str, native_rate_hz: int, format: Format) -> None:  # noqa: A002 - the domain's word
        """Open both.

        Args:
            utterance_id: Goes on each chunk.
            native_rate_hz: Rate of the samples that come in.
            format: Of the bytes that go out.
        """
        self._id = utterance_id
        self._native_rate_hz = native_rate_hz
        self._rate_hz = format.sample_rate_hz
        self._resampler = Resampler(native_rate_hz, format.sample_rate_hz)
        self._encoder = open_encoder(format)
        self._compressing: asyncio.Future[bytes] | None = None
        """Also after its caller was cancelled: its bytes belong to the stream."""
        self._edge = b""
        self._sequence = 0
        self._is_used_up = False
        self.num_encoded = 0
        """Samples given to the encoder, at the output rate."""
        self.num_announced = 0
        """Samples of the chunks that were handed out."""
        self.crc32 = 0

    async def push(self, pcm: bytes) -> AudioOut | None:
        """Take native samples; returns what is ready to go."""
        held = self._edge + pcm
        edge_at = max(0, len(held) - _num_bytes(self._native_rate_hz))
        self._edge = held[edge_at:]
        return self._chunk(await self._encode(self._resampler.push(held[:edge_at])))

    async def settle(self, *, is_cut: bool = False) -> AudioOut | None:
        """Let go of the edge, since more may come late or never; faded if the sound does not end there by itself."""
        edge, self._edge = self._edge, b""
        if is_cut:
            edge = fade_out(edge, self._native_rate_hz, _EDGE_MS)
        return self._chunk(await self._encode(self._resampler.push(edge)))

    async def finish(self) -> AudioOut | None:
        """Return the last of it, nothing where there was no sound; the outlet is used up."""
        last = await self._encode(self._rest(), is_last=True)
        return self._chunk(last) if self.num_encoded else None  # a file of no sound would be taken for an answer

    async def cut(self) -> AudioOut | None:
        """End the sound right here with a short fade; nothing if nothing of it has left. The outlet is used up."""
        compressing, self._compressing = self._compressing, None
        before = b"" if compressing is None else await compressing
        if not self._sequence:
            return None
        if self._is_used_up:
            return self._chunk(before)
        fade = fade_out(self._rest()[: _num_bytes(self._rate_hz)], self._rate_hz, _EDGE_MS)
        return self._chunk(before + await self._encode(fade, is_last=True))

    def _rest(self) -> bytes:
        edge, self._edge = self._edge, b""
        return self._resampler.push(edge) + self._resampler.finish()

    async def _encode(self, samples: bytes, *, is_last: bool = False) -> bytes:
        if not samples and not is_last:
            return b""  # an encoder would begin a file
        self.num_encoded += len(samples) // 2
        self._is_used_up = is_last
        work = partial(_encode_last if is_last else _encode, self._encoder, samples)
        if not isinstance(self._encoder, Compressor):
            return work()
        self._compressing = asyncio.get_running_loop().run_in_executor(_COMPRESSORS, work)
        data = await asyncio.shield(self._compressing)
        self._compressing = None
        return data

    def _chunk(self, data: bytes) -> AudioOut | None:
        if not data:
            return None
        out = AudioOut(self._id, data, self._sequence, self.num_announced, self.num_encoded - self.num_announced)
        self.num_announced = self.num_encoded
        self._sequence += 1
        self.crc32 = zlib.crc32(data, self.crc32)
        return out


def _encode(encoder: Encoder, samples: bytes) -> bytes:
    return encoder.encode(samples)


def _encode_last(encoder: Encoder, samples: bytes) -> bytes:
    return encoder.encode(samples) + encoder.finish()


def _num_bytes(rate_hz: int) -> int:
    return rate_hz * _EDGE_MS // 1000 * 2
