"""Audio formats of the contract and of the domain."""

from antiphon.speech.v1 import audio_pb2
from antiphon_server.audio.format import MAX_RATE_HZ, MIN_RATE_HZ, Encoding, Format, check_output
from antiphon_server.errors import InvalidField, UnsupportedFormat

OUTPUT_RATE_HZ = 24_000
INPUT_RATE_HZ = 16_000
_PREFIX = "AUDIO_ENCODING_"


def output_format(message: audio_pb2.AudioFormat, field: str) -> Format:
    """Read an output format, defaults filled in.

    Raises:
        UnsupportedFormat: If the encoding is unknown, input only, or not offered at that rate.
        InvalidField: If the rate is outside 8 000..48 000 Hz.
    """
    found = Format(_encoding(message, field, Encoding.PCM_S16LE), message.sample_rate_hz or OUTPUT_RATE_HZ)
    try:
        check_output(found)
    except (UnsupportedFormat, InvalidField) as error:
        raise type(error)(error.message, field=f"{field.rpartition('format')[0]}{error.field}") from None
    return found


def input_format(message: audio_pb2.AudioFormat, field: str, default: Encoding) -> Format:
    """Read an input format, defaults filled in.

    Raises:
        UnsupportedFormat: If the encoding is unknown.
        InvalidField: If the rate is outside 8 000..48 000 Hz.
    """
    rate_hz = message.sample_rate_hz or INPUT_RATE_HZ
    if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
        name = f"{field}.sample_rate_hz"
        raise InvalidField(f"{name} must be {MIN_RATE_HZ} to {MAX_RATE_HZ}, not {rate_hz}", field=name)
    return Format(_encoding(message, field, default), rate_hz)


def format_message(found: Format) -> audio_pb2.AudioFormat:
    """Write a format."""
    encoding = audio_pb2.AudioEncoding.Value(f"{_PREFIX}{found.encoding}")
    return audio_pb2.AudioFormat(encoding=encoding, sample_rate_hz=found.sample_rate_hz)


def _encoding(message: audio_pb2.AudioFormat, field: str, default: Encoding) -> Encoding:
    if message.encoding == audio_pb2.AUDIO_ENCODING_UNSPECIFIED:
        return default
    if message.encoding not in audio_pb2.AudioEncoding.values():
        known = ", ".join(Encoding)
        raise UnsupportedFormat(
            f"{field}.encoding must be one of {known}, not number {message.encoding}", field=f"{field}.encoding"
        )
    return Encoding(audio_pb2.AudioEncoding.Name(message.encoding).removeprefix(_PREFIX))
