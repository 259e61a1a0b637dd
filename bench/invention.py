"""Words invented on sound without any, and words lost on speech: ten minutes of each sound, through the server."""

import argparse
import asyncio

import numpy as np
from _calls import listen_config, text_streamed
from _harness import Bench, Figure, figure
from grpc import aio

from antiphon.speech.v1 import transcription_service_pb2 as pb
from support.recordings import recordings
from support.servers import start_server
from support.sounds import SOUNDS, pcm_of_sound
from support.speech import word_error_rate

MAX_WORDS_A_MINUTE = 1.0
CASES = (("language unknown", "", False), ("English, utterances ended by voice activity", "en", True))
OPEN_GATE_S = 120
"""With the gate open the model hears all of it, which takes a fifth of real time."""


def configured(language: str, *, is_automatic: bool, threshold: float | None = None) -> pb.TranscriptionConfig:
    config = listen_config(language)
    config.partial_interval_ms = 0
    if is_automatic:
        config.endpoint.mode = pb.ENDPOINT_MODE_VOICE_ACTIVITY
    if threshold is not None:
        config.endpoint.threshold = threshold
    return config


async def measure_sounds(bench: Bench, channel: aio.Channel, minutes: float) -> None:
    for name in SOUNDS:
        bench.begin(f"{minutes:g} min of {name}")
        pcm = pcm_of_sound(name, minutes * 60)
        per_minute, num_warnings = [], 0
        for _, language, is_automatic in CASES:
            text, num = await text_streamed(channel, pcm, configured(language, is_automatic=is_automatic))
            per_minute.append(len(text.split()) / minutes)
            num_warnings += num
        bench.add(
            _invented(f"{minutes:g} min of {name}", max(per_minute), f"{num_warnings} warnings of words left out")
        )
        seconds = min(OPEN_GATE_S, minutes * 60)
        config = configured("en", is_automatic=False, threshold=0.0)
        text, num = await text_streamed(channel, pcm[: round(seconds) * 32_000], config)
        bench.add(_invented(f"{seconds:g} s of {name}, gate open", len(text.split()) * 60 / seconds, f"{num} warnings"))


async def measure_speech(bench: Bench, channel: aio.Channel, minutes: float) -> None:
    sixty = recordings("en", 60)
    pause = bytes(16_000)
    rng = np.random.default_rng(1)
    soft = (rng.standard_normal(round(minutes * 30) * 16_000) * 32).astype("<i2").tobytes()
    text = " ".join(recording.text for recording in sixty)
    speech = pause.join(recording.pcm for recording in sixty)
    config = configured("en", is_automatic=False)
    for name, pcm in (
        ("60 recordings", speech),
        (f"the same before {minutes:g} min of quiet", speech + soft + bytes(len(soft))),
    ):
        bench.begin(f"speech: {name}, {len(pcm) / 32_000 / 60:.1f} min")
        found, num = await text_streamed(channel, pcm, config)
        rate = word_error_rate(text, found) * 100
        bench.add(figure(f"word error rate, {name}", [rate], unit="%", note=f"{num} warnings of words left out"))


def _invented(name: str, per_minute: float, note: str) -> Figure:
    return figure(f"words a minute, {name}", [per_minute], unit="", limit=MAX_WORDS_A_MINUTE, note=note)


async def measure(bench: Bench, target: str, minutes: float) -> None:
    async with aio.insecure_channel(target) as channel:
        await measure_speech(bench, channel, minutes)
        await measure_sounds(bench, channel, minutes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0, help="of each sound (default: 10); others are not kept")
    minutes = parser.parse_args().minutes
    server = start_server()
    bench = Bench("invention")
    try:
        asyncio.run(measure(bench, server.grpc_target, minutes))
    finally:
        server.stop()
    if minutes == parser.get_default("minutes"):
        bench.save()


if __name__ == "__main__":
    main()
