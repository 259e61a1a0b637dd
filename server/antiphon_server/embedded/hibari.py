"""English speech from the hibari model: 8 MB of weights, about a hundredth of real time on one core."""

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol, TypeVar

import numpy as np

from antiphon_server.embedded import reading, weights
from antiphon_server.embedded.aliases import VOICE_ALIASES
from antiphon_server.embedded.delivery import RENDERED_TAGS, PaceRange, Samples, chunks, render
from antiphon_server.embedded.verbalize import english
from antiphon_server.embedded.voices import LANGUAGES, NATURAL_VOICE, SHAPES, VoiceShape, engine_voices
from antiphon_server.embedded.warm_up import first_output_ms
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import EngineInfo, SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.errors import EngineFailed, UnknownVoice

RATE_HZ = 24_000
FIRST_CHUNK_SAMPLES = RATE_HZ * 40 // 1000
CHUNK_SAMPLES = RATE_HZ * 80 // 1000
PACE = PaceRange(0.5, 2.0)
MAX_PHONEMES = 300
Result = TypeVar("Result")


class HibariModel(Protocol):
    """What is used of the library's model."""

    def split_sentences(self, text: str) -> list[str]:
        """Cut text at sentence ends."""
        ...

    def phonemize(self, text: str) -> list[str]:
        """Spell text in the model's alphabet."""
        ...

    def ids(self, phonemes: str) -> list[int]:
        """Number the phonemes."""
        ...

    def from_ids(self, ids: list[int], speed: float, rng: np.random.Generator) -> Samples:
        """Speak."""
        ...


@dataclass(frozen=True, slots=True)
class HibariOptions:
    """Options of this engine."""

    threads: int = field(default=1, metadata={"least": 1})
    model_path: str = ""
    """Another ONNX file with the same inputs and outputs."""
    model_sha256: str = ""
    max_concurrent_calls: int = field(default=8, metadata={"least": 1})


class HibariSynthesizer:
    """A Synthesizer."""

    def __init__(self, model: HibariModel, *, revision: str, max_concurrent_calls: int) -> None:
        self._model = model
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="hibari")
        self._info = EngineInfo(
            model="hibari",
            revision=revision,
            owner="hibari-tts",
            license="Apache-2.0",
            languages=LANGUAGES,
            max_concurrent_calls=max_concurrent_calls,
            sample_rate_hz=RATE_HZ,
            voices=engine_voices(),
            voice_aliases=VOICE_ALIASES,
            rendered_tags=RENDERED_TAGS,
            supports_seed=True,
            counts_unreadable=True,
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def count_unreadable(self, texts: tuple[str, ...], voice: str, language: str) -> tuple[int, ...]:
        """Count the letters of other scripts; see ``LetterCounter``."""
        return await asyncio.to_thread(lambda: tuple(map(reading.num_unreadable, texts)))

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        """Yield the segment's sound, then one SpeechEnd; closing stops before the next piece.

        Raises:
            UnknownVoice: If the voice is not one of this engine's.
            EngineFailed: If the model failed.
        """
        shape = SHAPES.get(job.voice)
        if shape is None:
            raise UnknownVoice(f"voice {job.voice!r} is not one of {', '.join(SHAPES)}", field="voice")
        engine_s, size = 0.0, FIRST_CHUNK_SAMPLES
        phrases = await self._run(partial(self._phrases, job.text))
        noise = np.random.default_rng(job.seed & 0xFFFF_FFFF_FFFF_FFFF)
        for phrase in phrases:
            begin = time.perf_counter()
            pcm = await self._run(partial(self._render, phrase, job=job, shape=shape, noise=noise))
            engine_s += time.perf_counter() - begin
            for chunk in chunks(pcm, size, RATE_HZ):
                yield SpeechChunk(chunk)
                size = CHUNK_SAMPLES
        yield SpeechEnd(engine_ms=engine_s * 1000, characters_dropped=reading.num_unreadable(job.text))

    async def warm_up(self) -> None:
        """Speak twice; the second time says how soon the first sound comes."""
        job = SpeechJob(text="Ready to speak.", voice=NATURAL_VOICE, sequence="warm-up")
        self._info = replace(self._info, first_output_ms=await first_output_ms(self.speak, job))

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except (RuntimeError, ValueError, IndexError, KeyError, TypeError, MemoryError) as error:
            raise EngineFailed(f"the speech model failed ({type(error).__name__})") from error

    def _phrases(self, text: str) -> list[str]:
        sentences = self._model.split_sentences(english(text))
        found = [p for s in sentences for piece in reading.pieces(s) for p in self._spelled(piece)]
        return [phrase for whole in found for phrase in _cut_phonemes(whole) if any(map(str.isalpha, phrase))]

    def _spelled(self, piece: str) -> list[str]:
        try:
            return self._model.phonemize(piece)
        except (ValueError, IndexError, KeyError):
            return self._model.phonemize(reading.plainest(piece))

    def _render(self, phonemes: str, *, job: SpeechJob, shape: VoiceShape, noise: np.random.Generator) -> bytes:
        ids = self._model.ids(phonemes)
        return render(
            lambda speed: self._model.from_ids(ids, speed, noise),
            rate_hz=RATE_HZ,
            pace=PACE,
            speed=job.speed * shape.speed,
            pitch_semitones=job.pitch_semitones + shape.pitch_semitones,
        )


def _cut_phonemes(phonemes: str) -> Iterator[str]:
    while len(phonemes) > MAX_PHONEMES:
        cut = phonemes.rfind(" ", MAX_PHONEMES // 3, MAX_PHONEMES)
        cut = cut if cut > 0 else MAX_PHONEMES
        yield phonemes[:cut]
        phonemes = phonemes[cut:].lstrip()
    yield phonemes


def _load(options: HibariOptions) -> tuple[HibariModel, str]:
    for file in weights.HIBARI_FRONT_END:
        weights.verified(file)
    if options.model_path:
        path, digest = weights.own_file(options.model_path, options.model_sha256)
    else:
        path, digest = weights.verified(weights.HIBARI_ACOUSTIC), weights.HIBARI_ACOUSTIC.sha256
    model = weights.runtime("hibari", "hibari-tts").Hibari(model=str(path), threads=options.threads)
    model.g2p.oov("warm")  # loads the lexicons and the net for unknown words
    return model, digest


async def create(options: Mapping[str, object]) -> HibariSynthesizer:
    """Load, prove and warm up the synthesizer.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If a file is missing or wrong.
        EngineFailed: If the warm-up spoke nothing.
    """
    known = parse_options(options, HibariOptions)
    model, revision = await asyncio.to_thread(_load, known)
    engine = HibariSynthesizer(model, revision=revision, max_concurrent_calls=known.max_concurrent_calls)
    await engine.warm_up()
    return engine
