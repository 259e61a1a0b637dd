import io
import wave

import numpy as np
import pytest
import soundfile

from antiphon_server.audio.clip import MAX_CLIP_BYTES, decode_clip
from antiphon_server.audio.format import Encoding, Format
from antiphon_server.errors import AudioTooLong, BadAudio, BodyTooLarge, InvalidField

FILE = Format(Encoding.CONTAINER, 16_000)


def wav(samples: np.ndarray, rate_hz: int) -> bytes:
    """A file of samples [S, channels]."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(samples.shape[1])
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()


def noise(seconds: float, rate_hz: int, num_channels: int = 1) -> np.ndarray:
    return np.random.default_rng(3).integers(-30_000, 30_000, (round(seconds * rate_hz), num_channels))


@pytest.mark.parametrize("num_channels", [1, 2, 6])
@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 44_100, 192_000])
def test_the_first_channel_is_kept_sample_by_sample_at_its_own_rate(rate_hz, num_channels):
    samples = noise(1.2, rate_hz, num_channels)
    pcm, found_hz = decode_clip(wav(samples, rate_hz), FILE)
    assert found_hz == rate_hz
    assert pcm == samples[:, 0].astype("<i2").tobytes()


@pytest.mark.parametrize("rate_hz", [9_999, 44_101, 384_000])
def test_rates_that_would_take_gigabytes_of_filters_become_48_000(rate_hz):
    tone = np.sin(np.arange(rate_hz * 2) * 2 * np.pi * 1_000 / rate_hz)[:, None] * 10_000
    pcm, found_hz = decode_clip(wav(np.repeat(tone, 2, axis=1), rate_hz), FILE)
    assert found_hz == 48_000
    heard = np.abs(np.fft.rfft(np.frombuffer(pcm, "<i2")))
    assert abs(np.argmax(heard) * 48_000 / (len(pcm) // 2) - 1_000) < 2
    assert abs(len(pcm) // 2 - 96_000) < 100


@pytest.mark.parametrize("encoding", [Encoding.PCM_S16LE, Encoding.MULAW, Encoding.ALAW])
def test_headerless_samples_are_read_as_their_format_says(encoding):
    sample_bytes = 2 if encoding is Encoding.PCM_S16LE else 1
    pcm, rate_hz = decode_clip(bytes(range(256)) * 63 * sample_bytes, Format(encoding, 11_025))
    assert rate_hz == 11_025
    assert len(pcm) == 256 * 63 * 2


@pytest.mark.parametrize(
    ("data", "found", "error", "words"),
    [
        (b"", FILE, BadAudio, ["empty"]),
        (bytes(MAX_CLIP_BYTES + 1), FILE, BodyTooLarge, ["10485760", "10485761"]),
        (b"#!/bin/sh\n" * 99, FILE, BadAudio, []),
        (wav(noise(0.999, 16_000), 16_000), FILE, InvalidField, ["1 to 100", "0.999"]),
        (wav(noise(100.5, 8_000), 8_000), FILE, AudioTooLong, ["100 s", "100.5"]),
        (bytes(8_000 * 101), Format(Encoding.MULAW, 8_000), AudioTooLong, ["100 s", "101.0"]),
        (bytes(15_999), Format(Encoding.MULAW, 16_000), InvalidField, ["1 to 100", "0.99994 s"]),
        (bytes(32_001), Format(Encoding.PCM_S16LE, 16_000), BadAudio, ["32001"]),
        (wav(noise(2, 16_000), 16_000)[:-200], FILE, BadAudio, ["truncated"]),
    ],
)
def test_what_is_no_clip_is_refused_with_limit_and_value(data, found, error, words):
    with pytest.raises(error) as caught:
        decode_clip(data, found)
    assert caught.value.field == "audio"
    assert all(word in caught.value.message for word in words), caught.value.message


def test_a_file_that_does_not_say_its_length_is_held_to_the_limit():
    header = bytearray(wav(np.zeros((1, 1)), 8_000))
    header[40:44] = (0xFFFF_FFFF).to_bytes(4, "little")  # its length is not known
    with pytest.raises(AudioTooLong):
        decode_clip(bytes(header) + bytes(10_000_000), FILE)


def in_file(samples: np.ndarray, **kind: str) -> bytearray:
    """A file of one channel at 16 kHz, as libsndfile writes it."""
    file = io.BytesIO()
    soundfile.write(file, samples, 16_000, **kind)
    return bytearray(file.getvalue())


@pytest.mark.parametrize("subtype", ["FLOAT", "DOUBLE"])
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_a_sample_that_is_no_number_is_refused(subtype, wrong):
    samples = noise(1.2, 16_000)[:, 0] / 32_768
    decode_clip(bytes(in_file(samples, format="WAV", subtype=subtype)), FILE)
    samples[9_999] = wrong
    with pytest.raises(BadAudio, match="no numbers"):
        decode_clip(bytes(in_file(samples, format="WAV", subtype=subtype)), FILE)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.7, 0.99])
def test_damage_that_the_sums_of_flac_tell_is_refused(share):
    file = in_file(noise(5, 16_000)[:, 0] / 32_768, format="FLAC")
    pcm, _ = decode_clip(bytes(file) + b"TAG" + bytes(125), FILE)  # an old title behind it is no damage
    assert len(pcm) == 5 * 16_000 * 2
    file[round(share * len(file))] ^= 0x10
    with pytest.raises(BadAudio, match="damaged"):
        decode_clip(bytes(file), FILE)
