"""The server's own process, with a checkpoint from disk, called over gRPC."""

import asyncio
import importlib.util
import time
from collections.abc import AsyncGenerator
from pathlib import Path

from bench.gpu.checkpoint import FOLDER
from bench.gpu.clips import Speak, closed_loop, hear, record_clips
from bench.gpu.record import Record, Skipped
from bench.gpu.setting import Setting

_NEEDED = (
    "grpc", "google.protobuf", "google.rpc", "grpc_status", "grpc_health", "grpc_reflection", "av", "soxr",
    "sentencex", "emoji", "markdown_it", "msgpack", "prometheus_client", "uvloop",
)  # fmt: skip
_CONFIG = """
engine_path = [{tests!r}]
[tts]
engine = "antiphon_server.runtime.higgs:create"
[tts.options]
checkpoint = {checkpoint!r}
device = {device!r}
dtype = "bfloat16"
max_concurrent_calls = {calls}
[stt]
engine = "support.scripted:create_transcriber"
[vad]
engine = "support.scripted:create_voice_activity"
[chat]
engine = "support.scripted:create_chat"
"""
_TEXT = "The boat came in before noon."


def measure(setting: Setting, record: Record) -> None:
    """Start the server, and speak clips with its own voice."""
    missing = [name for name in _NEEDED if not _is_there(name)]
    if missing:
        raise Skipped(f"the packages {', '.join(missing)} are not installed; --wheels takes a folder with theirs")
    folder = setting.scratch / FOLDER
    if not folder.exists():
        raise Skipped("there is no checkpoint; run the stage checkpoint in the same command")
    from support.servers import TESTS, start_server  # noqa: PLC0415 - after the check above

    config = setting.scratch / "wire.toml"
    calls = max(setting.scale.buckets)
    config.write_text(_CONFIG.format(tests=str(TESTS), checkpoint=str(folder), device=setting.device, calls=calls))
    began_at = time.perf_counter()
    server = start_server(config=Path(config))
    record.figure("start of the server", [time.perf_counter() - began_at], "s")
    try:
        asyncio.run(_measure(setting, record, server.grpc_target))
    finally:
        server.stop()


async def _measure(setting: Setting, record: Record, target: str) -> None:
    from grpc import aio  # noqa: PLC0415 - may be missing

    from antiphon.speech.v1 import synthesis_service_pb2_grpc as pb_grpc  # noqa: PLC0415 - needs grpc

    async with aio.insecure_channel(target) as channel:
        speak = _speaker(setting, pb_grpc.SynthesisServiceStub(channel))
        await hear(speak, 0)
        for num_calls in setting.scale.buckets:
            clips, wall_s = await closed_loop(speak, num_calls, setting.scale.closed_s)
            record_clips(record, "gRPC, closed loop", clips, wall_s, calls=num_calls)


def _speaker(setting: Setting, stub: object) -> Speak:
    from antiphon.speech.v1 import audio_pb2  # noqa: PLC0415 - needs protobuf
    from antiphon.speech.v1 import synthesis_service_pb2 as pb  # noqa: PLC0415

    encoding = audio_pb2.AudioFormat(encoding=audio_pb2.AUDIO_ENCODING_PCM_S16LE, sample_rate_hz=24_000)

    async def speak(number: int) -> AsyncGenerator[bytes, None]:
        sampling = pb.SamplingParams(seed=number, top_k=50, max_new_tokens=setting.scale.clip_rows)
        config = pb.SynthesisConfig(format=encoding, sampling=sampling)
        call = stub.Synthesize(timeout=120)  # type: ignore[attr-defined]
        await call.write(pb.SynthesizeRequest(config=config))
        await call.write(pb.SynthesizeRequest(text=pb.TextInput(text=_TEXT)))
        await call.write(pb.SynthesizeRequest(finish=pb.FinishText()))
        async for response in call:
            if response.WhichOneof("response") == "audio":
                yield response.audio.data

    return speak


def _is_there(name: str) -> bool:
    try:
        return importlib.util.find_spec(name) is not None
    except ModuleNotFoundError:
        return False
