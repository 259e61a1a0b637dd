import pytest

from antiphon_server.audio.format import Encoding, Format, check_output
from antiphon_server.errors import InvalidField, UnsupportedFormat

OUTPUTS = [encoding for encoding in Encoding if encoding is not Encoding.CONTAINER]


@pytest.mark.parametrize("encoding", OUTPUTS)
@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
def test_common_rates_are_offered_in_every_encoding(encoding, rate_hz):
    check_output(Format(encoding, rate_hz))


def test_a_container_cannot_be_written():
    with pytest.raises(UnsupportedFormat) as caught:
        check_output(Format(Encoding.CONTAINER, 24_000))
    assert caught.value.field == "format.encoding"


@pytest.mark.parametrize("rate_hz", [-1, 0, 7_999, 48_001])
@pytest.mark.parametrize("encoding", OUTPUTS)
def test_a_rate_outside_the_range_is_named_with_its_limits(encoding, rate_hz):
    with pytest.raises(InvalidField) as caught:
        check_output(Format(encoding, rate_hz))
    assert caught.value.field == "format.sample_rate_hz"
    assert all(number in caught.value.message for number in ("8000", "48000", str(rate_hz)))


@pytest.mark.parametrize(
    ("encoding", "rate_hz"), [(Encoding.OGG_OPUS, 44_100), (Encoding.OGG_OPUS, 22_050), (Encoding.MP3, 23_000)]
)
def test_a_rate_the_codec_cannot_take_is_refused_with_those_it_can(encoding, rate_hz):
    with pytest.raises(UnsupportedFormat) as caught:
        check_output(Format(encoding, rate_hz))
    assert caught.value.field == "format.sample_rate_hz"
    assert str(rate_hz) in caught.value.message
    assert "24000" in caught.value.message
