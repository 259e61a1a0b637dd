"""Clips of speech to sound like: bounded, one channel, at a rate whose resampling is cheap."""

import io

from antiphon_server.audio.container import decode_first_channel
from antiphon_server.audio.decode import open_decoder
from antiphon_server.audio.format import Encoding, Format
from antiphon_server.errors import AudioTooLong, BadAudio, BodyTooLarge, InvalidField

MAX_CLIP_BYTES = 10 * 1_048_576
MIN_CLIP_S, MAX_CLIP_S = 1, 100
_RATES_HZ = frozenset(
    {8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 88_200, 96_000, 176_400, 192_000}
)
"""Rates kept as they are. An exact resampler has a filter for every phase two rates can have to each other: 44 101 Hz
to 24 000 Hz would take gigabytes."""
_OTHER_RATE_HZ = 48_000
_HEADERLESS = (Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW)
_SAMPLE_BYTES = {Encoding.PCM_S16LE: 2, Encoding.MULAW: 1, Encoding.ALAW: 1}


def check_size(data: bytes) -> None:
    """Refuse a clip by its bytes alone.

    Raises:
        BadAudio: If there are none.
        BodyTooLarge: If there are more than 10 MiB.
    """
    if not data:
        raise BadAudio("audio must not be empty: it has 0 bytes", field="audio")
    if len(data) > MAX_CLIP_BYTES:
        raise BodyTooLarge(f"audio must be at most {MAX_CLIP_BYTES} bytes, not {len(data)}", field="audio")


def decode_clip(data: bytes, found: Format) -> tuple[bytes, int]:
    """Return a clip's first channel as s16le, and its rate in Hz: its own if that is a usual one, else 48 000.

    Blocks; run it in a thread. At most 100 s are decoded, 38 MB.

    Args:
        data: At most 10 MiB.
        found: Layout of headerless samples; for any other encoding the content says what it is.

    Raises:
        BadAudio: If this is no audio, or damaged.
        AudioTooLong: If it is longer than 100 s.
        InvalidField: If it is shorter than 1 s.
    """
    check_size(data)
    is_headerless = found.encoding in _HEADERLESS
    pcm, rate_hz = _decode_headerless(data, found) if is_headerless else _decode_file(data)
    num_samples = len(pcm) // 2
    if num_samples < MIN_CLIP_S * rate_hz:
        seconds = num_samples / rate_hz
        raise InvalidField(f"audio must be {MIN_CLIP_S} to {MAX_CLIP_S} s long, not {seconds:.5g} s", field="audio")
    return pcm, rate_hz


def _decode_file(data: bytes) -> tuple[bytes, int]:
    return decode_first_channel(io.BytesIO(data), rate_of=_kept_rate, max_duration_ms=MAX_CLIP_S * 1000)


def _decode_headerless(data: bytes, found: Format) -> tuple[bytes, int]:
    seconds = len(data) / _SAMPLE_BYTES[found.encoding] / found.sample_rate_hz
    if seconds > MAX_CLIP_S:
        raise AudioTooLong(f"audio must be at most {MAX_CLIP_S} s long, not {seconds:.1f} s", field="audio")
    rate_hz = _kept_rate(found.sample_rate_hz)
    decoder = open_decoder(found, rate_hz)
    return decoder.push(data) + decoder.finish(), rate_hz


def _kept_rate(rate_hz: int) -> int:
    return rate_hz if rate_hz in _RATES_HZ else _OTHER_RATE_HZ
