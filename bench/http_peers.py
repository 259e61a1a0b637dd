"""Our HTTP front against public servers with the same weights, threads and requests, in turns: speech and transcripts.

The peers come from scripts/lib/peer_env; a part whose peer or weights are not installed is left out, saying why.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aiohttp
from _clips import SENTENCES, Clip, clips
from _harness import PAUSE_S, Bench, end_on_signals, figure, ratio_of
from _peers import CLIP_MODEL, LONG_MODEL, THREADS, NoPeer, Peer, faster_whisper_server, fastkokoro
from _processes import both
from _speech_ways import Heard, Way, over_http
from grpc import aio

from antiphon_server.errors import ModelNotInstalled
from support.servers import Compat, Server
from support.speech import word_error_rate

SPEECH_ROUNDS = {1: 6, 3: 3}
"""Requests at once, and how often."""
LISTEN_ROUNDS = {(3, 1): 5, (11, 1): 5, (60, 1): 3, (3, 4): 3, (11, 4): 3, (60, 4): 1}
"""Seconds of the clip and requests at once, and how often."""
WINDOW_S = 30
CONFIG = f"""
[tts]
engine = "{{tts}}"
[tts.options]
threads = {THREADS}
[stt]
engine = "whisper"
[stt.options]
threads = {THREADS}
"""

Listen = Callable[[Clip], Awaitable[str]]


@contextmanager
def ours(tts: str) -> Iterator[tuple[Server, Compat]]:
    """Run our two processes with the models of the peer."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "peers.toml"
        config.write_text(CONFIG.format(tts=tts))
        with both(config=config) as running:
            yield running


def texts(index: int, number: int) -> list[str]:
    """Two sentences for each request; every round others, since a peer may remember what it spelled out."""
    return [
        " ".join(SENTENCES[(index + 2 * each + step) % len(SENTENCES)] for step in range(2)) for each in range(number)
    ]


async def together(speak: Way, said: list[str]) -> tuple[list[Heard], float]:
    """Speak texts at the same time; also the computing time per second of speech, s/s."""
    began_at = time.perf_counter()
    heard = await asyncio.gather(*map(speak, said))
    took_s = time.perf_counter() - began_at
    await asyncio.sleep(PAUSE_S)
    return heard, took_s / sum(each.pcm_s for each in heard)


async def compare_speech(bench: Bench, url: str, peer: Peer) -> None:
    request = {"model": "kokoro", "voice": "af_heart", "response_format": "pcm"}
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as http:
        sides = {"ours": over_http(http, url, **request), peer.name: over_http(http, peer.url, **request)}
        for speak in sides.values():
            await together(speak, texts(0, 1))
        for number, num_rounds in SPEECH_ROUNDS.items():
            bench.begin(f"speech, {number} at once")
            heard: dict[str, list[Heard]] = {side: [] for side in sides}
            factors: dict[str, list[float]] = {side: [] for side in sides}
            for index in range(num_rounds):
                for side, speak in sides.items():
                    taken, factor = await together(speak, texts(index, number))
                    heard[side] += taken
                    factors[side].append(factor)
            add_speech(bench, f"Kokoro int8, {number} at once", heard, factors, peer.name)


def add_speech(
    bench: Bench, case: str, heard: dict[str, list[Heard]], factors: dict[str, list[float]], peer: str
) -> None:
    first = {side: [each.first_ms for each in taken] for side, taken in heard.items()}
    whole = {side: [each.total_ms for each in taken] for side, taken in heard.items()}
    series = (("first byte", first, "ms"), ("whole speech", whole, "ms"), ("real-time factor", factors, "s/s"))
    for what, values, unit in series:
        for side in values:
            bench.add(figure(f"{case}, {what}, {side}", values[side], unit))
        bench.add(ratio_of(f"{case}, {what}, ours / fastkokoro", values["ours"], values[peer], to=peer, limit=None))


def listening(http: aiohttp.ClientSession, url: str, **fields: str) -> Listen:
    """``POST /v1/audio/transcriptions`` with a file."""

    async def listen(clip: Clip) -> str:
        form = aiohttp.FormData({"language": "en", "response_format": "json"} | fields)
        form.add_field("file", clip.wav, filename="clip.wav", content_type="audio/wav")
        async with http.post(f"{url}/v1/audio/transcriptions", data=form) as response:
            response.raise_for_status()
            return str((await response.json())["text"])

    return listen


async def timed(listen: Listen, clip: Clip, number: int) -> tuple[list[float], list[str]]:
    """Transcribe the same clip several times at once; milliseconds and texts."""

    async def one() -> tuple[float, str]:
        began_at = time.perf_counter()
        text = await listen(clip)
        return (time.perf_counter() - began_at) * 1000, text

    done = await asyncio.gather(*(one() for _ in range(number)))
    await asyncio.sleep(PAUSE_S)
    return [took_ms for took_ms, _ in done], [text for _, text in done]


async def compare_transcripts(bench: Bench, server: Server, compat: Compat, peer: Peer) -> None:
    async with (
        aio.insecure_channel(server.grpc_target) as channel,
        aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(120)) as http,
    ):
        for clip in await clips(channel, *sorted({length_s for length_s, _ in LISTEN_ROUNDS})):
            name = LONG_MODEL if clip.length_s > WINDOW_S else CLIP_MODEL
            sides = {
                "ours": listening(http, compat.http_url, model="whisper-1"),
                peer.name: listening(http, peer.url, model_name=name),
            }
            for listen in sides.values():
                await timed(listen, clip, 1)
            for (length_s, number), num_rounds in LISTEN_ROUNDS.items():
                if length_s == clip.length_s:
                    bench.begin(f"transcripts of {length_s} s, {number} at once")
                    await compare_clip(bench, sides, clip, number=number, num_rounds=num_rounds)


async def compare_clip(bench: Bench, sides: dict[str, Listen], clip: Clip, *, number: int, num_rounds: int) -> None:
    took: dict[str, list[float]] = {side: [] for side in sides}
    said: dict[str, list[str]] = {side: [] for side in sides}
    for _ in range(num_rounds):
        for side, listen in sides.items():
            times_ms, heard = await timed(listen, clip, number)
            took[side] += times_ms
            said[side] += heard
    case, (_, peer) = f"Whisper base, {clip.length_s} s clip, {number} at once", sides
    for side in sides:
        wrong = [word_error_rate(clip.text, text) * 100 for text in said[side]]
        note = f"{sum(wrong) / len(wrong):.1f} % of the words wrong"
        bench.add(figure(f"{case}, {side}", took[side], note=note))
    bench.add(ratio_of(f"{case}, ours / faster-whisper-server", took["ours"], took[peer], to=peer, limit=None))


def measure_speech(bench: Bench) -> None:
    with fastkokoro() as peer, ours("kokoro") as (_, compat):
        asyncio.run(compare_speech(bench, compat.http_url, peer))


def measure_transcripts(bench: Bench) -> None:
    with faster_whisper_server() as peer, ours("hibari") as (server, compat):
        asyncio.run(compare_transcripts(bench, server, compat, peer))


def main() -> None:
    end_on_signals()
    bench = Bench("http_peers")
    for part, measure in (("fastkokoro", measure_speech), ("faster-whisper-server", measure_transcripts)):
        bench.begin(f"start {part} and our server")
        try:
            measure(bench)
        except (NoPeer, ModelNotInstalled) as reason:
            bench.skip(f"against {part}", str(reason))
        except (TimeoutError, aiohttp.ClientError) as failure:  # what was measured so far is worth keeping
            bench.skip(f"the rest against {part}", f"a request failed ({type(failure).__name__} {failure})")
    bench.save()


if __name__ == "__main__":
    main()
