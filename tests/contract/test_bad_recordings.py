"""One table of bad and odd recordings, sent over every transport: the same end on each, and a server that goes on."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import aiohttp
import grpc
import numpy as np
import pytest

from antiphon.speech.v1 import audio_pb2
from antiphon.speech.v1 import transcription_service_pb2 as pb
from support.calls import MESSAGE_BYTES, Stubs, calls_to
from support.fronts import Refused
from support.servers import Compat, Server, scripted_config, start_compat, start_server
from support.sound_files import encrypted_matroska, film_without_sound, opus_silence, recorded, tone, wav_of

MAX_AUDIO_S = 30
LIMITS = f"[limits]\nmax_audio_ms = {MAX_AUDIO_S * 1000}\n"
HEARD = "hello world"
KEY = "00112233445566778899aabbccddeeff"
CENC = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": KEY, "encryption_kid": KEY}


@dataclass(frozen=True)
class File:
    """A recording and its end; ``make`` runs once, and not before a test needs it."""

    make: Callable[[], bytes]
    reason: str = ""
    """Empty: it is heard."""
    word: str = ""
    """A part of the message."""

    @property
    def data(self) -> bytes:
        return _made(self)


@cache
def _made(file: File) -> bytes:
    return file.make()


def sound() -> np.ndarray:
    return tone(rate_hz=16_000)


def one_of_eight() -> bytes:
    samples = np.zeros((32_000, 8), "<i2")
    samples[:, 1] = 2 * sound()[0]
    return wav_of(samples.tobytes(), channels=8)


def untrue_flac() -> bytes:
    flac = recorded("flac", "flac")
    return flac[:22] + (400_000).to_bytes(4) + flac[26:]


def half(muxer: str, codec: str) -> bytes:
    data = recorded(muxer, codec, [tone(4.0)])
    return data[: len(data) // 2]


def bad(make: Callable[[], bytes], word: str) -> File:
    return File(make, "BAD_AUDIO", word)


def long(make: Callable[[], bytes]) -> File:
    return File(make, "AUDIO_TOO_LONG", f"{MAX_AUDIO_S} s")


FILES = {
    "empty": bad(bytes, "empty"),
    "wav without samples": bad(lambda: wav_of(b""), "less than one sample"),
    "flac without samples": bad(lambda: recorded("flac", "flac", [tone(0.0)]), "less than one sample"),
    "film without sound": bad(lambda: film_without_sound("mp4"), "no audio stream"),
    "encrypted m4a": bad(lambda: recorded("mp4", "aac", **CENC), "encrypted"),
    "protected m4a": bad(lambda: recorded("ipod", "aac").replace(b"mp4a", b"drms", 1), "encrypted"),
    "encrypted webm": bad(encrypted_matroska, "encrypted"),
    "locked zip named mp3": bad(lambda: b"PK\x03\x04\x14\0\1\0" + np.random.default_rng(6).bytes(9_000), "ZIP"),
    "web page": bad(lambda: b"<!doctype html><title>404</title>" * 9, "HTML"),
    "noise": bad(lambda: np.random.default_rng(7).bytes(50_000), "kind"),
    "wav that promises more": bad(lambda: wav_of(sound().tobytes(), says_bytes=10**6), "truncated"),
    "flac that promises more": bad(untrue_flac, "truncated"),
    "half a mp3": bad(lambda: half("mp3", "libmp3lame"), ""),
    "half a wav": bad(lambda: half("wav", "pcm_s16le"), ""),
    "half a flac": bad(lambda: half("flac", "flac"), ""),
    "half a ogg": bad(lambda: half("ogg", "libopus"), ""),
    "half a m4a": bad(lambda: half("ipod", "aac"), ""),
    "a day of silence in opus": long(lambda: opus_silence(86_400)),
    "a minute of opus that says a second": long(lambda: opus_silence(60, says_s=1)),
    "wav": File(lambda: wav_of(sound().tobytes())),
    "8 bits": File(lambda: wav_of((sound() // 256 + 128).astype(np.uint8).tobytes(), bits=8)),
    "192 kHz": File(lambda: wav_of(tone(rate_hz=192_000).tobytes(), rate_hz=192_000)),
    "7 channels": File(lambda: wav_of(np.repeat(sound().T, 7, axis=1).tobytes(), channels=7)),
    "one channel of 8": File(one_of_eight),
    "film": File(lambda: recorded("webm", "libopus", film_s=3.0, late_s=1.0)),
    "two tracks": File(lambda: recorded("matroska", "aac", [tone(), tone()], default=1)),
    "joined mp3": File(lambda: recorded("mp3", "libmp3lame") * 2),
    "joined ogg": File(lambda: recorded("ogg", "libopus") * 2),
    "3gp": File(lambda: recorded("3gp", "aac", rate_hz=16_000)),
}


@dataclass(frozen=True)
class Doors:
    """A server, what stands in front of it, and the folder for their temporary files."""

    server: Server
    compat: Compat
    spool: Path


@pytest.fixture(scope="module")
def doors(tmp_path_factory):
    folder = Path(tmp_path_factory.mktemp("doors"))
    spool = folder / "spool"
    spool.mkdir()
    server = start_server(config=scripted_config(folder, LIMITS), environment={"TMPDIR": str(spool)})
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(spool))
        compat = start_compat(server)
    yield Doors(server, compat, spool)
    assert compat.stop() == 0
    assert server.stop() == 0


@asynccontextmanager
async def callers(doors: Doors) -> AsyncIterator[tuple[Stubs, aiohttp.ClientSession]]:
    async with calls_to(doors.server) as stubs, aiohttp.ClientSession(doors.compat.http_url) as http:
        yield stubs, http


async def over_grpc(stubs: Stubs, data: bytes, encoding: int, *, streams: bool) -> tuple[str, str]:
    config = pb.TranscriptionConfig(format={"encoding": encoding})
    try:
        if not streams:
            request = pb.TranscribeOnceRequest(audio=data, config=config)
            return "", (await stubs.transcription.TranscribeOnce(request, timeout=60)).text
        requests = [pb.TranscribeRequest(config=config), *_pieces(data), pb.TranscribeRequest(finish={})]
        answers = [answer async for answer in stubs.transcription.Transcribe(iter(requests), timeout=60)]
        return "", " ".join(answer.final.text for answer in answers if answer.HasField("final"))
    except grpc.aio.AioRpcError as error:
        refused = Refused.of(error)
        refused.check()
        assert refused.fields == ["audio"]
        return refused.reason, refused.message


def _pieces(data: bytes) -> list[pb.TranscribeRequest]:
    return [pb.TranscribeRequest(audio=data[at : at + MESSAGE_BYTES]) for at in range(0, len(data), MESSAGE_BYTES)]


async def over_http(http: aiohttp.ClientSession, data: bytes, *, streams: bool) -> tuple[str, str]:
    form = aiohttp.FormData({"stream": "true"} if streams else {})
    form.add_field("file", io.BytesIO(data), filename="a.mp3", content_type="audio/mpeg")
    async with http.post("/v1/audio/transcriptions", data=form) as answer:
        body = await answer.text()
    if answer.status == 200:
        done = body.split("data: ")[-2] if streams else body
        return "", json.loads(done)["text"]
    error = json.loads(body)["error"]
    assert (answer.status, error["param"]) == (400, "file")
    return error["code"].upper(), error["message"]


async def everywhere(stubs: Stubs, http: aiohttp.ClientSession, data: bytes) -> dict[str, tuple[str, str]]:
    container = audio_pb2.AUDIO_ENCODING_CONTAINER
    calls = {
        "TranscribeOnce": over_grpc(stubs, data, container, streams=False),
        "Transcribe": over_grpc(stubs, data, container, streams=True),
        "form": over_http(http, data, streams=False),
        "events": over_http(http, data, streams=True),
    }
    if data[:4] == b"RIFF":
        calls["wav at once"] = over_grpc(stubs, data, audio_pb2.AUDIO_ENCODING_WAV, streams=False)
        calls["wav as it comes"] = over_grpc(stubs, data, audio_pb2.AUDIO_ENCODING_WAV, streams=True)
    return dict(zip(calls, await asyncio.gather(*calls.values()), strict=True))


@pytest.mark.parametrize("name", FILES)
async def test_a_recording_ends_alike_on_every_transport(doors, name):
    file = FILES[name]
    async with callers(doors) as (stubs, http):
        for transport, (found, text) in (await everywhere(stubs, http, file.data)).items():
            assert found == file.reason, (transport, text)
            assert file.word in text if file.reason else text == HEARD, transport
    assert list(doors.spool.iterdir()) == []


@pytest.mark.parametrize("encoding", ["PCM_S16LE", "MULAW", "ALAW", "WAV"])
async def test_no_bytes_at_all_are_refused_but_a_microphone_may_stay_silent(doors, encoding):
    async with callers(doors) as (stubs, _):
        number = audio_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{encoding}")
        assert (await over_grpc(stubs, b"", number, streams=False))[0] == "BAD_AUDIO"
        assert (await over_grpc(stubs, b"", number, streams=True))[0] == ("BAD_AUDIO" if encoding == "WAV" else "")


def test_the_command_names_each_file_with_its_reason_and_writes_the_others_down(doors, tmp_path):
    for name, file in FILES.items():
        (tmp_path / f"{name}.mp3").write_bytes(file.data)
    command = [
        sys.executable,
        "-m",
        "antiphon_client",
        "transcribe",
        str(tmp_path),
        "--server",
        doors.server.grpc_target,
    ]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
    assert ended.returncode == 3
    lines = ended.stderr.splitlines()
    for name, file in FILES.items():
        found = [line for line in lines if f"/{name}.mp3: " in line]
        assert len(found) == 1, (name, lines)
        if file.reason:
            assert file.word in found[0]
            assert found[0].endswith(f"({file.reason})")
        else:
            assert f"{name}.txt" in found[0]
        assert (tmp_path / f"{name}.txt").exists() == (not file.reason)


async def test_a_bad_recording_disturbs_no_other_call(doors):
    pair = FILES["wav"].data, FILES["half a flac"].data
    async with callers(doors) as (stubs, http):
        ends = await asyncio.gather(*(everywhere(stubs, http, data) for data in pair))
    assert [{reason for reason, _ in end.values()} for end in ends] == [{""}, {"BAD_AUDIO"}]
