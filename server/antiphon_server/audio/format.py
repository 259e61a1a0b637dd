"""Layouts of audio bytes, and which of them can be written at which rate."""

from dataclasses import dataclass
from enum import StrEnum

from antiphon_server.errors import InvalidField, UnsupportedFormat

MIN_RATE_HZ = 8_000
MAX_RATE_HZ = 48_000

_MPEG_RATES_HZ = frozenset({8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000})
_OPUS_RATES_HZ = frozenset({8_000, 12_000, 16_000, 24_000, 48_000})


class Encoding(StrEnum):
    """How audio bytes are laid out; the names are the contract's. One channel always."""

    PCM_S16LE = "PCM_S16LE"
    WAV = "WAV"
    MULAW = "MULAW"
    ALAW = "ALAW"
    MP3 = "MP3"
    OGG_OPUS = "OGG_OPUS"
    AAC = "AAC"
    FLAC = "FLAC"
    CONTAINER = "CONTAINER"
    """Input only: a whole file of any kind, recognised by its content."""


_RATES_HZ = {Encoding.MP3: _MPEG_RATES_HZ, Encoding.AAC: _MPEG_RATES_HZ, Encoding.OGG_OPUS: _OPUS_RATES_HZ}


@dataclass(frozen=True, slots=True)
class Format:
    """Layout and rate of one stream of audio bytes."""

    encoding: Encoding
    sample_rate_hz: int


def check_rate(format: Format) -> None:  # noqa: A002 - the domain's word
    """Refuse a rate no part of the service works at.

    Raises:
        InvalidField: If the rate is outside 8 000..48 000 Hz.
    """
    if not MIN_RATE_HZ <= format.sample_rate_hz <= MAX_RATE_HZ:
        raise InvalidField(
            f"format.sample_rate_hz must be {MIN_RATE_HZ} to {MAX_RATE_HZ}, not {format.sample_rate_hz}",
            field="format.sample_rate_hz",
        )


def check_output(format: Format) -> None:  # noqa: A002 - the domain's word
    """Refuse what cannot be written.

    Raises:
        UnsupportedFormat: If the encoding is input only, or its codec does not work at the rate.
        InvalidField: If the rate is outside 8 000..48 000 Hz.
    """
    if format.encoding is Encoding.CONTAINER:
        raise UnsupportedFormat("format.encoding CONTAINER is for input only", field="format.encoding")
    check_rate(format)
    rates_hz = _RATES_HZ.get(format.encoding)
    if rates_hz is not None and format.sample_rate_hz not in rates_hz:
        allowed = ", ".join(str(rate_hz) for rate_hz in sorted(rates_hz))
        raise UnsupportedFormat(
            f"format.sample_rate_hz with {format.encoding} must be one of {allowed}, not {format.sample_rate_hz}",
            field="format.sample_rate_hz",
        )
