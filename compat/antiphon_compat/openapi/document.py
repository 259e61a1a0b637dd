"""The OpenAPI document, put together from its areas."""

import importlib.metadata

from antiphon_compat.openapi.areas import (
    models,
    operations,
    speech,
    speech_batch,
    speech_stream,
    transcriptions,
    voices,
    ws,
)
from antiphon_compat.openapi.parts import Json, error_responses

_VERSION = importlib.metadata.version("antiphon")  # here, since it reads a file
_AREAS = (speech, speech_batch, speech_stream, transcriptions, voices, models, ws, operations)
_TAGS = {
    "speech": "Text to speech.",
    "transcriptions": "Speech to text.",
    "voices": "Voices that can be spoken with.",
    "models": "What is installed.",
    "sockets": "WebSockets; in this document a `GET` answered with 101.",
    "operations": "Probes, metrics and this document.",
}
_HEADERS = {
    "x-request-id": "Names this request in the logs of every process; the caller's own if it sent a harmless one.",
    "x-should-retry": "`false` where the same request would fail again; OpenAI's SDKs obey it.",
    "Retry-After": "Whole seconds to wait.",
    "retry-after-ms": "Milliseconds to wait.",
    "Allow": "Methods of the route.",
    "X-Model": "Id of the model that did it.",
    "X-Warnings": "JSON array of `{code, param, message}`: what was ignored or changed.",
    "X-Usage": "JSON object: the `usage` of the answer, also for formats that are no JSON.",
    "Server-Timing": "Where the time went, in milliseconds: the `timings` of the answer.",
    "X-Sample-Rate": "Samples per second.",
    "X-Channels": "Always 1.",
    "X-Bit-Depth": "Bits per sample, in formats that have such.",
    "X-Finish-Reason": "`stop`, or before all was said: `length`, `runaway`. Not where the audio is streamed.",
    "X-Seed": "The seed that was used. Not where the audio is streamed.",
}
_DESCRIPTION = (
    "OpenAI-style HTTP and WebSocket in front of an Antiphon server. No key is needed; `Authorization` is ignored. "
    'Errors are `{"error": {"message", "type", "param", "code"}}` everywhere. Send `x-request-id` to choose the id '
    "of a request, `traceparent` and `tracestate` to continue a trace."
)


def document() -> Json:
    """Compose the whole document; it says the same as ``docs/http.md``, which also names the proofs."""
    paths: Json = {}
    schemas: Json = {}
    for area in _AREAS:
        paths |= area.PATHS
        schemas |= area.SCHEMAS
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Antiphon",
            "version": _VERSION,
            "description": _DESCRIPTION,
        },
        "tags": [{"name": name, "description": said} for name, said in _TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": error_responses(),
            "headers": {name: {"description": said, "schema": {"type": "string"}} for name, said in _HEADERS.items()},
        },
    }
