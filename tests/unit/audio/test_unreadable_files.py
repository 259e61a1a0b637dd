"""Files that cannot be heard, or not to their end: refused with what is wrong with them."""

import functools
import io
import zipfile

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st

from antiphon_server.audio.container import decode_container
from antiphon_server.errors import AudioTooLong, BadAudio
from support.sound_files import encrypted_matroska, film_without_sound, recorded, tone, wav_of

KEY = "00112233445566778899aabbccddeeff"
CENC = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": KEY, "encryption_kid": KEY}
CUT = {
    "aiff": ("aiff", "pcm_s16be", {}),
    "caf": ("caf", "pcm_s16le", {}),
    "w64": ("w64", "pcm_s16le", {}),
    "au": ("au", "pcm_s16be", {}),
    "mp3": ("mp3", "libmp3lame", {}),
    "m4a": ("ipod", "aac", {}),
    "mov": ("mov", "pcm_s16le", {}),
    "fragmented mp4": ("mp4", "aac", {"live": True, "movflags": "frag_every_frame+empty_moov"}),
}


def decode(data, *, max_duration_ms=60_000):
    return sum(map(len, decode_container(io.BytesIO(data), max_duration_ms=max_duration_ms)))


def refusal(data):
    with pytest.raises(BadAudio) as caught:
        decode(data)
    assert caught.value.field == "audio"
    return caught.value.message


def zipped():
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.mp3", recorded("mp3", "libmp3lame"))
    return file.getvalue()


def big_endian():
    file = io.BytesIO()
    soundfile.write(file, tone()[0], 24_000, format="WAV", subtype="PCM_16", endian="BIG")
    return file.getvalue()


@pytest.mark.parametrize("share", [0.3, 0.9])
@pytest.mark.parametrize("kind", CUT)
def test_a_cut_file_is_called_truncated(kind, share):
    muxer, codec, options = CUT[kind]
    data = recorded(muxer, codec, [tone(4.0)], **options)
    decode(data)
    assert "truncated" in refusal(data[: int(len(data) * share)])


@pytest.mark.parametrize("name", [b"enca", b"drms"])
def test_an_encrypted_m4a_is_called_encrypted(name):
    assert f"encrypted: the sound of its MP4 is of kind {name.decode()}" in refusal(
        recorded("ipod", "aac").replace(b"mp4a", name, 1)
    )


@pytest.mark.parametrize("options", [{}, {"live": True, "movflags": "frag_keyframe+empty_moov"}], ids=["whole", "live"])
def test_commonly_encrypted_sound_is_called_encrypted(options):
    assert "encrypted" in refusal(recorded("mp4", "aac", **CENC, **options))


def test_an_encrypted_matroska_is_called_encrypted():
    assert "encrypted" in refusal(encrypted_matroska())


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (zipped(), "a ZIP archive"),
        (big_endian(), "a big-endian WAV (RIFX)"),
        (b"%PDF-1.7\n" + bytes(99), "a PDF document"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a PNG picture"),
        (b"\r\n <!DOCTYPE HTML><title>404 Not Found</title>", "an HTML page"),
        ("Fehler: größer als erlaubt. ".encode() * 99, "text"),
        (b'{"error": "not found"}', "text"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_caller_hears_what_was_sent_in_place_of_sound(data, kind):
    assert refusal(data) == f"audio is of no kind that can be read: the file is {kind}"


@pytest.mark.parametrize("muxer", ["mp4", "webm", "matroska"])
def test_a_film_without_sound_is_refused(muxer):
    assert "no audio stream" in refusal(film_without_sound(muxer))


@pytest.mark.parametrize(
    "data",
    [wav_of(b""), recorded("flac", "flac", [tone(0.0)]), wav_of(b"\0@", rate_hz=48_000)],
    ids=["wav", "flac", "one"],
)
def test_a_file_without_a_sample_is_called_empty(data):
    assert "less than one sample" in refusal(data)


def test_an_unknown_codec_is_called_unknown():
    assert "codec is not known" in refusal(recorded("caf", "pcm_s16le").replace(b"lpcm", b"none", 1))


def test_a_single_sample_is_sound():
    assert decode(wav_of(b"\0@")) == 2


def test_a_header_that_promises_years_is_refused_by_what_it_says():
    data = bytearray(recorded("flac", "flac"))
    data[21] |= 0x0F
    with pytest.raises(AudioTooLong, match=r"60 s long, not 26\d+"):
        decode(bytes(data))


def test_ogg_that_changes_its_kind_says_so():
    parts = []
    for rate_hz in (24_000, 44_100):
        file = io.BytesIO()
        soundfile.write(file, tone(rate_hz=rate_hz)[0], rate_hz, format="OGG", subtype="VORBIS")
        parts.append(file.getvalue())
    assert "changes its kind" in refusal(b"".join(parts))


def test_a_million_tiny_chunks_are_not_walked():
    chunks = b"JUNK\0\0\0\0" * 200_000
    assert "truncated" in refusal(b"RIFF\xff\xff\xff\xffWAVE" + chunks)


SEEDS = [
    ("mp3", "libmp3lame"),
    ("ipod", "aac"),
    ("ogg", "libopus"),
    ("webm", "libopus"),
    ("flac", "flac"),
    ("aiff", "pcm_s16be"),
    ("caf", "pcm_s16le"),
    ("w64", "pcm_s16le"),
]
recording = functools.cache(recorded)


@given(st.sampled_from(SEEDS), st.floats(0, 1), st.binary(max_size=40), st.booleans(), st.integers(0, 600))
def test_damage_anywhere_ends_in_sound_or_a_refusal(kind, place, junk, replaces, head):
    seed = recording(*kind)
    at = int(place * len(seed)) if head > 300 else head
    data = seed[:at] + junk + seed[at + len(junk) * replaces :]
    try:
        assert decode(data) % 2 == 0
    except (BadAudio, AudioTooLong):
        return


@given(
    st.sampled_from(
        [
            b"",
            b"RIFF\0\0\0\0WAVE",
            b"OggS\0\2",
            b"fLaC",
            b"ID3\4\0\0",
            b"\0\0\0\x18ftypM4A ",
            b"\x1a\x45\xdf\xa3",
            b"caff\0\1\0\0",
        ]
    ),
    st.integers(0, 99),
    st.integers(0, 3_000),
)
def test_noise_under_any_name_ends_in_sound_or_a_refusal(name, seed, size):
    try:
        decode(name + np.random.default_rng(seed).bytes(size))
    except (BadAudio, AudioTooLong):
        return
