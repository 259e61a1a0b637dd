"""Transcription in 99 languages by Whisper of any size, greedy: base in 8 bits on a CPU unless settings say otherwise.

A partial waits for finals, and a running partial gives way to a final at the next step of the model. Finals that come
together are decoded together, and each is what it would be alone.
"""

import asyncio
import contextlib
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from antiphon_server.audio.floats import to_floats
from antiphon_server.embedded import whisper_files
from antiphon_server.embedded.priority_worker import Interruption, PriorityWorker
from antiphon_server.embedded.whisper_company import Company
from antiphon_server.embedded.whisper_files import WhisperFiles
from antiphon_server.embedded.whisper_languages import iso_code, whisper_code
from antiphon_server.embedded.whisper_model import JobsModel, WhisperModel, Window, load
from antiphon_server.embedded.whisper_options import WhisperOptions, whisper_options
from antiphon_server.embedded.whisper_prompt import MOST_PROMPT_TOKENS, prompt_ids
from antiphon_server.embedded.whisper_window import WINDOW_FRAMES, fitted_frames
from antiphon_server.engine.doubt import COMPRESSION_LIMIT, LOG_PROB_LIMIT, NO_SPEECH_LIMIT, SILENT_PEAK, believed
from antiphon_server.engine.protocol import (
    LISTENING_RATE_HZ,
    EngineInfo,
    FiredCheck,
    HeardSegment,
    HeardWord,
    LeftOut,
    ListenJob,
    Transcript,
)
from antiphon_server.errors import EngineFailed, InvalidField, UnsupportedFeature

MIN_SAMPLES = LISTENING_RATE_HZ * 40 // 1000
WINDOW_SAMPLES = LISTENING_RATE_HZ * 30
BRIEF_SAMPLES = LISTENING_RATE_HZ * 12
"""Shorter audio has few words: decoding it in company saves nothing, and somebody who speaks waits for the others. So
it is written down one after the other."""
_MOST_PARTIAL_TOKENS = 200
FINAL_RANK = 0
PARTIAL_RANK = 1
NUM_TOGETHER = 4
"""Jobs under way at once, and windows of a decoding run."""
NUM_ALONE = 2
"""Jobs under way at once where each is decoded alone: one is prepared meanwhile."""
FALLBACK_TEMPERATURES = (0.0, 0.4)
"""Greedy first; once more with chance where greedy repeats itself or is unsure."""
Samples = npt.NDArray[np.float32]


class WhisperTranscriber:
    """A Transcriber."""

    def __init__(self, model: WhisperModel, company: Company, files: WhisperFiles, options: WhisperOptions) -> None:
        self._model, self._company = model, company
        self._beam_size = options.beam_size
        self._fits_windows = options.device_kind == "cpu"
        self._one_brief = threading.Lock()
        num_places = NUM_TOGETHER if company.has_batches else NUM_ALONE
        self._worker = PriorityWorker("whisper", max_waiting=options.max_waiting, num_places=num_places)
        self.languages = tuple(
            code for code in model.supported_languages if model.hf_tokenizer.token_to_id(f"<|{code}|>") is not None
        )
        self._info = EngineInfo(
            model=files.name,
            revision=files.revision,
            owner=files.owner,
            license=files.license,
            languages=tuple(sorted(map(iso_code, self.languages))),
            max_concurrent_calls=options.max_waiting,
            supports_word_times=True,
            supports_translation=len(self.languages) > 1 and not files.layout.is_pruned,
            num_pieces_at_once=num_places,
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def transcribe(self, job: ListenJob) -> Transcript:
        """Write the audio down; silence gives empty text.

        Raises:
            InvalidField: If the model does not know the language.
            UnsupportedFeature: If a translation is asked of a model that was not trained to translate.
            Overloaded: If too many jobs wait.
            EngineFailed: If the model failed.
        """
        language = whisper_code(job.language, self.languages)
        if job.is_translation and not self._info.supports_translation:
            raise UnsupportedFeature(f"task: {self._info.model} cannot translate", field="task")
        if len(job.pcm) % 2:
            raise InvalidField(f"pcm of 16-bit samples has an odd number of bytes: {len(job.pcm)}", field="pcm")
        samples = to_floats(job.pcm)
        peak = float(np.abs(samples).max()) if len(samples) >= MIN_SAMPLES else 0.0
        if peak < SILENT_PEAK:
            checks = (FiredCheck("peak", peak, SILENT_PEAK, 0, _ms(samples)),) if len(samples) >= MIN_SAMPLES else ()
            return Transcript((), iso_code(language), None, 0.0, checks=checks)
        work = partial(self._listen, samples=samples, job=job, language=language)
        is_awaited = not job.is_partial or job.is_likely_final
        return await self._worker.run(
            work,
            rank=FINAL_RANK if is_awaited else PARTIAL_RANK,
            caller=job.caller,
            may_interrupt=not job.is_partial,
        )

    async def warm_up(self) -> None:
        """Listen to a second of sound as a partial, then as a final, which says how long a transcript takes."""
        tone = np.sin(np.arange(LISTENING_RATE_HZ) * (2 * np.pi * 220 / LISTENING_RATE_HZ)) * 8000
        job = ListenJob(pcm=tone.astype("<i2").tobytes(), language="en", is_partial=True)
        await self.transcribe(job)
        heard = await self.transcribe(replace(job, is_likely_final=True))
        self._info = replace(self._info, first_output_ms=heard.engine_ms)

    @contextlib.contextmanager
    def _at_work(self, samples: Samples) -> Iterator[None]:
        """Work in the company of others, or alone where that is sooner."""
        with self._one_brief if len(samples) < BRIEF_SAMPLES else contextlib.nullcontext(), self._company.job():
            yield

    def _listen(self, interruption: Interruption, *, samples: Samples, job: ListenJob, language: str) -> Transcript:
        prompt, num_prompt_tokens = prompt_ids(self._model.hf_tokenizer, job.prompt, job.key_words)
        model = JobsModel(self._model, self._company, interruption, prompt, self._num_frames(samples, job))
        confidence = None
        try:
            with self._at_work(samples):
                begin = time.perf_counter()
                if not language and len(self.languages) == 1:
                    (language,) = self.languages
                elif not language:
                    language, confidence = self._detect(samples, model)
                found, _ = model.library.transcribe(samples, **self._model_options(job, language, len(samples)))
                segments = list(_with_silences(found, model.windows, _ms(samples)))
                engine_ms = (time.perf_counter() - begin) * 1000
        except (RuntimeError, ValueError, MemoryError) as error:
            raise EngineFailed(f"the transcription model failed ({type(error).__name__})") from error
        belief = believed(segments)
        left_out, checks = belief.left_out, belief.checks
        if not any(segment.text for segment in segments):
            left_out = (LeftOut(0, _ms(samples), "NO_SPEECH"),)
        if num_prompt_tokens > MOST_PROMPT_TOKENS:
            checks += (FiredCheck("prompt_tokens", num_prompt_tokens, MOST_PROMPT_TOKENS, 0, _ms(samples)),)
        return Transcript(belief.kept, iso_code(language), confidence, engine_ms, left_out, checks)

    def _num_frames(self, samples: Samples, job: ListenJob) -> int:
        """How much of a window is encoded: all of it for what is, or may become, a final."""
        is_draft = job.is_partial and not job.is_likely_final
        if not (is_draft and self._fits_windows):
            return WINDOW_FRAMES
        return fitted_frames(_ms(samples) // 10)

    def _detect(self, samples: Samples, model: JobsModel) -> tuple[str, float]:
        """Detect the language from the very window that will be written down, so that it is encoded once.

        The library's own detection takes one frame more, and so encodes twice: half of a short clip's time.

        Raises:
            InvalidField: If the model's files do not say which of its ids are languages.
        """
        features = self._model.feature_extractor(samples)
        frames = min(features.shape[-1] - 1, WINDOW_FRAMES)
        first = np.zeros((features.shape[0], WINDOW_FRAMES), features.dtype)
        first[:, :frames] = features[:, :frames]
        guesses = self._model.model.detect_language(model.encode(first))[0]
        if not guesses:
            raise InvalidField("language must be given: the model's config.json lists none to detect", field="language")
        token, probability = guesses[0]
        return token.removeprefix("<|").removesuffix("|>"), float(probability)

    def _model_options(self, job: ListenJob, language: str, num_samples: int) -> dict[str, object]:
        is_single_try = job.is_partial or job.temperature > 0
        return {
            "language": language,
            "task": "translate" if job.is_translation else "transcribe",
            "beam_size": self._beam_size,
            "best_of": 1,
            "temperature": job.temperature if is_single_try else FALLBACK_TEMPERATURES,
            "condition_on_previous_text": False,
            "max_new_tokens": partial_tokens(num_samples) if job.is_partial and not job.is_likely_final else None,
            "without_timestamps": num_samples <= WINDOW_SAMPLES and not (job.word_times or job.segment_times),
            "word_timestamps": job.word_times,
            "no_speech_threshold": NO_SPEECH_LIMIT,
            "log_prob_threshold": LOG_PROB_LIMIT,
            "compression_ratio_threshold": COMPRESSION_LIMIT,
        }


def _with_silences(found: Any, windows: Sequence[Window], audio_ms: int) -> Iterator[HeardSegment]:  # noqa: ANN401 - the library has no types
    """Take over segments; windows that the library drops for silence, and does not speak of, have no text."""
    num_seen, end_ms = 0, 0
    for segment in found:
        heard = _heard(segment, audio_ms)
        yield from (_silence(window, end_ms, heard.start_ms) for window in windows[num_seen:-1])
        yield heard
        num_seen, end_ms = len(windows), heard.end_ms
    yield from (_silence(window, end_ms, audio_ms) for window in windows[num_seen:])


def _silence(window: Window, start_ms: int, end_ms: int) -> HeardSegment:
    return HeardSegment(
        text="",
        start_ms=start_ms,
        end_ms=max(start_ms, end_ms),
        average_log_prob=window.average_log_prob,
        no_speech_prob=window.no_speech_prob,
        compression_ratio=window.compression_ratio,
        temperature=window.temperature,
    )


def _ms(samples: Samples) -> int:
    return len(samples) * 1000 // LISTENING_RATE_HZ


def partial_tokens(num_samples: int) -> int:
    """Cap what a partial writes: twice what anybody says, so that a loop on half a word is over soon."""
    return min(_MOST_PARTIAL_TOKENS, 32 + 25 * num_samples // LISTENING_RATE_HZ)


def _heard(segment: Any, audio_ms: int) -> HeardSegment:  # noqa: ANN401 - the library has no types
    """Take over a segment; times that the model puts outside the audio are its ends."""

    def ms(seconds: float) -> int:
        return max(0, min(round(float(seconds) * 1000), audio_ms))

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


async def create(options: Mapping[str, object]) -> WhisperTranscriber:
    """Load, prove and warm up the transcriber.

    Raises:
        InvalidField: If an option is unknown or out of range, or the device is not there.
        ModelNotInstalled: If a file is missing or wrong, or cannot be downloaded.
    """
    known = await asyncio.to_thread(whisper_options, options)
    files = await asyncio.to_thread(whisper_files.find, known)
    model, company = await asyncio.to_thread(load, known, files)
    engine = WhisperTranscriber(model, company, files, known)
    await engine.warm_up()
    return engine
