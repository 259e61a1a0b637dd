"""A whole file of real speech through our server and through faster-whisper called directly, in turns.

Ours goes over the wire as a WAV file in messages; the library reads the same file from disk. Both have the same model,
threads and options, and both have to find all words: the word error rates stand beside the times.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from dataclasses import dataclass, field

import numpy as np
from _calls import listen_config, text_streamed
from _direct import direct_model, direct_text
from _harness import PAUSE_S, Bench, Figure, amount, cpu_s, figure, process_tree
from faster_whisper import WhisperModel
from grpc import aio

from antiphon.speech.v1 import audio_pb2
from support.recordings import RATE_HZ, recordings
from support.servers import Server, start_server
from support.speech import wav_of, word_error_rate

LANGUAGE = "en"
MINUTES = 10.0
NUM_ROUNDS = 3
LEAST_RATIO = 0.95
PAUSES_S = (0.3, 2.0)
"""Between two sentences of people who read aloud or dictate."""
OURS, DIRECT, DIRECT_VAD = "our server", "faster-whisper", "faster-whisper, vad_filter"


def spoken(minutes: float) -> tuple[bytes, str]:
    """Recordings with pauses between them, as many as fill the time; the samples and the words."""
    rng = np.random.default_rng(1)
    wanted = round(minutes * 60 * RATE_HZ) * 2
    pcm, said = bytearray(), []
    chosen = recordings(LANGUAGE, 1_000)
    for index in rng.permutation(len(chosen)):
        if len(pcm) >= wanted:
            break
        said.append(chosen[index].text)
        pcm += chosen[index].pcm + bytes(2 * round(float(rng.uniform(*PAUSES_S)) * RATE_HZ))
    if len(pcm) < wanted:
        raise ValueError(f"the recordings fill {len(pcm) / 32_000 / 60:.1f} minutes, not {minutes:g}")
    return bytes(pcm), " ".join(said)


async def ours(channel: aio.Channel, wav: bytes) -> str:
    config = listen_config(LANGUAGE)
    config.format.encoding = audio_pb2.AUDIO_ENCODING_CONTAINER
    config.format.sample_rate_hz = 0
    text, _ = await text_streamed(channel, wav, config)
    return text


@dataclass(slots=True)
class Side:
    """One way to have the file written down: by round, speed in audio seconds per second, and CPU seconds."""

    text: str = ""
    speeds: list[float] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)


async def measure(bench: Bench, server: Server, minutes: float, num_rounds: int) -> None:
    model = direct_model()
    pcm, said = spoken(minutes)
    seconds, wav = len(pcm) / 2 / RATE_HZ, wav_of(pcm)
    sides = {name: Side() for name in (OURS, DIRECT, DIRECT_VAD)}
    with tempfile.NamedTemporaryFile(suffix=".wav") as file:
        file.write(wav)
        file.flush()
        async with aio.insecure_channel(server.grpc_target) as channel:
            for index in range(num_rounds):
                for name, side in sides.items():
                    bench.begin(f"round {index + 1} of {num_rounds}: {name}, {seconds / 60:.1f} min")
                    began_at, cpu_before = time.perf_counter(), spent_s(server)
                    if name == OURS:
                        side.text = await ours(channel, wav)
                    else:
                        side.text = await directly(model, file.name, uses_vad=name == DIRECT_VAD)
                    side.speeds.append(seconds / (time.perf_counter() - began_at))
                    side.cpu_s.append(spent_s(server) - cpu_before)
                    await asyncio.sleep(PAUSE_S)
    for name, side in sides.items():
        bench.add(
            figure(f"speed, {name}", side.speeds, "s/s"),
            figure(f"CPU time a minute of speech, {name}", [60 * each / seconds for each in side.cpu_s], "s"),
            amount(f"word error rate, {name}", 100 * word_error_rate(said, side.text), "%"),
        )
    for name, least in ((DIRECT, LEAST_RATIO), (DIRECT_VAD, None)):
        bench.add(*compared(sides[OURS], sides[name], name, least))


def spent_s(server: Server) -> float:
    """CPU time so far of the server, all of its engines, and this process."""
    return sum(map(cpu_s, [*process_tree(server.pid), os.getpid()]))


async def directly(model: WhisperModel, path: str, *, uses_vad: bool) -> str:
    return await asyncio.to_thread(direct_text, model, path, LANGUAGE, is_long=True, uses_vad=uses_vad)


def compared(ours: Side, theirs: Side, name: str, least: float | None) -> tuple[Figure, Figure]:
    """Our speed over that of the other side, and our CPU time over its: the medians of the rounds' ratios."""
    faster = [a / b for a, b in zip(ours.speeds, theirs.speeds, strict=True)]
    dearer = [a / b for a, b in zip(ours.cpu_s, theirs.cpu_s, strict=True)]
    note = f"rounds: {', '.join(f'{ratio:.2f}' for ratio in faster)}"
    return (
        amount(
            f"speed, {OURS} / {name}", statistics.median(faster), "x",
            n=len(faster), limit=least, is_lower_limit=True, note=note,
        ),
        amount(f"CPU time, {OURS} / {name}", statistics.median(dearer), "x", n=len(dearer)),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of speech; others are not kept")
    parser.add_argument("--rounds", type=int, default=NUM_ROUNDS, help="others are not kept")
    given = parser.parse_args()
    server = start_server()
    bench = Bench("throughput")
    try:
        asyncio.run(measure(bench, server, given.minutes, given.rounds))
    finally:
        server.stop()
    if (given.minutes, given.rounds) == (MINUTES, NUM_ROUNDS):
        bench.save()


if __name__ == "__main__":
    main()
