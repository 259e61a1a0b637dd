"""Transcription in 99 languages by Whisper base on a CPU, int8, greedy.

A partial waits for finals, and a running partial gives way to a final at the next step of the model.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from antiphon_server.embedded import weights
from antiphon_server.embedded.priority_worker import Interruption, PriorityWorker
from antiphon_server.embedded.whisper_languages import iso_code, whisper_code
from antiphon_server.engine.doubt import believed
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import (
    LISTENING_RATE_HZ,
    EngineInfo,
    HeardSegment,
    HeardWord,
    LeftOut,
    ListenJob,
    Transcript,
)
from antiphon_server.errors import EngineFailed, InvalidField, ModelNotInstalled

MIN_SAMPLES = LISTENING_RATE_HZ * 40 // 1000
SILENT_PEAK = 2.0**-10
"""Quieter than this (-60 dBFS) throughout is silence, whatever Whisper would make of it."""
_WINDOW_FRAMES = 3_000
WINDOW_SAMPLES = LISTENING_RATE_HZ * 30
FINAL_RANK = 0
PARTIAL_RANK = 1
Features = npt.NDArray[np.float32]
FALLBACK_TEMPERATURES = (0.0, 0.4)
"""Greedy first; once more with chance where greedy repeats itself or is unsure."""


@dataclass(frozen=True, slots=True)
class WhisperOptions:
    """Options of this engine."""

    threads: int = field(default=2, metadata={"least": 1})
    cache_dir: str = ""
    """Where the joined model is kept."""
    model_path: str = ""
    """Folder of another Whisper model in CTranslate2's format."""
    beam_size: int = field(default=1, metadata={"least": 1})
    max_waiting: int = field(default=32, metadata={"least": 1})


class WhisperModel(Protocol):
    """What is used of the library's model."""

    hf_tokenizer: Any
    supported_languages: list[str]
    feature_extractor: Any
    model: Any

    def transcribe(self, audio: npt.NDArray[np.float32], **options: object) -> tuple[Iterable[Any], Any]:
        """Return lazy segments and what is known of the audio."""
        ...

    def encode(self, features: npt.NDArray[np.float32]) -> Any:  # noqa: ANN401 - the runtime's own tensor
        """Run the encoder."""
        ...


class WhisperTranscriber:
    """A Transcriber."""

    def __init__(self, model: WhisperModel, *, revision: str, options: WhisperOptions) -> None:
        self._model = model
        self._beam_size = options.beam_size
        self._worker = PriorityWorker("whisper", max_waiting=options.max_waiting)
        self._encode = model.encode
        self.languages = tuple(
            code for code in model.supported_languages if model.hf_tokenizer.token_to_id(f"<|{code}|>") is not None
        )
        self._info = EngineInfo(
            model="whisper-base",
            revision=revision,
            owner="openai",
            license="MIT",
            languages=tuple(sorted(map(iso_code, self.languages))),
            max_concurrent_calls=options.max_waiting,
            supports_word_times=True,
            supports_translation=True,
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def transcribe(self, job: ListenJob) -> Transcript:
        """Write the audio down; silence gives empty text.

        Raises:
            InvalidField: If the model does not know the language.
            Overloaded: If too many jobs wait.
            EngineFailed: If the model failed.
        """
        language = whisper_code(job.language, self.languages)
        if len(job.pcm) % 2:
            raise InvalidField(f"pcm of 16-bit samples has an odd number of bytes: {len(job.pcm)}", field="pcm")
        samples = np.frombuffer(job.pcm, "<i2").astype(np.float32) / 32768.0
        if len(samples) < MIN_SAMPLES or float(np.abs(samples).max()) < SILENT_PEAK:
            return Transcript((), iso_code(language), None, 0.0)
        work = partial(self._listen, samples=samples, job=job, language=language)
        return await self._worker.run(work, rank=PARTIAL_RANK if job.is_partial else FINAL_RANK)

    async def warm_up(self) -> None:
        """Listen twice to a second of sound; the second time says how long a transcript takes."""
        tone = np.sin(np.arange(LISTENING_RATE_HZ) * (2 * np.pi * 220 / LISTENING_RATE_HZ)) * 8000
        job = ListenJob(pcm=tone.astype("<i2").tobytes(), language="en", is_partial=True)
        for _ in range(2):
            heard = await self.transcribe(job)
        self._info = replace(self._info, first_output_ms=heard.engine_ms)

    def _listen(
        self, interruption: Interruption, *, samples: npt.NDArray[np.float32], job: ListenJob, language: str
    ) -> Transcript:
        begin = time.perf_counter()

        window = _OneWindow(self._encode, interruption)
        self._model.encode = window.encode  # type: ignore[method-assign]
        confidence = None
        try:
            if not language:
                language, confidence = self._detect(samples, window)
            found, _ = self._model.transcribe(samples, **self._model_options(job, language, len(samples)))
            segments = []
            for segment in found:
                interruption.check()
                segments.append(_heard(segment, len(samples) * 1000 // LISTENING_RATE_HZ))
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed(f"the transcription model failed ({type(error).__name__})") from error
        engine_ms = (time.perf_counter() - begin) * 1000
        belief = believed(segments)
        left_out = belief.left_out
        if not segments:  # the library drops windows that its no-speech threshold refuses, and does not say so
            left_out = (LeftOut(0, len(samples) * 1000 // LISTENING_RATE_HZ, "NO_SPEECH"),)
        return Transcript(belief.kept, iso_code(language), confidence, engine_ms, left_out, belief.checks)

    def _detect(self, samples: npt.NDArray[np.float32], window: "_OneWindow") -> tuple[str, float]:
        """Detect the language from the very window that will be written down, so that it is encoded once.

        The library's own detection takes one frame more, and so encodes twice: half of a short clip's time.
        """
        features = self._model.feature_extractor(samples)
        frames = min(features.shape[-1] - 1, _WINDOW_FRAMES)
        first = np.zeros((features.shape[0], _WINDOW_FRAMES), features.dtype)
        first[:, :frames] = features[:, :frames]
        token, probability = self._model.model.detect_language(window.encode(first))[0][0]
        return token.removeprefix("<|").removesuffix("|>"), float(probability)

    def _model_options(self, job: ListenJob, language: str, num_samples: int) -> dict[str, object]:
        is_single_try = job.is_partial or job.temperature > 0
        return {
            "language": language or None,
            "task": "translate" if job.is_translation else "transcribe",
            "beam_size": self._beam_size,
            "best_of": 1,
            "temperature": job.temperature if is_single_try else FALLBACK_TEMPERATURES,
            "initial_prompt": job.prompt or None,
            "hotwords": ", ".join(job.key_words) or None,
            "condition_on_previous_text": False,
            "without_timestamps": num_samples <= WINDOW_SAMPLES and not (job.word_times or job.segment_times),
            "word_timestamps": job.word_times,
            "no_speech_threshold": 0.6,
            "log_prob_threshold": -1.0,
            "compression_ratio_threshold": 2.4,
        }


class _OneWindow:
    """Encodes each window once, though it is asked for twice: to detect the language, and to write it down."""

    def __init__(self, encode: Callable[[Features], object], interruption: Interruption) -> None:
        self._encode = encode
        self._interruption = interruption
        self._features: Features | None = None
        self._encoded: object = None

    def encode(self, features: Features) -> object:
        """Encode a window, or give what it was encoded to just before; stops here when interrupted."""
        self._interruption.check()
        if self._features is None or not np.array_equal(features, self._features):
            self._encoded = self._encode(features)
            self._features = features.copy()
        self._interruption.check()
        return self._encoded


def _heard(segment: Any, audio_ms: int) -> HeardSegment:  # noqa: ANN401 - the library has no types
    """Take over a segment; times that the model puts behind the end of the audio are its end."""

    def ms(seconds: float) -> int:
        return min(round(float(seconds) * 1000), audio_ms)

    words = tuple(
        HeardWord(word.word.strip(), ms(word.start), ms(word.end), float(word.probability))
        for word in segment.words or ()
    )
    return HeardSegment(
        text=segment.text.strip(),
        start_ms=ms(segment.start),
        end_ms=ms(segment.end),
        average_log_prob=segment.avg_logprob,
        no_speech_prob=segment.no_speech_prob,
        compression_ratio=segment.compression_ratio,
        temperature=segment.temperature,
        tokens=tuple(segment.tokens),
        words=words,
    )


def _load(options: WhisperOptions) -> tuple[WhisperModel, str]:
    if options.model_path:
        folder = Path(options.model_path)
        _, revision = weights.own_file(str(folder / "model.bin"))
    else:
        cache = Path(options.cache_dir) if options.cache_dir else Path.home() / ".cache" / "antiphon"
        folder, revision = weights.joined_whisper(cache), weights.WHISPER_JOINED_SHA256
    library = weights.runtime("faster_whisper", "faster-whisper")
    try:
        model: WhisperModel = library.WhisperModel(
            str(folder), device="cpu", compute_type="int8", cpu_threads=options.threads, local_files_only=True
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise ModelNotInstalled("the folder named by the option model_path holds no Whisper model") from error
    return model, revision


async def create(options: Mapping[str, object]) -> WhisperTranscriber:
    """Load, prove and warm up the transcriber.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If a file is missing or wrong.
    """
    known = parse_options(options, WhisperOptions)
    model, revision = await asyncio.to_thread(_load, known)
    engine = WhisperTranscriber(model, revision=revision, options=known)
    await engine.warm_up()
    return engine
