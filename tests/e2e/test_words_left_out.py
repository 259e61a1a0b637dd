"""What is left out of a transcript is told to the caller, on the stream and on its unary twin."""

import pytest
from grpc import aio

from antiphon.speech.v1 import audio_pb2, report_pb2
from antiphon.speech.v1 import transcription_service_pb2 as pb
from antiphon.speech.v1 import transcription_service_pb2_grpc as pb_grpc
from antiphon_client import AntiphonClient
from support.sounds import pcm_of_sound

pytestmark = pytest.mark.models


async def test_noise_behind_an_open_gate_is_reported_on_both_calls(server):
    pcm = pcm_of_sound("white -20 dBFS", 4)
    audio_format = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=16_000)
    config = pb.TranscriptionConfig(format=audio_format, language="en", endpoint=pb.EndpointConfig(threshold=0.0))
    async with aio.insecure_channel(server.grpc_target) as channel:
        stub = pb_grpc.TranscriptionServiceStub(channel)
        once = await stub.TranscribeOnce(pb.TranscribeOnceRequest(config=config, audio=pcm), timeout=60)
    async with AntiphonClient(server.grpc_target) as client:
        streamed = await client.transcribe(pcm, config=config)
    for found in (once, streamed):
        (warning,) = found.warnings
        assert warning.code == report_pb2.WARNING_CODE_WORDS_LEFT_OUT
        assert warning.message == "left out of the transcript, or cut short: 0.0 to 4.0 s (no speech)"
        assert found.text == ""
        assert found.no_speech
