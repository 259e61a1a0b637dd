"""54 voices of the Kokoro model, int8: about half of real time on two cores, 0.8 GB of memory."""

import asyncio
import json
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from antiphon_server.embedded import kokoro_files, weights
from antiphon_server.embedded.delivery import RENDERED_TAGS, PaceRange, Samples, chunks, render
from antiphon_server.embedded.kokoro_files import Styles
from antiphon_server.embedded.kokoro_phrases import Phrase, phrases, trimmed
from antiphon_server.embedded.kokoro_text import Spelling, spellings
from antiphon_server.embedded.kokoro_voices import DEFAULT_VOICE, VOICE_ALIASES, engine_voices, language_of
from antiphon_server.embedded.warm_up import first_output_ms
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import EngineInfo, SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.errors import EngineFailed, UnknownVoice, UnsupportedFeature
from antiphon_server.text.language_tag import primary_subtag

RATE_HZ = 24_000
FIRST_CHUNK_SAMPLES = RATE_HZ * 40 // 1000
CHUNK_SAMPLES = RATE_HZ * 80 // 1000
PACE = PaceRange(0.5, 2.0)
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class KokoroOptions:
    """Options of this engine."""

    cache_dir: str = ""
    """Folder that ``antiphon models add`` fills."""
    threads: int = field(default=2, metadata={"least": 1})
    max_concurrent_calls: int = field(default=3, metadata={"least": 1})


class Stop:
    """Ends a run of the model from another thread, in the middle of it."""

    def __init__(self, run_options: Any) -> None:  # noqa: ANN401 - onnxruntime has no types
        """Stop the runs that are given ``run_options``."""
        self.run_options = run_options
        self.is_set = False

    def set(self) -> None:
        """Stop now."""
        self.is_set = True
        self.run_options.terminate = True


class KokoroModel:
    """The network, its alphabet and its voices."""

    def __init__(self, path: Path, voices: Mapping[str, Styles], alphabet: Mapping[str, int], *, threads: int) -> None:
        """Load the network."""
        self._onnxruntime = weights.runtime("onnxruntime", "onnxruntime")
        settings = self._onnxruntime.SessionOptions()
        settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")  # a third less CPU on busy cores
        settings.log_severity_level = 4  # a run that is stopped is no error
        self._session = self._onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        self._voices = voices
        self._alphabet = alphabet

    def new_stop(self) -> Stop:
        """Make what can stop the runs of one call."""
        return Stop(self._onnxruntime.RunOptions())

    def speak(self, phrase: Phrase, voice: str, speed: float, stop: Stop) -> Samples:
        """Speak a phrase at 0.5 to 2 times the natural pace.

        Raises:
            EngineFailed: If the model failed, or was stopped.
        """
        ids = [self._alphabet[letter] for letter in phrase.phonemes if letter in self._alphabet]
        if not ids or stop.is_set:
            return np.zeros(0, np.float32)
        styles = self._voices[voice]
        inputs = {
            "tokens": np.array([[0, *ids, 0]], np.int64),
            "style": styles[min(len(ids), len(styles) - 1)][None],
            "speed": np.array([speed], np.float32),
        }
        try:
            (samples,) = self._session.run(None, inputs, stop.run_options)
        except self._failures() as error:
            raise EngineFailed(f"the speech model failed ({type(error).__name__})") from error
        return trimmed(samples.reshape(-1), phrase.pause_ms / speed, RATE_HZ)

    def _failures(self) -> tuple[type[Exception], ...]:
        state = self._onnxruntime.capi.onnxruntime_pybind11_state
        return (RuntimeError, ValueError, state.Fail, state.InvalidArgument, state.RuntimeException)


class KokoroSynthesizer:
    """A Synthesizer. The same text, voice and pace always give the same samples: there is nothing to seed."""

    def __init__(
        self, model: KokoroModel, spelling: Mapping[str, Spelling], *, revision: str, max_concurrent_calls: int
    ) -> None:
        self._model = model
        self._spelling = spelling
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="kokoro")
        self._info = EngineInfo(
            model="kokoro",
            revision=revision,
            owner="hexgrad",
            license="Apache-2.0",
            languages=tuple(spelling),
            max_concurrent_calls=max_concurrent_calls,
            sample_rate_hz=RATE_HZ,
            voices=engine_voices(spelling),
            voice_aliases=VOICE_ALIASES,
            rendered_tags=RENDERED_TAGS,
            counts_unreadable=True,
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def count_unreadable(self, texts: tuple[str, ...], voice: str, language: str) -> tuple[int, ...]:
        """Count the letters of scripts that the language is not written in; see ``LetterCounter``."""
        spelling = self._spelling_of(voice, language)
        return await asyncio.to_thread(lambda: tuple(map(spelling.num_unreadable, texts)))

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        """Yield the segment's sound, then one SpeechEnd; closing stops the model where it is.

        Raises:
            UnknownVoice: If the voice is not one of this engine's.
            UnsupportedFeature: If nothing here spells the language.
            EngineFailed: If the model failed.
        """
        spelling = self._spelling_of(job.voice, job.language)
        engine_s, size = 0.0, FIRST_CHUNK_SAMPLES
        stop = self._model.new_stop()
        try:
            for phrase in await self._run(partial(_phrases, spelling, job)):
                begin = time.perf_counter()
                pcm = await self._run(partial(self._render, phrase, job, stop))
                engine_s += time.perf_counter() - begin
                for chunk in chunks(pcm, size, RATE_HZ) if pcm else ():
                    yield SpeechChunk(chunk)
                    size = CHUNK_SAMPLES
        finally:
            stop.set()
        yield SpeechEnd(engine_ms=engine_s * 1000, characters_dropped=spelling.num_unreadable(job.text))

    async def warm_up(self) -> None:
        """Speak twice; the second time says how soon the first sound comes."""
        job = SpeechJob(text="Ready to speak.", voice=DEFAULT_VOICE, sequence="warm-up", is_first=True)
        self._info = replace(self._info, first_output_ms=await first_output_ms(self.speak, job))

    def _spelling_of(self, voice_id: str, language: str) -> Spelling:
        voice = next((voice for voice in self._info.voices if voice.id == voice_id), None)
        if voice is None:
            raise UnknownVoice(f"voice {voice_id[:64]!r} is not one of kokoro's", field="voice")
        own = language_of(voice.id).tag
        code = primary_subtag(language)
        tag = own if code in ("", own[:2]) else next((tag for tag in self._spelling if tag[:2] == code), "")
        if tag not in self._spelling:
            raise UnsupportedFeature(f"voice {voice.id}: {voice.description}", field="voice")
        return self._spelling[tag]

    async def _run(self, work: Callable[[], Result]) -> Result:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, work)
        except (RuntimeError, ValueError, IndexError, KeyError, TypeError, MemoryError) as error:
            raise EngineFailed(f"the speech model failed ({type(error).__name__})") from error

    def _render(self, phrase: Phrase, job: SpeechJob, stop: Stop) -> bytes:
        return render(
            lambda speed: self._model.speak(phrase, job.voice, speed, stop),
            rate_hz=RATE_HZ,
            pace=PACE,
            speed=job.speed,
            pitch_semitones=job.pitch_semitones,
        )


def _phrases(spelling: Spelling, job: SpeechJob) -> list[Phrase]:
    """Cut the whole job; only its beginning may be the beginning of an utterance."""
    spelled = spelling.phonemes(job.text)
    return [phrase for n, each in enumerate(spelled) for phrase in phrases(each, is_first=job.is_first and n == 0)]


def _load(options: KokoroOptions) -> KokoroSynthesizer:
    cache_dir = Path(options.cache_dir)
    path, voices = kokoro_files.model(cache_dir), kokoro_files.voices(cache_dir)
    alphabet = json.loads(weights.verified(weights.HIBARI_ALPHABET).read_text("utf-8"))
    return KokoroSynthesizer(
        KokoroModel(path, voices, alphabet, threads=options.threads),
        spellings(kokoro_files.espeak(cache_dir)),
        revision=kokoro_files.MODEL_SHA256,
        max_concurrent_calls=options.max_concurrent_calls,
    )


async def create(options: Mapping[str, object]) -> KokoroSynthesizer:
    """Load, prove and warm up the synthesizer.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If a file is missing or wrong.
        EngineFailed: If the warm-up spoke nothing.
    """
    engine = await asyncio.to_thread(_load, parse_options(options, KokoroOptions))
    await engine.warm_up()
    return engine
