"""What sessions report: the domain's side of the contract's response messages."""

from dataclasses import dataclass

from antiphon_server.engine.protocol import FiredCheck, HeardSegment


@dataclass(frozen=True, slots=True)
class Notice:
    """A warning. ``code`` is a WarningCode of the contract without its prefix."""

    code: str
    field: str
    message: str


@dataclass(frozen=True, slots=True)
class UtteranceBegan:
    """An utterance begins."""

    utterance_id: str


@dataclass(frozen=True, slots=True)
class AudioOut:
    """Sound of an utterance in the caller's format."""

    utterance_id: str
    data: bytes
    sequence: int
    first_sample: int
    num_samples: int


@dataclass(frozen=True, slots=True)
class Stall:
    """How often and how long a real-time player would have starved."""

    num_underruns: int
    underrun_ms: float


@dataclass(frozen=True, slots=True)
class Times:
    """Where the time went, in milliseconds; None where it does not apply."""

    queue_ms: float | None = None
    first_output_ms: float | None = None
    engine_ms: float | None = None
    total_ms: float | None = None


@dataclass(frozen=True, slots=True)
class UtteranceEnded:
    """All of an utterance has been sent."""

    utterance_id: str
    finish_reason: str
    seed: int
    num_samples: int
    num_characters: int
    input_tokens: int
    output_tokens: int
    input_audio_ms: int
    audio_ms: int
    times: Times
    stall: Stall
    replay_token: str
    crc32: int


@dataclass(frozen=True, slots=True)
class UtteranceCut:
    """Receipt of a cancellation. Samples are at the output rate."""

    utterance_id: str
    samples_generated: int
    samples_sent: int
    samples_played: int
    estimated: bool
    text_spoken: str
    engine_stopped_after_ms: float


SpeechEvent = Notice | UtteranceBegan | AudioOut | UtteranceEnded | UtteranceCut


@dataclass(frozen=True, slots=True)
class VoiceBegan:
    """Someone began to speak, in milliseconds of the stream."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class VoiceStopped:
    """They stopped, in milliseconds of the stream."""

    at_ms: int


@dataclass(frozen=True, slots=True)
class PartialHeard:
    """What seems to have been said so far in the running utterance."""

    text: str
    stability: float
    up_to_ms: int
    num_settled_characters: int
    utterance_index: int
    interval_ms: int = 0
    """Since the utterance's partial before it, or since its first voice."""


@dataclass(frozen=True, slots=True)
class HeardPiece:
    """A piece of audio that was written down in one go. Times are of the stream."""

    start_ms: int
    end_ms: int
    end: str
    """Why it ends there: PAUSE, LENGTH or AUDIO."""
    engine_ms: float
    checks: tuple[FiredCheck, ...] = ()


@dataclass(frozen=True, slots=True)
class FinalHeard:
    """What was said in one utterance. Times are of the stream."""

    text: str
    segments: tuple[HeardSegment, ...]
    language: str
    language_confidence: float | None
    utterance_index: int
    start_ms: int
    end_ms: int
    has_speech: bool
    times: Times
    pieces: tuple[HeardPiece, ...] = ()


ListenEvent = Notice | VoiceBegan | VoiceStopped | PartialHeard | FinalHeard


@dataclass(frozen=True, slots=True)
class TurnOver:
    """A turn of the person has ended and a reply is being made."""

    turn_index: int
    utterance_id: str


@dataclass(frozen=True, slots=True)
class DeliveryChosen:
    """How the reply will be spoken. ``values`` has keys emotion, style, speed, expressive, pitch, sfx."""

    utterance_id: str
    tokens: str
    values: dict[str, str]


@dataclass(frozen=True, slots=True)
class ReplySentence:
    """A sentence of the reply, with the white space before it: joined, they are the reply. Stands before its audio."""

    utterance_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ReplyAudioBegan:
    """Audio of the reply begins."""

    utterance_id: str
    sample_rate_hz: int


@dataclass(frozen=True, slots=True)
class ReplyAudioEnded:
    """Audio of the reply has all been sent."""

    utterance_id: str
    num_samples: int
    stall: Stall


@dataclass(frozen=True, slots=True)
class ReplyEnded:
    """The reply is complete."""

    utterance_id: str
    text: str
    finish_reason: str
    input_tokens: int
    output_tokens: int
    audio_ms: int
    times: Times
    transcript_ms: float | None
    first_token_ms: float | None


@dataclass(frozen=True, slots=True)
class TurnBroken:
    """The turn failed; the conversation goes on."""

    reason: str
    message: str
    field: str
    utterance_id: str


TurnEvent = (
    TurnOver
    | DeliveryChosen
    | ReplySentence
    | ReplyAudioBegan
    | ReplyAudioEnded
    | ReplyEnded
    | TurnBroken
    | SpeechEvent
    | ListenEvent
)
