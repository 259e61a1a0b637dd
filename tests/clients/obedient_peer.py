"""A server that fails as the text of a request says, and what the openai package is to make of each failure."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from antiphon.speech.v1 import transcription_service_pb2
from contract.compat_peer import (
    ListenEvent,
    ListenRequest,
    Peer,
    Refusal,
    SpeechEvent,
    SpeechRequest,
    compat,
    speech_audio,
    speech_done,
    speech_started,
)

PIECE = b"\x01\x00" * 4
SOON_S = 0.001

FAILURES = {
    "INVALID_FIELD": (400, "BadRequestError", "invalid_request_error", "invalid_field", 1),
    "UNSUPPORTED_FEATURE": (400, "BadRequestError", "invalid_request_error", "unsupported_feature", 1),
    "CONTEXT_OVERFLOW": (400, "BadRequestError", "invalid_request_error", "context_overflow", 1),
    "UNAUTHENTICATED": (401, "AuthenticationError", "authentication_error", "unauthenticated", 1),
    "PERMISSION_DENIED": (403, "PermissionDeniedError", "permission_error", "permission_denied", 1),
    "UNKNOWN_MODEL": (404, "NotFoundError", "not_found_error", "model_not_found", 1),
    "MODEL_NOT_INSTALLED": (404, "NotFoundError", "not_found_error", "model_not_installed", 1),
    "NOT_FOUND": (404, "NotFoundError", "not_found_error", "not_found", 1),
    "CONFLICT": (409, "ConflictError", "invalid_request_error", "conflict", 1),
    "OVERLOADED": (429, "RateLimitError", "rate_limit_error", "overloaded", 2),
    "RATE_LIMITED": (429, "RateLimitError", "rate_limit_error", "rate_limited", 2),
    "QUOTA_EXCEEDED": (429, "RateLimitError", "insufficient_quota", "quota_exceeded", 1),
    "CANCELLED": (499, None, "server_error", "cancelled", 1),
    "INTERNAL": (500, "InternalServerError", "server_error", "internal", 2),
    "NOT_BUILT": (501, "InternalServerError", "server_error", "not_built", 1),
    "ENGINE_FAILED": (502, "InternalServerError", "server_error", "engine_failed", 2),
    "NOT_READY": (503, "InternalServerError", "server_error", "not_ready", 2),
    "DRAINING": (503, "InternalServerError", "server_error", "draining", 2),
    "ENGINE_RESTARTING": (503, "InternalServerError", "server_error", "engine_restarting", 2),
    "DEADLINE_TOO_SHORT": (504, "InternalServerError", "server_error", "deadline_too_short", 1),
    "DEADLINE_EXCEEDED": (504, "InternalServerError", "server_error", "deadline_exceeded", 1),
}
"""Reason: status, class of the SDKs, ``type``, ``code``, and requests made when one retry is allowed.

None is the SDKs' common class for a status that has none of its own.
"""


async def speak_as_told(request: SpeechRequest) -> AsyncIterator[SpeechEvent]:
    """Act by the first word: a reason, LATER (in five minutes), HANG, STALL or BREAK (in the middle), or speak."""
    word = request.text.split()[0]
    if word in FAILURES:
        raise Refusal(word, "It is as you said.", field="config.voice", retry_after_s=SOON_S)
    if word == "LATER":
        raise Refusal("OVERLOADED", "Come back later.", retry_after_s=300)
    if word == "HANG":
        await asyncio.Event().wait()
    yield speech_started()
    yield speech_audio(PIECE)
    if word == "STALL":
        await asyncio.Event().wait()
    if word == "BREAK":
        raise Refusal("ENGINE_FAILED", "The engine failed.")
    yield speech_audio(PIECE)
    yield speech_done()


async def hear_and_break(requests: AsyncIterator[ListenRequest]) -> AsyncIterator[ListenEvent]:
    async for _ in requests:
        continue
    yield ListenEvent(started=transcription_service_pb2.TranscriptionStarted(model="ears"))
    yield ListenEvent(final=transcription_service_pb2.FinalTranscript(text="Half of it."))
    raise Refusal("ENGINE_FAILED", "The engine failed.")


@asynccontextmanager
async def obedient(**settings: object) -> AsyncIterator[tuple[Peer, str]]:
    """Run the peer and the front; the base address of the API."""
    async with compat(**settings) as (peer, http):
        peer.speak, peer.listen = speak_as_told, hear_and_break
        yield peer, str(http.make_url("/v1"))
