"""The same text with the same seed on every way out of the server: the very same samples."""

import asyncio
import base64
import io
import json

import aiohttp
import grpc
import pytest
import requests
import soundfile

from antiphon.speech.v1 import audio_pb2, synthesis_service_pb2, synthesis_service_pb2_grpc

pytestmark = pytest.mark.models

TEXT = "Every way out of the server gives the same sound. It does so twice."
SEED = 20_261_121
LIMIT_S = 60.0


def over_grpc(server) -> bytes:
    request = synthesis_service_pb2.SynthesizeRequest
    format_ = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE)
    sampling = synthesis_service_pb2.SamplingParams(seed=SEED)
    config = synthesis_service_pb2.SynthesisConfig(voice="nora", format=format_, sampling=sampling)
    messages = [
        request(config=config),
        request(text=synthesis_service_pb2.TextInput(text=TEXT)),
        request(finish=synthesis_service_pb2.FinishText()),
    ]
    with grpc.insecure_channel(server.grpc_target) as channel:
        stub = synthesis_service_pb2_grpc.SynthesisServiceStub(channel)
        return b"".join(event.audio.data for event in stub.Synthesize(iter(messages), timeout=LIMIT_S))


def over_http(compat, **fields) -> bytes:
    body = {"input": TEXT, "voice": "nora", "seed": SEED, "response_format": "pcm"} | fields
    answer = requests.post(f"{compat.http_url}/v1/audio/speech", json=body, timeout=LIMIT_S)
    assert answer.status_code == 200
    return answer.content


def in_events(compat) -> bytes:
    events = over_http(compat, stream_format="sse").decode().strip().split("\n\n")
    found = [json.loads(event.removeprefix("data: ")) for event in events]
    assert found[-1]["type"] == "speech.audio.done"
    return b"".join(base64.b64decode(event["audio"]) for event in found[:-1])


def in_a_batch(compat) -> bytes:
    body = {"items": [{"input": TEXT}], "voice": "nora", "seed": SEED, "response_format": "pcm"}
    answer = requests.post(f"{compat.http_url}/v1/audio/speech/batch", json=body, timeout=LIMIT_S)
    return base64.b64decode(answer.json()["results"][0]["audio_data"])


async def over_a_socket(compat) -> bytes:
    audio = bytearray()
    async with (
        asyncio.timeout(LIMIT_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{compat.http_url}/v1/audio/speech/stream") as ws,
    ):
        await ws.send_json({"type": "session.config", "voice": "nora", "seed": SEED})
        for piece in TEXT.partition("server"):  # the pieces of a language model end anywhere
            await ws.send_json({"type": "input.text", "text": piece})
        await ws.send_json({"type": "input.done"})
        while True:
            message = await ws.receive()
            if message.type is aiohttp.WSMsgType.BINARY:
                audio += message.data
            elif json.loads(message.data)["type"] == "session.done":
                return bytes(audio)


async def test_the_same_seed_gives_the_same_samples_on_every_way(server, compat):
    said = await asyncio.to_thread(over_grpc, server)
    assert len(said) > 24_000
    ways = {
        "whole": over_http(compat),
        "chunked": over_http(compat, stream=True),
        "events": in_events(compat),
        "batch": in_a_batch(compat),
        "socket": await over_a_socket(compat),
        "wav": soundfile.read(io.BytesIO(over_http(compat, response_format="wav")), dtype="int16")[0].tobytes(),
    }
    assert [way for way, samples in ways.items() if samples != said] == []
