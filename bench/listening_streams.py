"""Live streams of recordings, in real time: words that settle, when finals come, and the cadence of partials."""

import argparse
import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from _calls import listen_config
from _harness import Bench, amount, figure
from _live import PAUSE_S, Heard, joined, listened_live, loud_ends_ms
from _settled import Utterance, num_broken, settled_after_ms, voice_end_ms
from grpc import aio

from antiphon.speech.v1 import transcription_service_pb2 as pb
from support.recordings import SPEAKERS, recordings
from support.servers import Server, start_server

SETTLED_AT_ONCE = 2
"""Languages: with more, a busy machine has no time for partials, and hardly anything settles."""
FINAL_LANGUAGES = ("en", "es", "fr", "it")
NUM_LIVE_STREAMS = 8
MAX_SECONDS = 15.0
MAX_FINAL_MS = 1_000.0
CADENCE_MS = 700.0
CADENCE_LIMIT_MS = CADENCE_MS * 1.1
"""Audio comes in messages of 40 ms, so a partial is up to one of them late by nobody's fault."""
APART_S = 0.31
"""Between the beginnings of two streams: people do not begin to speak at once."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Utterances of each stream."""

    settled: int = 40
    finals: int = 20
    live: int = 12


QUICK = Sizes(settled=3, finals=3, live=2)


def configured(language: str, *, word_times: bool = False) -> pb.TranscriptionConfig:
    config = listen_config(language, word_times=word_times)
    config.endpoint.mode = pb.ENDPOINT_MODE_VOICE_ACTIVITY
    return config


async def together(
    bench: Bench, channel: aio.Channel, what: str, streams: Sequence[bytes], configs: Sequence[pb.TranscriptionConfig]
) -> list[Heard]:
    """Hold all streams at once; says how far they are."""
    num_finals = 0
    longest_s = max(len(pcm) for pcm in streams) / 32_000
    bench.begin(f"{what}: {len(streams)} streams at once, the longest {longest_s:.0f} s")

    def count() -> None:
        nonlocal num_finals
        num_finals += 1
        if num_finals % 20 == 0:
            bench.begin(f"{what}: {num_finals} finals")

    async def one(index: int) -> Heard:
        await asyncio.sleep(index * APART_S)
        return await listened_live(channel, streams[index], configs[index], on_final=count)

    return await asyncio.gather(*map(one, range(len(streams))))


def utterances_of(all_heard: Sequence[Heard]) -> list[Utterance]:
    """Those in which words were heard, or seemed to be."""
    return [one for heard in all_heard for one in heard.utterances.values() if one.text or one.partials]


def add_cadence(bench: Bench, part: str, utterances: Sequence[Utterance], limit: float | None = None) -> None:
    """Time between partials of one utterance: as the server says, and as they came."""
    said = [float(each.interval_ms) for one in utterances for each in one.partials[1:]]
    came = [
        later.at_ms - sooner.at_ms
        for one in utterances
        for sooner, later in zip(one.partials, one.partials[1:], strict=False)
    ]
    if not said:
        bench.skip(f"{part}: cadence", "no utterance had two partials")
        return
    bench.add(
        figure(f"{part}: interval of partials, as reported", said, limit=limit),
        figure(f"{part}: interval of partials, as they came", came),
    )


async def measure_settled(bench: Bench, channel: aio.Channel, num_each: int) -> None:
    """Settled words never change, over every partial and the final."""
    part = "settled words"
    chosen = {name: recordings(name, num_each, max_seconds=MAX_SECONDS) for name in SPEAKERS}
    all_heard: list[Heard] = []
    for first in range(0, len(chosen), SETTLED_AT_ONCE):
        languages = list(chosen)[first : first + SETTLED_AT_ONCE]
        streams = [joined(chosen[name]) for name in languages]
        configs = [configured(name, word_times=True) for name in languages]
        all_heard += await together(bench, channel, f"{part}, {' and '.join(languages)}", streams, configs)
    utterances = utterances_of(all_heard)
    num_recordings = sum(map(len, chosen.values()))
    waits = [each for one in utterances for each in settled_after_ms(one)]
    early = [ms for ms, is_early in waits if is_early]
    num_partials = sum(each.num_settled > 0 for one in utterances for each in one.partials)
    if not num_partials:
        bench.skip(part, "no partial had settled words; the machine was too busy")
        return
    bench.add(
        amount(
            f"{part}: changed afterwards", sum(map(num_broken, utterances)), n=num_partials, limit=0.0,
            note=f"partials with settled words, of {len(utterances)} utterances in {num_recordings} recordings",
        ),
        amount(f"{part}: share settled before the final", 100 * len(early) / len(waits), "%", n=len(waits)),
        figure(f"{part}: end of a word to its settling, all words", [ms for ms, _ in waits]),
    )  # fmt: skip
    if early:
        bench.add(figure(f"{part}: end of a word to its settling, by a partial", early))
    add_cadence(bench, part, utterances)


async def measure_finals(bench: Bench, channel: aio.Channel, num_each: int) -> None:
    """Four speakers of four languages."""
    streams = [joined(recordings(name, num_each, max_seconds=MAX_SECONDS)) for name in FINAL_LANGUAGES]
    await add_finals(bench, channel, f"finals, {len(streams)} streams", streams, FINAL_LANGUAGES)


async def measure_small_finals(bench: Bench, channel: aio.Channel, num_each: int) -> None:
    """Four streams of English, for a model that may know nothing else."""
    chosen = recordings("en", num_each * len(FINAL_LANGUAGES), max_seconds=MAX_SECONDS)
    streams = [joined(chosen[index :: len(FINAL_LANGUAGES)]) for index in range(len(FINAL_LANGUAGES))]
    await add_finals(bench, channel, f"finals of a smaller Whisper, {len(streams)} streams", streams, ["en"] * 4)


async def add_finals(
    bench: Bench, channel: aio.Channel, part: str, streams: Sequence[bytes], languages: Sequence[str]
) -> None:
    """From the end of speech to the final, which first waits for half a second of silence."""
    all_heard = await together(bench, channel, part, streams, [configured(name) for name in languages])
    waits, after_cut = [], []
    for heard, pcm in zip(all_heard, streams, strict=True):
        loud = loud_ends_ms(pcm)
        for one in heard.utterances.values():
            ended_ms = voice_end_ms(loud, one.end_ms)
            if one.text and ended_ms is not None:
                waits.append(one.final_at_ms - ended_ms)
                after_cut.append(one.final_at_ms - one.end_ms)
    model = all_heard[0].model
    p95 = figure("", waits).p95
    bench.add(
        figure(f"{part}: end of speech to final", waits, note=model),
        amount(f"{part}: end of speech to final, p95", p95, "ms", n=len(waits), limit=MAX_FINAL_MS),
        figure(f"{part}: of that after the silence that ends an utterance", after_cut),
    )
    add_cadence(bench, part, utterances_of(all_heard))


async def measure_live_model(bench: Bench, channel: aio.Channel, num_each: int) -> None:
    """A model of its own for partials keeps their cadence with more streams."""
    part = f"live model, {NUM_LIVE_STREAMS} streams"
    chosen = recordings("en", num_each * NUM_LIVE_STREAMS, max_seconds=MAX_SECONDS)
    streams = [joined(chosen[index::NUM_LIVE_STREAMS]) for index in range(NUM_LIVE_STREAMS)]
    probe = await listened_live(channel, bytes(2 * round(PAUSE_S * 16_000)), configured("en"))
    if probe.partial_model in ("", probe.model):
        bench.skip(part, f"{probe.model} writes partials itself; antiphon models add moonshine")
        return
    all_heard = await together(bench, channel, part, streams, [configured("en")] * len(streams))
    utterances = utterances_of(all_heard)
    bench.add(
        amount(f"{part}: changed afterwards", sum(map(num_broken, utterances)), n=len(utterances), limit=0.0,
               note=f"partials of {probe.partial_model}, finals of {probe.model}")
    )  # fmt: skip
    add_cadence(bench, part, utterances, CADENCE_LIMIT_MS)


async def with_server(server: Server, *parts: Callable[[aio.Channel], Awaitable[None]]) -> None:
    """Run parts against a server, and end it."""
    try:
        async with aio.insecure_channel(server.grpc_target) as channel:
            for part in parts:
                await part(channel)
    finally:
        server.stop()


async def measure(bench: Bench, sizes: Sizes, small: str) -> None:
    if small:
        await with_server(
            start_server(environment={"ANTIPHON_STT_OPTIONS_MODEL": small}),
            lambda channel: measure_small_finals(bench, channel, sizes.finals),
        )
    else:
        bench.skip("finals of a smaller Whisper", "none was named: --small FOLDER")
    await with_server(
        start_server(),
        lambda channel: measure_settled(bench, channel, sizes.settled),
        lambda channel: measure_finals(bench, channel, sizes.finals),
    )
    with_live_model = start_server(environment={"ANTIPHON_LIVE_ENGINE": "auto"})
    await with_server(with_live_model, lambda channel: measure_live_model(bench, channel, sizes.live))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few utterances; nothing is kept")
    parser.add_argument(
        "--utterances", metavar="N", type=int, help="of each stream in every part, in place of 40, 20 and 12"
    )
    parser.add_argument(
        "--small", metavar="FOLDER", default="", help="a smaller Whisper, such as tiny.en, in CTranslate2's format"
    )
    arguments = parser.parse_args()
    asked = arguments.utterances
    sizes = QUICK if arguments.quick else Sizes(asked, asked, asked) if asked else Sizes()
    bench = Bench("listening_streams")
    asyncio.run(measure(bench, sizes, arguments.small))
    if sizes != QUICK:
        bench.save()


if __name__ == "__main__":
    main()
