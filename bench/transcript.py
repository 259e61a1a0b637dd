"""A 5 s clip through the server and through the library called directly, with the same options, in turns."""

import asyncio
import time

import numpy as np
import numpy.typing as npt
from _calls import clip_of_5_s, listen_config, transcribe_once
from _direct import direct_model, direct_text, samples_of
from _harness import PAUSE_S, Bench, figure, ratio_of
from faster_whisper import WhisperModel
from grpc import aio

from antiphon.speech.v1 import transcription_service_pb2 as pb
from antiphon.speech.v1 import transcription_service_pb2_grpc as pb_grpc
from support.servers import start_server

NUM_CALLS = 8
CASES = (("language given", "en", False, 1.15), ("language unknown", "", False, 1.15), ("word times", "en", True, 1.15))
MESSAGE_BYTES = 3_200


def direct_ms(model: WhisperModel, samples: npt.NDArray[np.float32], language: str, *, word_times: bool) -> float:
    began_at = time.perf_counter()
    if not direct_text(model, samples, language, word_times=word_times):
        raise RuntimeError("nothing was heard")
    return (time.perf_counter() - began_at) * 1000


async def stream_ms(channel: aio.Channel, pcm: bytes, *, is_live: bool) -> tuple[float, int]:
    """Stream a clip; milliseconds from the last audio (or, sent at once, from the start) to the final; partials."""
    call = pb_grpc.TranscriptionServiceStub(channel).Transcribe(timeout=60)
    began_at = asked_at = time.perf_counter()
    await call.write(pb.TranscribeRequest(config=listen_config()))

    async def feed() -> None:
        nonlocal asked_at
        for start in range(0, len(pcm), MESSAGE_BYTES):
            await call.write(pb.TranscribeRequest(audio=pcm[start : start + MESSAGE_BYTES]))
            if is_live:
                await asyncio.sleep(max(0.0, began_at + (start + MESSAGE_BYTES) / 32_000 - time.perf_counter()))
        asked_at = time.perf_counter() if is_live else began_at
        await call.write(pb.TranscribeRequest(finish=pb.FinishAudio()))

    feeding = asyncio.create_task(feed())
    num_partials, final_ms = 0, 0.0
    async for response in call:
        num_partials += response.WhichOneof("response") == "partial"
        if response.WhichOneof("response") == "final":
            final_ms = (time.perf_counter() - asked_at) * 1000
    await feeding
    return final_ms, num_partials


async def compare(bench: Bench, channel: aio.Channel, pcm: bytes) -> None:
    model = direct_model()
    samples = samples_of(pcm)
    for name, language, word_times, limit in CASES:
        ours: list[float] = []
        theirs: list[float] = []
        for index in range(NUM_CALLS + 1):
            one = await asyncio.to_thread(direct_ms, model, samples, language, word_times=word_times)
            await asyncio.sleep(PAUSE_S)
            two = await transcribe_once(channel, pcm, language=language, word_times=word_times)
            await asyncio.sleep(PAUSE_S)
            if index:
                theirs.append(one)
                ours.append(two)
        bench.add(
            figure(f"5 s clip, TranscribeOnce, {name}", ours),
            figure(f"5 s clip, library called directly, {name}", theirs),
            ratio_of(f"TranscribeOnce / library, {name}", ours, theirs, to="library called directly", limit=limit),
        )


async def measure(bench: Bench, target: str) -> None:
    async with aio.insecure_channel(target) as channel:
        pcm = await clip_of_5_s(channel)
        await compare(bench, channel, pcm)
        at_once, live = [], []
        for _ in range(5):
            at_once.append((await stream_ms(channel, pcm, is_live=False))[0])
            await asyncio.sleep(PAUSE_S)
        for _ in range(5):
            live.append(await stream_ms(channel, pcm, is_live=True))
            await asyncio.sleep(PAUSE_S)
        bench.add(
            figure("5 s clip, Transcribe, sent at once, start to final", at_once),
            figure("5 s clip, Transcribe, in real time, finish to final", [ms for ms, _ in live]),
            figure("partials in those 5 s", [float(number) for _, number in live], unit=""),
        )


def main() -> None:
    server = start_server()
    bench = Bench("transcript")
    try:
        asyncio.run(measure(bench, server.grpc_target))
    finally:
        server.stop()
    bench.save()


if __name__ == "__main__":
    main()
