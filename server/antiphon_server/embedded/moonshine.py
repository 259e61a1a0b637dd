"""Partials in English by Moonshine tiny on a CPU: an utterance is written down while it is spoken.

The model hears a stretch at once, so an utterance is heard from its start at each push. What lies further back than a
window is cut off where it is quietest, and its words stay as they are: memory and time of a push are bounded.
"""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from antiphon_server.audio.floats import to_floats
from antiphon_server.embedded import moonshine_files
from antiphon_server.embedded.moonshine_model import (
    MAX_TOKENS_PER_S,
    MIN_SAMPLES,
    MoonshineModel,
    Samples,
    Tokens,
    load,
)
from antiphon_server.embedded.priority_worker import Interruption, PriorityWorker
from antiphon_server.engine.doubt import SILENT_PEAK
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import LISTENING_RATE_HZ, EngineInfo
from antiphon_server.errors import EngineFailed, InvalidField, Overloaded
from antiphon_server.text.repetition import repetitions, without

LANGUAGE = "en"
FIRST_SAMPLES = LISTENING_RATE_HZ * 400 // 1000
"""Of less sound than this the model makes a word that nobody said."""
TAIL_SAMPLES = LISTENING_RATE_HZ // 5
"""Of silence after the last sound; over more of it the model says again what was said."""
WINDOW_SAMPLES = LISTENING_RATE_HZ * 10
KEPT_SAMPLES = LISTENING_RATE_HZ * 3
"""The end of a window that is too long stays whole: its words still change."""
_HOP_SAMPLES = LISTENING_RATE_HZ // 50
_QUIET_HOPS = 5


@dataclass(frozen=True, slots=True)
class MoonshineOptions:
    """Options of this engine."""

    cache_dir: str = ""
    """Where ``antiphon models add moonshine`` put the model."""
    threads: int = field(default=1, metadata={"least": 1})
    """Of one run of the model; runs go one after another."""
    max_streams: int = field(default=64, metadata={"least": 1})
    """Utterances at once."""


class MoonshineTranscript:
    """A LiveTranscript."""

    def __init__(self, owner: "MoonshineTranscriber") -> None:
        self._owner = owner
        self._samples: Samples = np.zeros(0, np.float32)
        self._settled = ""
        """Words of what was cut off."""
        self._tokens: Tokens = []
        """Of ``_samples``, when they were last heard."""
        self._is_open = True

    async def push(self, pcm: bytes) -> str:
        """Take more of the utterance; return all text so far. Pushes of one utterance go one after another.

        Raises:
            InvalidField: If ``pcm`` ends inside a sample, or the utterance was closed.
            Overloaded: If too many pushes wait.
            EngineFailed: If the model failed.
        """
        if not self._is_open:
            raise InvalidField("the utterance is closed", field="pcm")
        if len(pcm) % 2:
            raise InvalidField(f"pcm of 16-bit samples has an odd number of bytes: {len(pcm)}", field="pcm")
        self._samples = np.concatenate([self._samples, to_floats(pcm)])
        if pcm and len(self._samples) >= FIRST_SAMPLES:
            heard = await self._owner.run(partial(self._listen, self._samples, self._tokens))
            if self._is_open:
                self._take(heard)
        return self.text

    @property
    def text(self) -> str:
        """All words of the last time it was heard."""
        return _joined(self._settled, self._owner.spelled(self._tokens))

    async def close(self) -> None:
        """Free the state; a second time does nothing."""
        if self._is_open:
            self._is_open = False
            self._samples, self._tokens = np.zeros(0, np.float32), []
            self._owner.forget()

    def _take(self, heard: "_Heard") -> None:
        self._settled = _joined(self._settled, self._owner.spelled(heard.settled))
        self._samples = self._samples[heard.num_settled :]
        self._tokens = heard.tokens

    def _listen(self, samples: Samples, draft: Tokens, interruption: Interruption, model: MoonshineModel) -> "_Heard":
        """Hear a window again, having cut off what is too far back (in the engine's thread)."""
        settled: Tokens = []
        num_settled = 0
        while len(samples) - num_settled > WINDOW_SAMPLES:
            window = samples[num_settled : num_settled + WINDOW_SAMPLES]
            cut = quietest_sample(window)
            settled += _tokens_of(window[:cut], draft, model, interruption)
            num_settled, draft = num_settled + cut, []
        return _Heard(settled, num_settled, _tokens_of(samples[num_settled:], draft, model, interruption))


@dataclass(frozen=True, slots=True)
class _Heard:
    settled: Tokens
    """Of the samples that were cut off."""
    num_settled: int
    """Samples that were cut off."""
    tokens: Tokens
    """Of the others."""


def _tokens_of(samples: Samples, draft: Tokens, model: MoonshineModel, interruption: Interruption) -> Tokens:
    loud = np.flatnonzero(np.abs(samples) >= SILENT_PEAK)
    if len(samples) < MIN_SAMPLES or not len(loud):
        return []
    samples = samples[: max(MIN_SAMPLES, int(loud[-1]) + TAIL_SAMPLES)]
    tokens = model.listen(samples, draft, interruption.check)
    is_loop = len(tokens) >= len(samples) / LISTENING_RATE_HZ * MAX_TOKENS_PER_S
    return draft if is_loop else tokens


class MoonshineTranscriber:
    """A LiveTranscriber."""

    def __init__(self, model: MoonshineModel, *, max_streams: int) -> None:
        self._model = model
        self._worker = PriorityWorker("moonshine", max_waiting=max_streams)
        self._max_streams = max_streams
        self._num_streams = 0
        self._info = EngineInfo(
            model="moonshine-tiny-en",
            revision=moonshine_files.SHA256S[moonshine_files.DECODER],
            owner="moonshine-ai",
            license="MIT",
            languages=(LANGUAGE,),
            max_concurrent_calls=max_streams,
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def open(self, language: str) -> MoonshineTranscript:
        """Begin an utterance.

        Raises:
            InvalidField: If the language is not English.
            Overloaded: If too many utterances are under way.
        """
        if language != LANGUAGE:
            raise InvalidField(f"language must be {LANGUAGE}, not {language[:20]!r}", field="language")
        if self._num_streams >= self._max_streams:
            raise Overloaded(f"{self._num_streams} utterances are written down at once already", retry_after_s=1.0)
        self._num_streams += 1
        return MoonshineTranscript(self)

    async def warm_up(self) -> None:
        """Hear two seconds of noise twice; the second time says how long a partial takes."""
        noise = np.random.default_rng(1).integers(-3000, 3000, LISTENING_RATE_HZ * 2, np.int16).astype("<i2").tobytes()
        for _ in range(2):
            transcript = await self.open(LANGUAGE)
            begin = time.perf_counter()
            await transcript.push(noise)
            first_output_ms = (time.perf_counter() - begin) * 1000
            await transcript.close()
        self._info = replace(self._info, first_output_ms=first_output_ms)

    async def run(self, listen: Callable[[Interruption, MoonshineModel], _Heard]) -> _Heard:
        """Hear an utterance in the engine's thread, after those that wait longer."""
        try:
            return await self._worker.run(lambda interruption: listen(interruption, self._model), rank=0)
        except (RuntimeError, ValueError) as error:
            raise EngineFailed(f"the live transcription model failed ({type(error).__name__})") from error

    def spelled(self, tokens: Tokens) -> str:
        """Spell tokens; what is said over and over stands once."""
        text = self._model.text(tokens)
        return without(text, repetitions([text])[0].spans).strip()

    def forget(self) -> None:
        """Count an utterance that was closed."""
        self._num_streams -= 1


def _joined(settled: str, text: str) -> str:
    return " ".join(part for part in (settled, text) if part)


def quietest_sample(samples: Samples) -> int:
    """Return where a window is best cut: in its quietest tenth of a second, away from its start and its end."""
    whole = samples[: len(samples) // _HOP_SAMPLES * _HOP_SAMPLES].reshape(-1, _HOP_SAMPLES)
    energy = np.convolve((whole**2).mean(axis=1), np.ones(_QUIET_HOPS), "valid")
    first, last = KEPT_SAMPLES // _HOP_SAMPLES, len(whole) - KEPT_SAMPLES // _HOP_SAMPLES
    return (first + int(energy[first:last].argmin()) + _QUIET_HOPS // 2) * _HOP_SAMPLES


async def create(options: Mapping[str, object]) -> MoonshineTranscriber:
    """Load, prove and warm up the live transcriber.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the model was not added, or is another.
    """
    known = parse_options(options, MoonshineOptions)
    folder = await asyncio.to_thread(moonshine_files.proven, Path(known.cache_dir))
    engine = MoonshineTranscriber(
        await asyncio.to_thread(partial(load, folder, threads=known.threads)), max_streams=known.max_streams
    )
    await engine.warm_up()
    return engine
