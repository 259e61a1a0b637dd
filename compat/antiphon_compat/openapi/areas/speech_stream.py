"""``WS /v1/audio/speech/stream``; OpenAPI has no words for its messages, so they stand under ``x-messages``."""

from antiphon_compat.openapi.areas.speech import SCHEMAS as SPEECH_SCHEMAS
from antiphon_compat.openapi.parts import Json, curl, errors, headers, message, optional

_REQUEST: Json = SPEECH_SCHEMAS["SpeechRequest"]["properties"]
_NOT_HERE = ("input", "stream", "stream_format", "references", "word_timestamps")
_TEXT: Json = {"type": "string"}
_NUMBER: Json = {"type": "integer"}
_ID: Json = {"type": "string", "maxLength": 64}


_CONFIG: Json = {name: schema for name, schema in _REQUEST.items() if name not in _NOT_HERE}
_CONFIG["response_format"] = {**_REQUEST["response_format"], "default": "pcm"}
_CONFIG["references"] = {"type": ["array", "null"], "maxItems": 8, "description": "As in POST /v1/audio/speech."}
_CONFIG["split_granularity"] = optional(
    {
        "type": "string",
        "enum": ["sentence", "none"],
        "default": "sentence",
        "description": "Speak as soon as a sentence is complete, or only at input.flush and input.done.",
    }
)
_PLACE: Json = {"id": _ID, "utterance_index": _NUMBER, "sentence_index": {"type": ["integer", "null"]}}

PATHS: Json = {
    "/v1/audio/speech/stream": {
        "get": {
            "tags": ["sockets"],
            "summary": "Speak text while it is written: WebSocket",
            "description": (
                "JSON text frames both ways, audio in binary frames between audio.start and audio.done; each such "
                "stretch is a file of its own. session.config must come within 10 seconds. A reader that is slow "
                "makes generation wait."
            ),
            "responses": {
                "101": {"description": "The socket is open.", "headers": headers()},
                "400": {"$ref": "#/components/responses/Error400"},
                **errors(),
            },
            "x-messages": {
                "client": [
                    message("session.config", "How to speak. First, and again after session.done.", **_CONFIG),
                    message(
                        "input.text",
                        "Text, as it comes.",
                        "text",
                        text={"type": "string", "description": "At most 128 KiB of UTF-8."},
                    ),
                    message("input.flush", "End the utterance here and speak it; the next text begins another one."),
                    message(
                        "input.cancel",
                        "Drop an utterance, or without an id everything that is there.",
                        id=optional({**_ID, "description": "From audio.start."}),
                    ),
                    message("input.done", "Speak what is left; session.done follows. The socket stays open."),
                    message("session.close", "End the connection."),
                ],
                "server": [
                    message(
                        "session.configured",
                        "Answers session.config: what was decided, and the limits.",
                        session_id=_TEXT,
                        model=_TEXT,
                        voice={**_TEXT, "description": "Empty where it is cloned."},
                        response_format=_TEXT,
                        sample_rate=_NUMBER,
                        channels={"const": 1},
                        idle_timeout_ms=_NUMBER,
                        max_text_bytes=_NUMBER,
                        warnings={"type": "array"},
                    ),
                    message("audio.start", "Audio follows.", "id", **_PLACE, format=_TEXT, sample_rate=_NUMBER),
                    message(
                        "audio.done",
                        "All of it was sent; or, with error, it broke off.",
                        "id",
                        **_PLACE,
                        total_bytes=_NUMBER,
                        error={"type": "boolean"},
                        finish_reason=_TEXT,
                        seed=_NUMBER,
                        num_samples=_NUMBER,
                        crc32=_NUMBER,
                        usage={"type": "object"},
                    ),
                    message(
                        "audio.cancelled",
                        "The receipt of a cancellation; no audio of this id follows.",
                        "id",
                        **_PLACE,
                        total_bytes=_NUMBER,
                        samples_generated=_NUMBER,
                        samples_sent=_NUMBER,
                        samples_played=_NUMBER,
                        estimated={"type": "boolean"},
                        text_spoken=_TEXT,
                    ),
                    message("warning", "Something to know.", code=_TEXT, param=_TEXT, message=_TEXT),
                    message("session.done", "Everything was spoken.", utterance_index=_NUMBER, total_sentences=_NUMBER),
                    message(
                        "error",
                        "A message was wrong or the session failed; the socket stays open.",
                        "message",
                        "error",
                        message=_TEXT,
                        error={"type": "object"},
                    ),
                ],
            },
            "x-codeSamples": curl(
                'printf \'{"type": "session.config"}\\n{"type": "input.text", "text": "Hello."}\\n'
                '{"type": "input.done"}\\n\' \\\n'
                "  | websocat -b ${BASE/http/ws}/v1/audio/speech/stream"
            ),
        }
    },
}
SCHEMAS: Json = {}
