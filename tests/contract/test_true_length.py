"""What the HTTP front writes into headers, against what the server's encoders put there before."""

import io

import av
import numpy as np
import pytest
import soundfile

from antiphon_compat.openai.true_length import set_flac_length, set_mp3_length, set_wav_length
from antiphon_server.audio.encode import open_encoder
from antiphon_server.audio.format import Encoding, Format


def encoded(encoding: Encoding, rate_hz: int, num_samples: int) -> bytearray:
    encoder = open_encoder(Format(encoding, rate_hz))
    sound = (10_000 * np.sin(np.arange(num_samples) / 10)).astype("<i2").tobytes()
    return bytearray(encoder.encode(sound) + encoder.finish())


@pytest.mark.parametrize("num_samples", [5_000, 24_000, 24_001, 24_523])
@pytest.mark.parametrize("rate_hz", [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000])
def test_a_whole_mp3_decodes_to_exactly_its_samples_by_two_libraries(rate_hz, num_samples):
    mp3 = encoded(Encoding.MP3, rate_hz, num_samples)
    size = len(mp3)
    set_mp3_length(mp3, num_samples)
    assert len(mp3) == size
    samples, found_hz = soundfile.read(io.BytesIO(mp3))
    assert (len(samples), found_hz) == (num_samples, rate_hz)
    with av.open(io.BytesIO(mp3)) as file:
        assert sum(frame.samples for frame in file.decode(audio=0)) == num_samples


@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.FLAC])
def test_a_whole_lossless_file_states_its_samples(encoding):
    data = encoded(encoding, 24_000, 24_001)
    set_wav_length(data)
    set_flac_length(data, 24_001)
    assert soundfile.info(io.BytesIO(data)).frames == 24_001


@pytest.mark.parametrize("data", [b"", b"\xff\xf3\x84\xc4" + bytes(188), b"Info", b"LAME Info", b"ID3 Info LAME"])
def test_bytes_without_such_a_header_are_left_alone(data):
    changed = bytearray(data)
    for change in (set_wav_length, lambda file: set_flac_length(file, 9), lambda file: set_mp3_length(file, 9)):
        change(changed)
    assert changed == data
