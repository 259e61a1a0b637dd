"""What every engine promises, whatever it runs on: embedded CPU models, the CUDA runtime, a scripted fake.

Audio crosses this border as bytes: signed 16-bit little-endian mono samples. Synthesizers give their native rate
(``SynthesizerInfo.sample_rate_hz``); transcribers and voice activity take 16 000 Hz. All calls are coroutines or
asynchronous iterators; closing an iterator (or cancelling the task) frees the engine of the work at its next step.
Failures are ``SpeechError``s.
"""

import math
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from antiphon_server.engine.reference import SpeechReference

LISTENING_RATE_HZ = 16_000
"""Rate of audio given to transcribers and voice activity."""

VOICE_WINDOW_SAMPLES = 512
"""Samples per voice activity score: 32 ms."""


@dataclass(frozen=True, slots=True)
class EngineVoice:
    """A voice as its engine offers it."""

    id: str
    name: str
    description: str
    is_variant: bool
    """True for a labelled change of a natural voice."""
    languages: tuple[str, ...]
    """BCP 47; empty if its language cannot be spoken here, and ``description`` says why."""
    labels: Mapping[str, str] = field(default_factory=dict)
    """Free labels, such as "gender"."""


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine says about itself once it is warm."""

    model: str
    revision: str
    """Digest of the weights, hex; behind it, what else of the engine changes its output."""
    owner: str
    license: str
    languages: tuple[str, ...]
    max_concurrent_calls: int
    sample_rate_hz: int = 0
    """Native rate of a synthesizer; 0 for the others."""
    voices: tuple[EngineVoice, ...] = ()
    voice_aliases: Mapping[str, str] = field(default_factory=dict)
    """Lower-case names of other services to ids of ``voices``."""
    rendered_tags: tuple[str, ...] = ()
    """Catalogue tags that change the sound, as "category:value"."""
    supports_cloning: bool = False
    supports_word_times: bool = False
    supports_seed: bool = False
    supports_sampling: bool = False
    supports_instructions: bool = False
    supports_delivery: bool = True
    """Whether a synthesizer renders ``SpeechJob.speed`` and ``pitch_semitones``. Where it does not, its sound is made
    faster, slower, higher or lower afterwards, and tags of pace and pitch are its own to speak."""
    uses_language: bool = True
    """Whether the language of a job changes what is said or heard; else the model finds it out from text or sound."""
    supports_translation: bool = False
    supports_thinking: bool = False
    uses_prompt: bool = True
    """Whether a transcriber heeds ``ListenJob.prompt``; and so on below."""
    uses_key_words: bool = True
    uses_temperature: bool = True
    supports_history: bool = False
    """Whether ``SpeechJob.previous`` and ``continuity`` are heard."""
    has_codec_frames: bool = False
    """Whether ``SpeechJob.first_chunk_frames`` has an effect."""
    counts_tokens: bool = False
    """Whether it is a ``TokenCounter``."""
    counts_unreadable: bool = False
    """Whether it is a ``LetterCounter``."""
    has_stats: bool = False
    """Whether it is ``Observed``."""
    num_codebooks: int = 0
    """Codes of a frame of a ``SpeechReference``; 0 without a codec."""
    frames_per_s: float = 0.0
    """Codec frames of a second of a clip."""
    max_positions: int = 0
    """Room that references, earlier turns, text and speech share; 0: no bound. A frame takes one."""
    continuity: str = "NONE"
    """What ``SpeechJob.continuity`` is where nothing is asked: NONE, CONTEXT or SEQUENCE."""
    call_options: Mapping[str, object] = field(default_factory=dict)
    """Names of a job's ``options`` with their defaults: bool, int, float or str."""
    first_output_ms: float = 0.0
    """Time to first output measured in the warm-up; the first guess of admission."""
    max_piece_ms: int = 28_000
    """Longest audio a transcriber should be given at once; longer audio is cut where there is the least voice."""
    num_pieces_at_once: int = 1
    """Pieces of one recording that a transcriber writes down sooner together than one after the other."""


@dataclass(frozen=True, slots=True)
class SpeechJob:
    """One segment to speak: a sentence without tags."""

    text: str
    voice: str
    """Id of one of the engine's voices."""
    sequence: str
    """Segments of one sequence belong together; an engine with memory keeps its state between them. One for a call."""
    language: str = ""
    speed: float = 1.0
    """0.25 to 4.0: how fast it will be heard, whoever makes it so."""
    pitch_semitones: float = 0.0
    """-12 to 12."""
    seed: int = 0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_new_tokens: int | None = None
    tags: tuple[str, ...] = ()
    """Catalogue tags in effect, as "category:value"; for engines that render them."""
    is_first: bool = False
    """Nothing of its utterance was spoken yet: an early beginning is worth more than a long one."""
    caller: str = ""
    """Who asks; callers take turns where places are few."""
    due_at: float | None = None
    """Monotonic second of this machine after which the sound is worthless; None without one."""
    reference: tuple[SpeechReference, ...] = ()
    """Speech to sound like, in place of ``voice``; at most one."""
    previous: tuple[SpeechReference, ...] = ()
    """What was said before this sequence, oldest first, with transcripts."""
    continuity: str = ""
    """Which earlier segments of its sequence it hears of: NONE, CONTEXT (some) or SEQUENCE (all that fit); empty: the
    engine's own."""
    max_context_segments: int | None = None
    """Most earlier segments of CONTEXT; None: the engine's own."""
    first_chunk_frames: int | None = None
    """Codec frames of the first sound; 0: no small beginning; None: the engine's own."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Some of ``EngineInfo.call_options``."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """Sound, at most 80 ms of it."""

    pcm: bytes


@dataclass(frozen=True, slots=True)
class SpeechEnd:
    """Last item of ``speak``."""

    finish_reason: str = "STOP"
    """A FinishReason of the contract without its prefix: STOP, LENGTH, RUNAWAY, or DEADLINE after ``due_at``."""
    engine_ms: float = 0.0
    input_tokens: int = 0
    """Tokens of text, tags and transcripts, without the sound that was heard."""
    output_tokens: int = 0
    input_audio_ms: int = 0
    """Of ``reference`` and ``previous``."""
    characters_dropped: int = 0
    """Characters the model could not read and left out."""


class Synthesizer(Protocol):
    """Speaks."""

    async def info(self) -> EngineInfo:
        """Say what the engine is; answers only when it is warm."""
        ...

    def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        """Yield the segment's sound in order, then one SpeechEnd. Closing the iterator cancels.

        Raises:
            UnknownVoice: If ``job.voice`` is not one of the engine's.
            EngineFailed: If the model failed.
        """
        ...


@dataclass(frozen=True, slots=True)
class HeardWord:
    """A word with times in milliseconds from the start of the job's audio."""

    text: str
    start_ms: int
    end_ms: int
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class HeardSegment:
    """A stretch of transcript with times in milliseconds from the start of the job's audio."""

    text: str
    start_ms: int
    end_ms: int
    average_log_prob: float | None = None
    no_speech_prob: float | None = None
    compression_ratio: float | None = None
    temperature: float | None = None
    tokens: tuple[int, ...] = ()
    words: tuple[HeardWord, ...] = ()

    @property
    def confidence(self) -> float | None:
        """Geometric mean of the probabilities of the segment's tokens, 0..1; None where the model gives none."""
        return None if self.average_log_prob is None else min(1.0, math.exp(self.average_log_prob))


@dataclass(frozen=True, slots=True)
class ListenJob:
    """One stretch of audio to write down."""

    pcm: bytes
    """16 000 Hz, any length; engines cut what their window cannot hold."""
    language: str = ""
    """ISO 639-1; empty: detect."""
    prompt: str = ""
    key_words: tuple[str, ...] = ()
    is_translation: bool = False
    word_times: bool = False
    segment_times: bool = False
    """Segments as short as the model can time; otherwise one may be as long as its audio."""
    temperature: float = 0.0
    is_partial: bool = False
    """A partial may be less exact, and gives way to finals."""
    is_likely_final: bool = False
    """A partial that becomes the final if nothing more is said: it waits no longer than finals do, and stops nobody."""
    thinking: str = "AUTO"
    """AUTO, ON or OFF; for transcribers that ``supports_thinking``."""
    caller: str = ""
    """Who asks; callers take turns where places are few."""
    due_at: float | None = None
    """Monotonic second of this machine after which the transcript is worthless; None without one."""
    options: Mapping[str, object] = field(default_factory=dict)
    """Some of ``EngineInfo.call_options``."""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A stretch that the model wrote words for, or was given to, and that stands in no transcript, or not whole."""

    start_ms: int
    """From the start of the job's audio, like ``end_ms``."""
    end_ms: int
    why: str
    """NO_SPEECH: nothing was said; UNSURE: the words were guesses; REPETITION: the same words over and over;
    UNFINISHED: more words than there can be, and cut; FEW_WORDS: hardly any, though there was voice."""


@dataclass(frozen=True, slots=True)
class FiredCheck:
    """A check that doubted what a model wrote: a measure that passed its limit."""

    name: str
    """What was measured: "no_speech_prob", "average_log_prob", "repetition" or another."""
    value: float
    limit: float
    start_ms: int
    """From the start of the job's audio, like ``end_ms``."""
    end_ms: int


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was said in a job's audio."""

    segments: tuple[HeardSegment, ...]
    language: str
    language_confidence: float | None
    """None if the language was given."""
    engine_ms: float
    left_out: tuple[LeftOut, ...] = ()
    checks: tuple[FiredCheck, ...] = ()
    """Also those that left nothing out."""
    input_tokens: int = 0
    """Positions of sound and text that were read; 0 where a model does not count."""
    output_tokens: int = 0

    @property
    def text(self) -> str:
        """All segments joined by single spaces."""
        return " ".join(part for part in (segment.text.strip() for segment in self.segments) if part)


class Transcriber(Protocol):
    """Listens."""

    async def info(self) -> EngineInfo:
        """Say what the engine is; answers only when it is warm."""
        ...

    async def transcribe(self, job: ListenJob) -> Transcript:
        """Write the audio down.

        Raises:
            InvalidField: If the model does not know the language.
            EngineFailed: If the model failed.
        """
        ...


class LiveTranscript(Protocol):
    """One utterance, written down while it is spoken."""

    async def push(self, pcm: bytes) -> str:
        """Take more of the utterance, 16 000 Hz; return all text so far, which may still change.

        Raises:
            EngineFailed: If the model failed.
        """
        ...

    async def close(self) -> None:
        """Free the state."""
        ...


class LiveTranscriber(Protocol):
    """Listens while it is spoken, cheaply: what it writes is shown, and replaced by a ``Transcriber``'s words."""

    async def info(self) -> EngineInfo:
        """Say what the engine is; answers only when it is warm."""
        ...

    async def open(self, language: str) -> LiveTranscript:
        """Begin an utterance in a language of ``EngineInfo.languages``."""
        ...


class VoiceActivityStream(Protocol):
    """Scores of one audio stream; keeps the model's state and the unfinished window."""

    async def score(self, pcm: bytes) -> list[float]:
        """Return the voice probability 0..1 of each 512-sample window completed by ``pcm``."""
        ...

    async def close(self) -> None:
        """Free the state."""
        ...


class VoiceActivity(Protocol):
    """Hears whether someone speaks. The decision is not here: see ``session``."""

    async def info(self) -> EngineInfo:
        """Say what the engine is; answers only when it is warm."""
        ...

    async def open(self) -> VoiceActivityStream:
        """Begin a stream."""
        ...
