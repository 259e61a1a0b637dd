"""Typed asyncio client of an Antiphon speech server; it knows only the wire."""

from antiphon_client.client import AntiphonClient
from antiphon_client.connection import CallOptions, channel_options, service_config
from antiphon_client.conversation import ConversationStream
from antiphon_client.errors import (
    AccessDenied,
    AntiphonError,
    BadRequest,
    Cancelled,
    ConnectionFailed,
    DeadlineExceeded,
    NotBuilt,
    NotFound,
    Overloaded,
    RateLimited,
    ServerFailed,
    Unavailable,
    from_rpc_error,
)
from antiphon_client.reference import Reference
from antiphon_client.retry import RetryPolicy
from antiphon_client.speech import Speech, SpeechReport
from antiphon_client.synthesis import SynthesisStream
from antiphon_client.transcription import Transcript, TranscriptionStream

__all__ = [
    "AccessDenied",
    "AntiphonClient",
    "AntiphonError",
    "BadRequest",
    "CallOptions",
    "Cancelled",
    "ConnectionFailed",
    "ConversationStream",
    "DeadlineExceeded",
    "NotBuilt",
    "NotFound",
    "Overloaded",
    "RateLimited",
    "Reference",
    "RetryPolicy",
    "ServerFailed",
    "Speech",
    "SpeechReport",
    "SynthesisStream",
    "Transcript",
    "TranscriptionStream",
    "Unavailable",
    "channel_options",
    "from_rpc_error",
    "service_config",
]
