import gc
import io
import resource

import av
import numpy as np
import pytest
import soundfile

from antiphon_server.audio.encode import open_encoder, wav_header
from antiphon_server.audio.format import Encoding, Format
from antiphon_server.errors import UnsupportedFormat

CHUNK_BYTES = 2 * 960
MPEG_RATES_HZ = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
COMPRESSED = [Encoding.MP3, Encoding.OGG_OPUS, Encoding.AAC, Encoding.FLAC]


def tone(rate_hz, seconds):
    wave = 12_000 * np.sin(2 * np.pi * 440 * np.arange(int(rate_hz * seconds)) / rate_hz)
    return wave.astype("<i2").tobytes()


def encode(output, pcm):
    encoder = open_encoder(output)
    pieces = [encoder.encode(pcm[at : at + CHUNK_BYTES]) for at in range(0, len(pcm), CHUNK_BYTES)]
    return [*pieces, encoder.finish()]


def read(data, flac_samples=0):
    if data.startswith(b"fLaC"):
        # libsndfile needs the length in the header, which a stream cannot know; the frames stay as they are.
        data = data[:22] + flac_samples.to_bytes(4) + data[26:]
    with soundfile.SoundFile(io.BytesIO(data)) as file:
        return file.read(dtype="int16"), file.samplerate, file.channels


def listened(data):
    """Decode as a player of the ffmpeg family does."""
    with av.open(io.BytesIO(data)) as file:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=file.streams.audio[0].rate)
        frames = [piece for frame in file.decode(audio=0) for piece in resampler.resample(frame)]
    return np.concatenate([frame.to_ndarray().reshape(-1) for frame in frames])


def loudest_hz(samples, rate_hz):
    spectrum = np.abs(np.fft.rfft(samples.astype(float) * np.hanning(len(samples))))
    return np.argmax(spectrum) * rate_hz / len(samples)


@pytest.mark.parametrize("rate_hz", [8_000, 16_000, 24_000, 48_000])
@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.MP3, Encoding.OGG_OPUS, Encoding.FLAC])
def test_another_reader_hears_the_same_tone(encoding, rate_hz):
    samples, read_hz, channels = read(
        b"".join(encode(Format(encoding, rate_hz), tone(rate_hz, 1.0))), flac_samples=rate_hz
    )
    # libsndfile reads Opus at the rate it was made from, and heeds the delay an MP3 states only if its length is known.
    assert (read_hz, channels) == (rate_hz, 1)
    assert 1.0 <= len(samples) / rate_hz <= (1.25 if encoding is Encoding.MP3 else 1.0)
    assert abs(loudest_hz(samples, rate_hz) - 440) < 5


@pytest.mark.parametrize("num_samples", [300, 24_000, 24_001, 24_523])
@pytest.mark.parametrize("rate_hz", MPEG_RATES_HZ)
def test_an_mp3_player_skips_the_delay_it_is_told_of(rate_hz, num_samples):
    pcm = tone(rate_hz, 4.0)[: num_samples * 2]
    data = b"".join(encode(Format(Encoding.MP3, rate_hz), pcm))
    decoded = listened(data)
    surplus = len(decoded) - num_samples
    assert 0 <= surplus < (1_152 if rate_hz >= 32_000 else 576), "only the last frame is filled up"
    if num_samples >= 24_000:
        loudest = np.correlate(decoded[100:4_000].astype(float), np.frombuffer(pcm, "<i2")[100:4_000].astype(float))
        assert loudest > 0.97 * np.sum(np.square(decoded[100:4_000].astype(float))), "and the sound stands where it was"


@pytest.mark.parametrize("rate_hz", MPEG_RATES_HZ)
def test_an_mp3_begins_with_one_frame_of_information_like_those_that_follow(rate_hz):
    data = b"".join(encode(Format(Encoding.MP3, rate_hz), tone(rate_hz, 0.5)))
    assert data.count(b"Info") == 1
    second = data.index(b"\xff", data.index(b"LAME") + 36)
    padding_bit = 2
    assert data[:2] == data[second : second + 2]
    assert data[2] == data[second + 2] & ~padding_bit
    assert data[3] & 0xC0 == data[second + 3] & 0xC0 == 0xC0


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.FLAC])
def test_lossless_formats_lose_nothing(encoding, rate_hz):
    noise = np.random.default_rng(1).standard_normal(rate_hz * 2)
    loudness = np.geomspace(1, 32_767, rate_hz * 2)
    pcm = tone(rate_hz, 0.3) + np.clip(noise * loudness, -32_768, 32_767).astype("<i2").tobytes() + bytes(9_999 * 2)
    data = b"".join(encode(Format(encoding, rate_hz), pcm))
    samples, _, _ = read(data, flac_samples=len(pcm) // 2)
    assert samples.astype("<i2").tobytes() == pcm
    assert listened(data).tobytes() == pcm


@pytest.mark.parametrize("rate_hz", [8_000, 24_000, 48_000])
def test_aac_is_a_row_of_adts_frames(rate_hz):
    data = b"".join(encode(Format(Encoding.AAC, rate_hz), tone(rate_hz, 1.0)))
    rates_hz = [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000]
    position = num_frames = 0
    while position < len(data):
        assert data[position] == 0xFF
        assert data[position + 1] & 0xF6 == 0xF0
        assert rates_hz[data[position + 2] >> 2 & 15] == rate_hz
        assert (data[position + 2] & 1) << 2 | data[position + 3] >> 6 == 1
        position += (data[position + 3] & 3) << 11 | data[position + 4] << 3 | data[position + 5] >> 5
        num_frames += 1
    assert position == len(data)
    assert 1.0 <= num_frames * 1_024 / rate_hz <= 1.4


# What of the sound a codec must have before it can say the next bit: a frame, and what it looks ahead.
LONGEST_WAIT_MS = {Encoding.MP3: 60, Encoding.OGG_OPUS: 40, Encoding.AAC: 90, Encoding.FLAC: 30}


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_bytes_leave_while_samples_arrive(encoding):
    encoder, step = open_encoder(Format(encoding, 24_000)), 24_000 // 100 * 2
    pcm = tone(24_000, 2.0)
    sizes = [len(encoder.encode(pcm[at : at + step])) for at in range(0, len(pcm), step)]
    filled_ms = [10 * (index + 1) for index, size in enumerate(sizes) if size]
    assert max(np.diff([0, *filled_ms])) <= LONGEST_WAIT_MS[encoding]
    assert sum(sizes[: len(sizes) // 2]) > 0.4 * (sum(sizes) + len(encoder.finish()))


@pytest.mark.parametrize("encoding", [Encoding.WAV, Encoding.MP3, Encoding.OGG_OPUS, Encoding.FLAC])
def test_the_first_bytes_leave_with_the_first_samples(encoding):
    assert open_encoder(Format(encoding, 24_000)).encode(tone(24_000, 0.01))


def test_a_streamed_wav_has_one_header_of_unknown_size():
    data = b"".join(encode(Format(Encoding.WAV, 24_000), tone(24_000, 0.2)))
    assert data.count(b"RIFF") == data.count(b"data") == 1
    assert data[4:8] == data[40:44] == b"\xff\xff\xff\xff"
    assert len(data) == 44 + 9_600


def test_a_wav_of_known_size_says_it():
    pcm = tone(16_000, 0.1)
    header = wav_header(16_000, len(pcm))
    samples, rate_hz, _ = read(header + pcm)
    assert int.from_bytes(header[4:8], "little") == len(header + pcm) - 8
    assert (len(samples), rate_hz) == (1_600, 16_000)


@pytest.mark.parametrize(("encoding", "silence"), [(Encoding.MULAW, b"\xff"), (Encoding.ALAW, b"\xd5")])
def test_telephone_formats_take_a_byte_a_sample(encoding, silence):
    assert b"".join(encode(Format(encoding, 8_000), bytes(320))) == silence * 160


@pytest.mark.parametrize("encoding", [encoding for encoding in Encoding if encoding is not Encoding.CONTAINER])
def test_no_sound_at_all_is_not_a_failure(encoding):
    data = open_encoder(Format(encoding, 24_000)).finish()
    assert len(data) < 1_024


def test_what_cannot_be_written_is_refused_at_once():
    with pytest.raises(UnsupportedFormat):
        open_encoder(Format(Encoding.CONTAINER, 24_000))


@pytest.mark.parametrize("encoding", COMPRESSED)
def test_a_dropped_encoder_frees_what_it_held_at_once(encoding):
    def drop_some(count):
        for _ in range(count):
            open_encoder(Format(encoding, 24_000)).encode(bytes(CHUNK_BYTES))
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    gc.collect()
    gc.disable()
    try:
        before_kib = drop_some(10)
        assert drop_some(30) - before_kib < 4_096
    finally:
        gc.enable()


def test_the_muxers_log_nothing(capfd):
    assert av.logging.get_level() is None or av.logging.get_level() <= av.logging.ERROR
    encode(Format(Encoding.MP3, 24_000), tone(24_000, 0.1))
    assert capfd.readouterr().err == ""
