"""What a call asked for, validated and with every default filled in."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon_server.audio.format import Format
from antiphon_server.engine.reference import SpeechReference
from antiphon_server.text.segment import Segment
from antiphon_server.text.tags import TagPolicy


@dataclass(frozen=True, slots=True)
class SpeechSettings:
    """How to speak."""

    model: str
    revision: str
    native_rate_hz: int
    voice: str
    """Id of one of the engine's voices."""
    format: Format
    speaker_voices: Mapping[int, str] = field(default_factory=dict)
    language: str = ""
    speed: float = 1.0
    pitch_semitones: float = 0.0
    has_own_delivery: bool = True
    """The engine renders pace and pitch; otherwise they are given to its sound, and it speaks their tags itself."""
    seed: int = 0
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    max_new_tokens: int | None = None
    segmentation: str = "SENTENCE"
    """SENTENCE, WORD, SPEAKER or NONE."""
    commit: str = "SENTENCE"
    """SENTENCE, MESSAGE or FLUSH."""
    max_words: int | None = None
    tag_policy: TagPolicy = TagPolicy.CATALOGUE
    rendered_tags: frozenset[str] = frozenset()
    """Tags the engine renders, as "category:value"."""
    markdown: bool = False
    emoji: bool = False
    urls: bool = False
    segment_gap_ms: int = 0
    reference: tuple[SpeechReference, ...] = ()
    """Speech to sound like, in place of ``voice``; at most one."""
    speaker_references: Mapping[int, tuple[SpeechReference, ...]] = field(default_factory=dict)
    """The same for the speakers of ``speaker_voices``; an empty one has a voice."""
    previous: tuple[SpeechReference, ...] = ()
    """What was said before the call, oldest first."""
    continuity: str = ""
    """NONE, CONTEXT or SEQUENCE; empty on an engine that hears nothing of earlier segments."""
    max_context_segments: int | None = None
    first_chunk_frames: int | None = None
    options: Mapping[str, object] = field(default_factory=dict)
    """All of the engine's options."""
    caller: str = ""
    """Who asks, for fairness between callers; never logged."""
    due_at: float | None = None
    """Monotonic second after which the sound is worthless."""

    def reference_of(self, speaker: int) -> tuple[SpeechReference, ...]:
        """Reference of one speaker of a dialogue."""
        return self.speaker_references.get(speaker, self.reference)

    def voice_of(self, speaker: int) -> str:
        """Voice of one speaker of a dialogue."""
        return self.speaker_voices.get(speaker, self.voice)

    def speed_of(self, segment: Segment) -> float:
        """Pace of a segment, its tags counted in where they are not the model's own to speak."""
        factor = segment.speed_factor if self.has_own_delivery else 1.0
        return min(4.0, max(0.25, self.speed * factor))

    def pitch_of(self, segment: Segment) -> float:
        """Pitch of a segment in semitones, its tags counted in where they are not the model's own to speak."""
        shift = segment.pitch_semitones if self.has_own_delivery else 0.0
        return min(12.0, max(-12.0, self.pitch_semitones + shift))

    def changed(self, update: "SpeechUpdate") -> "SpeechSettings":
        """Return these settings with the fields an update names; a voice takes the place of the reference."""
        fields = {key: value for key, value in dataclasses.asdict(update).items() if value is not None}
        if update.voice is not None:
            fields["reference"] = ()
        return dataclasses.replace(self, **fields)


@dataclass(frozen=True, slots=True)
class SpeechUpdate:
    """Change of delivery from the next segment on; None leaves a field as it is."""

    voice: str | None = None
    speed: float | None = None
    pitch_semitones: float | None = None


@dataclass(frozen=True, slots=True)
class ListenSettings:
    """How to listen."""

    model: str
    revision: str
    format: Format
    language: str = ""
    prompt: str = ""
    key_words: tuple[str, ...] = ()
    is_translation: bool = False
    word_times: bool = False
    segment_times: bool = False
    temperature: float = 0.0
    partial_interval_ms: int = 700
    """0 switches partials off."""
    is_automatic: bool = False
    """Voice activity ends utterances; otherwise only the caller does."""
    threshold: float = 0.5
    silence_ms: int = 500
    prefix_padding_ms: int = 300
    min_speech_ms: int = 100
    max_audio_ms: int = 14_400_000
    thinking: str = "AUTO"
    """AUTO, ON or OFF."""
    options: Mapping[str, object] = field(default_factory=dict)
    """All of the engine's options."""
    caller: str = ""
    """Who asks, for fairness between callers; never logged."""
    due_at: float | None = None
    """Monotonic second after which transcripts are worthless."""
