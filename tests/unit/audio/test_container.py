import io
import zipfile

import av
import numpy as np
import pytest
import soundfile

from antiphon_server.audio.decode import decode_container
from antiphon_server.audio.encode import wav_header
from antiphon_server.errors import AudioTooLong, BadAudio

RATE_HZ = 24_000
TONE = (12_000 * np.sin(2 * np.pi * 440 * np.arange(2 * RATE_HZ) / RATE_HZ)).astype("<i2")
KINDS = {
    "wav": ("wav", "pcm_s16le"),
    "mp3": ("mp3", "libmp3lame"),
    "m4a": ("ipod", "aac"),
    "ogg": ("ogg", "libopus"),
    "webm": ("webm", "libopus"),
    "flac": ("flac", "flac"),
    "aac": ("adts", "aac"),
    "aiff": ("aiff", "pcm_s16be"),
}


class WriteOnly:
    """A file that cannot be gone back in, as when a browser records."""

    def __init__(self):
        self.parts = []

    def write(self, data):
        self.parts.append(bytes(data))
        return len(data)


def recorded(kind, *, live=False, samples=TONE):
    file = WriteOnly() if live else io.BytesIO()
    muxer, codec = KINDS[kind]
    with av.open(file, "w", format=muxer) as container:
        stream = container.add_stream(codec, rate=RATE_HZ, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts = RATE_HZ, 0
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return b"".join(file.parts) if live else file.getvalue()


def decode(data, *, max_duration_ms=60_000, rate_out_hz=16_000):
    pieces = decode_container(io.BytesIO(data), rate_out_hz=rate_out_hz, max_duration_ms=max_duration_ms)
    return np.frombuffer(b"".join(pieces), dtype="<i2")


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.wav", recorded("wav"))
    return file.getvalue()


@pytest.mark.parametrize("kind", KINDS)
def test_common_files_are_recognised_by_their_content(kind):
    heard = decode(recorded(kind))
    assert abs(len(heard) / 16_000 - 2.0) < 0.1
    spectrum = np.abs(np.fft.rfft(heard * np.hanning(len(heard))))
    assert abs(np.argmax(spectrum) * 16_000 / len(heard) - 440) < 3


def test_a_file_on_disk_is_read_whatever_it_is_called(tmp_path):
    path = tmp_path / "speech.mp3"
    path.write_bytes(recorded("flac"))
    assert sum(map(len, decode_container(path, max_duration_ms=5_000))) == 2 * 2 * 16_000


def test_stereo_is_mixed_down():
    file = io.BytesIO()
    soundfile.write(file, np.stack([TONE, np.zeros_like(TONE)], axis=1), RATE_HZ, format="WAV", subtype="PCM_16")
    assert abs(int(decode(file.getvalue()).max()) - 6_000) < 200


def test_sound_comes_in_small_pieces():
    pieces = list(decode_container(io.BytesIO(recorded("mp3")), max_duration_ms=5_000))
    assert max(map(len, pieces)) <= 2 * 4_096
    assert len(pieces) > 5


@pytest.mark.parametrize("kind", ["webm", "flac", "wav", "ogg"])
def test_recordings_that_do_not_say_their_length_are_read(kind):
    assert abs(len(decode(recorded(kind, live=True))) / 16_000 - 2.0) < 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_over_the_limit_is_refused_with_limit_and_length(kind):
    with pytest.raises(AudioTooLong) as caught:
        decode(recorded(kind), max_duration_ms=1_500)
    assert caught.value.field == "audio"
    assert "1.5 s" in caught.value.message


def test_a_declared_length_over_the_limit_is_refused_before_decoding():
    pieces = decode_container(io.BytesIO(recorded("flac")), max_duration_ms=1_999)
    with pytest.raises(AudioTooLong, match=r"2\.0 s"):
        next(pieces)


def test_an_undeclared_length_is_noticed_on_the_way():
    pieces = decode_container(io.BytesIO(recorded("webm", live=True)), max_duration_ms=1_000)
    heard = []
    with pytest.raises(AudioTooLong):
        heard.extend(pieces)
    assert 0.5 < sum(map(len, heard)) / 2 / 16_000 <= 1.0


@pytest.mark.parametrize("live", [False, True], ids=["saved", "live"])
@pytest.mark.parametrize("kind", ["webm", "ogg", "flac"])
@pytest.mark.parametrize("share", [0.4, 0.61, 0.8])
def test_a_truncated_file_is_refused(kind, live, share):
    data = recorded(kind, live=live)
    with pytest.raises(BadAudio, match="truncated"):
        decode(data[: int(len(data) * share)])


@pytest.mark.parametrize("kind", ["wav", "mp3", "m4a"])
def test_files_that_declare_their_length_are_refused_when_cut(kind):
    data = recorded(kind)
    with pytest.raises(BadAudio):
        decode(data[: int(len(data) * 0.6)])


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_beginning_of_a_header_is_refused(kind):
    with pytest.raises(BadAudio):
        decode(recorded(kind)[:30])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\0",
        bytes(50_000),
        b"hello world " * 5_000,
        np.random.default_rng(1).bytes(50_000),
        zipped(),
        b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile:///etc/hostname\n#EXT-X-ENDLIST\n",
        b"ffconcat version 1.0\nfile '/etc/hostname'\n",
        b"1\n00:00:00,000 --> 00:00:09,000\nhello\n",
        b"\x89PNG\r\n\x1a\n" + bytes(500),
        b"v=0\no=- 0 0 IN IP4 127.0.0.1\nm=audio 5004 RTP/AVP 0\n",
        wav_header(16_000, 0),
    ],
    ids=[
        "empty",
        "a-byte",
        "zeros",
        "text",
        "noise",
        "zip",
        "hls",
        "concat",
        "subtitles",
        "picture",
        "sdp",
        "no-samples",
    ],
)
def test_what_is_no_sound_is_refused(data):
    with pytest.raises(BadAudio) as caught:
        decode(data)
    assert caught.value.field == "audio"


def test_a_playlist_does_not_open_what_it_names(tmp_path):
    path = tmp_path / "secret.wav"
    path.write_bytes(recorded("wav"))
    for playlist in (f"ffconcat version 1.0\nfile '{path}'\n", f"#EXTM3U\n#EXTINF:2,\n{path}\n"):
        with pytest.raises(BadAudio):
            decode(playlist.encode())


def test_a_film_without_sound_is_refused():
    file = io.BytesIO()
    with av.open(file, "w", format="mp4") as container:
        stream = container.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        container.mux(stream.encode(av.VideoFrame(32, 32, "yuv420p")))
        container.mux(stream.encode(None))
    with pytest.raises(BadAudio, match="no audio stream"):
        decode(file.getvalue())


def test_leaving_early_closes_the_file(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(recorded("wav"))
    pieces = decode_container(path, max_duration_ms=5_000)
    next(pieces)
    pieces.close()  # an open file would be reported as a ResourceWarning, which is an error here
    with pytest.raises(StopIteration):
        next(pieces)


@pytest.mark.parametrize("kind", KINDS)
def test_damage_in_the_middle_ends_in_sound_or_bad_audio(kind):
    data = bytearray(recorded(kind))
    data[len(data) // 2 : len(data) // 2 + 64] = np.random.default_rng(2).bytes(64)
    try:
        heard = decode(bytes(data))
    except BadAudio:
        return
    assert len(heard) / 16_000 > 1.0
