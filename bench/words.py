"""Words heard wrong in recordings of five speakers: our server against faster-whisper called directly, paired.

Both hear the same utterance, one after the other, with the same model and options. The counts of every utterance are
kept in the results, so that anybody can repeat the bootstrap; what was said and heard is not.
"""

import argparse
import asyncio

import numpy as np
from _bootstrap import COLUMNS, ONE_CALL, STREAMED, counts_by_language, paired_difference
from _calls import listen_config, text_once, text_streamed
from _direct import direct_model, direct_text, samples_of
from _harness import Bench, amount
from faster_whisper import WhisperModel
from grpc import aio

from antiphon.speech.v1 import transcription_service_pb2 as pb
from support.recordings import SPEAKERS, Recording, recordings
from support.servers import start_server
from support.speech import word_errors

NUM_EACH = 64
"""Utterances of each language; with five languages 320."""
STREAMED_EVERY = 3
"""One in so many is streamed too."""
MAX_SECONDS = 28.0
"""Longer ones are no utterances; whole files are measured by throughput."""
MAX_WORSE_POINTS = 0.5


async def counted(channel: aio.Channel, model: WhisperModel, one: Recording, *, is_streamed: bool) -> str:
    """Hear one utterance in every way; a line of the table."""
    theirs = await asyncio.to_thread(direct_text, model, samples_of(one.pcm), one.language)
    ours = await text_once(channel, one.pcm, one.language)
    wrong, num_words = word_errors(one.text, ours, one.language)
    wrong_direct, _ = word_errors(one.text, theirs, one.language)
    streamed = "-"
    if is_streamed:
        config = listen_config(one.language)
        config.endpoint.mode = pb.ENDPOINT_MODE_VOICE_ACTIVITY
        text, _ = await text_streamed(channel, one.pcm, config)
        streamed = str(word_errors(one.text, text, one.language)[0])
    return f"{one.language} {one.name} {num_words} {wrong} {wrong_direct} {streamed}"


def add_rates(bench: Bench, ours: str, rows: list[str], column: int) -> None:
    """Word error rates of both on what both heard, and how much worse ours may be."""
    groups = counts_by_language(rows, column)
    parts = {"all languages": groups} | {language: {language: counts} for language, counts in groups.items()}
    for name, part in parts.items():
        counts = np.concatenate(list(part.values()))
        words, wrong, direct = counts.sum(axis=0).tolist()
        found = paired_difference(part)
        bench.add(
            amount(f"word error rate, {name}, {ours}", 100 * wrong / words, "%", n=len(counts)),
            amount(f"the same utterances, {name}, directly ({ours})", 100 * direct / words, "%", n=len(counts)),
            amount(f"{ours} - directly, {name}", found.points, "points", n=len(counts), note=str(found)),
        )
        if part is groups:
            bench.add(
                amount(f"{ours} - directly, {name}, upper end of 95 %", found.high, "points", n=len(counts),
                       limit=MAX_WORSE_POINTS)
            )  # fmt: skip
        else:  # too few for a margin: only whether it is worse at all
            bench.add(
                amount(f"{ours} - directly, {name}, lower end of 95 %", found.low, "points", n=len(counts), limit=0.0)
            )


async def measure(bench: Bench, target: str, num_each: int) -> None:
    model = direct_model()
    rows: list[str] = []
    async with aio.insecure_channel(target) as channel:
        for language in SPEAKERS:
            chosen = recordings(language, num_each, max_seconds=MAX_SECONDS)
            for index, one in enumerate(chosen):
                if index % 15 == 0:
                    bench.begin(f"{language}, utterance {index + 1} of {len(chosen)}")
                rows.append(await counted(channel, model, one, is_streamed=index % STREAMED_EVERY == 0))
    bench.keep("columns", COLUMNS)
    bench.keep("utterances", rows)
    add_rates(bench, "one call", rows, ONE_CALL)
    add_rates(bench, "streamed", rows, STREAMED)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--each", type=int, default=NUM_EACH, help="utterances of each language; others are not kept")
    parser.add_argument("--quick", action="store_true", help="five of each; nothing is kept")
    given = parser.parse_args()
    num_each = 5 if given.quick else given.each
    server = start_server()
    bench = Bench("words")
    try:
        asyncio.run(measure(bench, server.grpc_target, num_each))
    finally:
        server.stop()
    if num_each == NUM_EACH:
        bench.save()


if __name__ == "__main__":
    main()
