"""The errors a caller can meet. Every one carries a reason of the contract's error table.

SpeechError
├── InvalidField, TextEmpty, TextTooLong, UnknownVoice, UnsupportedFormat, UnsupportedFeature
├── BadAudio, AudioTooLong, BodyTooLarge, ContextOverflow
├── ConfigFirst, StreamOrder
├── UnknownModel, ModelNotInstalled, NotFound, Conflict
├── Unauthenticated, PermissionDenied
├── Overloaded, RateLimited, QuotaExceeded
├── NotReady, Draining, EngineRestarting
├── EngineFailed, UpstreamFailed
├── DeadlineTooShort, DeadlineExceeded, Cancelled
└── Internal, NotBuilt

The message of an error is for the caller: it names the field, the limit and the value seen, and never holds the
caller's text or anything of the machine. Status codes are in ``proto/error_table.json``.
"""

from typing import ClassVar


class SpeechError(Exception):
    """Root of everything a call can fail with."""

    reason: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, field: str = "", retry_after_s: float | None = None) -> None:
        """Keep what the caller is told.

        Args:
            message: One sentence that says what to change.
            field: Path of the request field, as in the contract; empty if none.
            retry_after_s: Seconds to wait before a retry; only with retryable reasons.
        """
        super().__init__(message)
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s


class InvalidField(SpeechError):
    """Change the field: it is missing, out of range or of the wrong kind."""

    reason = "INVALID_FIELD"


class TextEmpty(SpeechError):
    """Send text that can be spoken."""

    reason = "TEXT_EMPTY"


class TextTooLong(SpeechError):
    """Send less text at once."""

    reason = "TEXT_TOO_LONG"


class UnknownVoice(SpeechError):
    """Choose a voice that VoiceService lists."""

    reason = "UNKNOWN_VOICE"


class BadAudio(SpeechError):
    """Send audio that can be decoded."""

    reason = "BAD_AUDIO"


class AudioTooLong(SpeechError):
    """Send shorter audio."""

    reason = "AUDIO_TOO_LONG"


class UnsupportedFormat(SpeechError):
    """Choose another encoding or rate."""

    reason = "UNSUPPORTED_FORMAT"


class UnsupportedFeature(SpeechError):
    """Leave the feature out or choose a model that has it."""

    reason = "UNSUPPORTED_FEATURE"


class ConfigFirst(SpeechError):
    """Send the config as the first message."""

    reason = "CONFIG_FIRST"


class StreamOrder(SpeechError):
    """Send messages in the order the stream allows."""

    reason = "STREAM_ORDER"


class ContextOverflow(SpeechError):
    """Shorten history or text; the model's context is full."""

    reason = "CONTEXT_OVERFLOW"


class BodyTooLarge(SpeechError):
    """Send a smaller message, body or file."""

    reason = "BODY_TOO_LARGE"


class UnknownModel(SpeechError):
    """Choose a model that ModelService lists."""

    reason = "UNKNOWN_MODEL"


class ModelNotInstalled(SpeechError):
    """Install the model's files, then restart."""

    reason = "MODEL_NOT_INSTALLED"


class NotFound(SpeechError):
    """Use an id that exists."""

    reason = "NOT_FOUND"


class Conflict(SpeechError):
    """Use another id; this one is taken."""

    reason = "CONFLICT"


class Unauthenticated(SpeechError):
    """Send valid credentials."""

    reason = "UNAUTHENTICATED"


class PermissionDenied(SpeechError):
    """Use credentials that may do this."""

    reason = "PERMISSION_DENIED"


class Overloaded(SpeechError):
    """Wait for the retry delay; all places are taken."""

    reason = "OVERLOADED"


class RateLimited(SpeechError):
    """Wait for the retry delay; send less often."""

    reason = "RATE_LIMITED"


class QuotaExceeded(SpeechError):
    """Ask for more quota."""

    reason = "QUOTA_EXCEEDED"


class NotReady(SpeechError):
    """Wait for the retry delay; the model is warming up."""

    reason = "NOT_READY"


class Draining(SpeechError):
    """Call another server; this one is going down."""

    reason = "DRAINING"


class EngineRestarting(SpeechError):
    """Wait for the retry delay; the engine died and is coming back."""

    reason = "ENGINE_RESTARTING"


class EngineFailed(SpeechError):
    """Retry; the engine failed at this call."""

    reason = "ENGINE_FAILED"


class UpstreamFailed(SpeechError):
    """Retry; a service this one depends on failed."""

    reason = "UPSTREAM_FAILED"


class DeadlineTooShort(SpeechError):
    """Allow more time; the deadline cannot be met."""

    reason = "DEADLINE_TOO_SHORT"


class DeadlineExceeded(SpeechError):
    """Allow more time; the deadline passed during the work."""

    reason = "DEADLINE_EXCEEDED"


class Cancelled(SpeechError):
    """Nothing to do; the caller cancelled."""

    reason = "CANCELLED"


class Internal(SpeechError):
    """Quote the request id; the server has a defect."""

    reason = "INTERNAL"


class NotBuilt(SpeechError):
    """Wait for a later version; the contract has this and the build does not."""

    reason = "NOT_BUILT"


BY_REASON: dict[str, type[SpeechError]] = {kind.reason: kind for kind in SpeechError.__subclasses__()}
"""Error class of every reason, for errors that cross a process border."""
