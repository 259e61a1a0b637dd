"""One table of bad and odd recordings, sent over every transport: the same end on each, and a server that goes on."""

import asyncio
import io
import json
import subprocess
import sys
from collections.abc import AsyncIterator
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


@cache
def files() -> dict[str, tuple[bytes, str, str]]:
    """Name, then bytes, reason (empty: it is heard) and a part of the message."""
    sound = tone(rate_hz=16_000)
    loud = sound.tobytes()
    flac = recorded("flac", "flac")
    bad = {
        "empty": (b"", "empty"),
        "wav without samples": (wav_of(b""), "less than one sample"),
        "flac without samples": (recorded("flac", "flac", [tone(0.0)]), "less than one sample"),
        "film without sound": (film_without_sound("mp4"), "no audio stream"),
        "encrypted m4a": (recorded("mp4", "aac", **CENC), "encrypted"),
        "protected m4a": (recorded("ipod", "aac").replace(b"mp4a", b"drms", 1), "encrypted"),
        "encrypted webm": (encrypted_matroska(), "encrypted"),
        "locked zip named mp3": (b"PK\x03\x04\x14\0\1\0" + np.random.default_rng(6).bytes(9_000), "ZIP"),
        "web page": (b"<!doctype html><title>404</title>" * 9, "HTML"),
        "text": (b"hello world\n" * 99, "text"),
        "noise": (np.random.default_rng(7).bytes(50_000), "kind"),
        "wav that promises more": (wav_of(loud, says_bytes=10**6), "truncated"),
        "flac that promises more": (flac[:22] + (400_000).to_bytes(4) + flac[26:], "truncated"),
        **{f"half a {kind}": (data[: len(data) // 2], "") for kind, data in _commonly_cut().items()},
    }
    long = {
        "a day of silence in opus": (opus_silence(86_400), f"{MAX_AUDIO_S} s"),
        "a minute of opus that says a second": (opus_silence(60, says_s=1), f"{MAX_AUDIO_S} s"),
    }
    eight = np.zeros((32_000, 8), "<i2")
    eight[:, 1] = sound[0]
    good = {
        "wav": wav_of(loud),
        "8 bits": wav_of((sound // 256 + 128).astype(np.uint8).tobytes(), bits=8),
        "192 kHz": wav_of(tone(rate_hz=192_000).tobytes(), rate_hz=192_000),
        "7 channels": wav_of(np.repeat(sound.T, 7, axis=1).tobytes(), channels=7),
        "one channel of 8": wav_of((eight * 2).tobytes(), channels=8),
        "film": recorded("webm", "libopus", film_s=3.0, late_s=1.0),
        "two tracks": recorded("matroska", "aac", [tone(), tone()], default=1),
        "joined mp3": recorded("mp3", "libmp3lame") * 2,
        "joined ogg": recorded("ogg", "libopus") * 2,
        "3gp": recorded("3gp", "aac", rate_hz=16_000),
        "caf": recorded("caf", "pcm_s16le"),
        "aiff": recorded("aiff", "pcm_s16be"),
    }
    return {
        **{name: (data, "BAD_AUDIO", word) for name, (data, word) in bad.items()},
        **{name: (data, "AUDIO_TOO_LONG", word) for name, (data, word) in long.items()},
        **{name: (data, "", "") for name, data in good.items()},
    }


def _commonly_cut() -> dict[str, bytes]:
    muxers = {
        "mp3": "libmp3lame",
        "wav": "pcm_s16le",
        "flac": "flac",
        "ogg": "libopus",
        "ipod": "aac",
        "webm": "libopus",
    }
    return {muxer: recorded(muxer, codec, [tone(4.0)]) for muxer, codec in muxers.items()}


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


@pytest.mark.parametrize("name", files())
async def test_a_recording_ends_alike_on_every_transport(doors, name):
    data, reason, word = files()[name]
    async with callers(doors) as (stubs, http):
        for transport, (found, text) in (await everywhere(stubs, http, data)).items():
            assert found == reason, (transport, text)
            assert word in text if reason else text == HEARD, transport
    assert list(doors.spool.iterdir()) == []


@pytest.mark.parametrize("encoding", ["PCM_S16LE", "MULAW", "ALAW", "WAV"])
async def test_no_bytes_at_all_are_refused_but_a_microphone_may_stay_silent(doors, encoding):
    async with callers(doors) as (stubs, _):
        number = audio_pb2.AudioEncoding.Value(f"AUDIO_ENCODING_{encoding}")
        assert (await over_grpc(stubs, b"", number, streams=False))[0] == "BAD_AUDIO"
        assert (await over_grpc(stubs, b"", number, streams=True))[0] == ("BAD_AUDIO" if encoding == "WAV" else "")


def test_the_command_names_each_file_with_its_reason_and_writes_the_others_down(doors, tmp_path):
    for name, (data, _, _) in files().items():
        (tmp_path / f"{name}.mp3").write_bytes(data)
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
    for name, (_, reason, word) in files().items():
        found = [line for line in lines if f"/{name}.mp3: " in line]
        assert len(found) == 1, (name, lines)
        assert (word in found[0] and found[0].endswith(f"({reason})")) if reason else f"{name}.txt" in found[0]
        assert (tmp_path / f"{name}.txt").exists() == (not reason)


async def test_a_bad_recording_disturbs_no_other_call(doors):
    good, bad = files()["wav"][0], files()["half a flac"][0]
    async with callers(doors) as (stubs, http):
        ends = await asyncio.gather(*(everywhere(stubs, http, data) for data in (good, bad)))
    assert [{reason for reason, _ in end.values()} for end in ends] == [{""}, {"BAD_AUDIO"}]
