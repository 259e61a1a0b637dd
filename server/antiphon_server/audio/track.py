"""Which stream of an opened file is heard, when it begins, and how long the file says it is."""

import functools
import os
from typing import BinaryIO

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition

from antiphon_server.errors import BadAudio

_FORMATS = "wav,w64,aiff,au,caf,mp3,aac,flac,ogg,matroska,webm,mov,mp4,m4a,amr"
"""Demuxers that hold sound and nothing but their own bytes: no playlists, no lists of other files."""
_ID3_BYTES = 10
_FRAME_COUNTS = (b"Xing", b"Info")
_FIRST_FRAME_BYTES = 4_096


class _Nameless:
    """What the demuxer may see of a file. Without a name, only the content says what it is."""

    def __init__(self, file: BinaryIO) -> None:
        self.read = file.read
        self.seek = file.seek
        self.tell = file.tell


def open_file(file: BinaryIO) -> InputContainer:
    """Open a file for reading, by its content alone.

    Raises:
        av.FFmpegError: If no demuxer of sound knows it.
    """
    options = {
        "format_whitelist": _FORMATS,
        "protocol_whitelist": "none",
        # Else a picture on the cover would be decoded to learn its size; a small one can take gigabytes.
        "codec_whitelist": _decoders_of_sound(),
    }
    return av.open(_Nameless(file), "r", options=options, metadata_errors="ignore")


def choose_stream(container: InputContainer) -> AudioStream:
    """Choose the audio stream that the file calls its default one, else the first.

    Raises:
        BadAudio: If there is none, or it is encrypted or in a codec that is not known.
    """
    streams = container.streams.audio
    if not streams:
        raise BadAudio("audio has no sound in it: the file holds no audio stream", field="audio")
    stream = next((each for each in streams if each.disposition & Disposition.default), streams[0])
    if "enc_key_id" in stream.metadata:
        raise BadAudio("audio is encrypted: its stream names the key it is encrypted with", field="audio")
    if stream.codec_context is None:
        raise BadAudio("audio is of no kind that can be read: its codec is not known", field="audio")
    return stream


def late_s(container: InputContainer, stream: AudioStream) -> float:
    """Seconds by which a stream begins after the file does, as the sound of a film may; 0 if not known."""
    if container.start_time is None or stream.start_time is None or stream.time_base is None:
        return 0.0
    return max(0.0, float(stream.start_time * stream.time_base) - container.start_time / av.time_base)


def longest_s(container: InputContainer, stream: AudioStream) -> float:
    """Seconds that the header says the sound lasts, or, if only that is known, the file; 0 if nothing is."""
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0


def promised_s(container: InputContainer, stream: AudioStream, file: BinaryIO) -> float:
    """Seconds of sound that must be there, or the file is cut; 0 where the length is guessed from the bytes there are.

    Asked before the first packet is read; leaves the file where it was.
    """
    name = container.format.name
    is_known = name == "flac" or "mp4" in name.split(",") or (name == "mp3" and _counts_frames(file))
    return longest_s(container, stream) if is_known and stream.duration is not None else 0.0


def _counts_frames(file: BinaryIO) -> bool:
    """Whether an MP3 says how many frames it has, which it does in place of sound in the first one."""
    back_to = file.tell()
    file.seek(0)
    head = file.read(_ID3_BYTES)
    if head.startswith(b"ID3"):
        size = functools.reduce(lambda number, byte: number << 7 | byte & 127, head[6:], 0)
        file.seek(size, os.SEEK_CUR)
        head = b""
    head += file.read(_FIRST_FRAME_BYTES)
    file.seek(back_to)
    return any(name in head for name in _FRAME_COUNTS)


@functools.cache
def _decoders_of_sound() -> str:
    return ",".join(sorted(name for name in av.codecs_available if _decodes_sound(name)))


def _decodes_sound(name: str) -> bool:
    try:
        return av.Codec(name, "r").type == "audio"
    except av.codec.codec.UnknownCodecError:  # it only encodes
        return False
