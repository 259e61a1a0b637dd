"""WebSockets. OpenAPI has no words for their messages: they stand under ``x-messages``."""

from antiphon_compat.openapi.parts import Json, curl, errors, headers, message, ref

_SCENARIO: Json = {"type": "string", "maxLength": 256, "default": "daily", "description": "Who answers."}
_HISTORY: Json = {
    "type": "array",
    "maxItems": 256,
    "description": "What was said before, oldest first; at most 64 KiB.",
    "items": {
        "type": "object",
        "required": ["role", "content"],
        "properties": {"role": {"enum": ["system", "user", "assistant"]}, "content": {"type": "string"}},
    },
}
_LANGUAGE: Json = {
    "type": "string",
    "maxLength": 35,
    "description": "What is spoken, ISO 639-1 or its English name; found out if it is absent.",
}
_TEXT: Json = {"type": "string"}

PATHS: Json = {
    "/ws/voice": {
        "get": {
            "tags": ["sockets"],
            "summary": "Talk: WebSocket of the voice agent",
            "description": (
                "JSON text frames both ways. Binary frames up are the microphone: 16-bit little-endian mono at "
                "16 kHz, between start and stop. Binary frames down are speech: the same at 24 kHz, between "
                "audio_start and audio_end."
            ),
            "responses": {
                "101": {"description": "The socket is open.", "headers": headers()},
                "400": {"$ref": "#/components/responses/Error400"},
                **errors(),
            },
            "x-messages": {
                "client": [
                    message(
                        "start", "Begin a spoken turn.", scenario_id=_SCENARIO, history=_HISTORY, language=_LANGUAGE
                    ),
                    message("stop", "End the spoken turn; its transcript and the reply follow."),
                    message(
                        "text",
                        "Reply to typed text.",
                        "text",
                        text={"type": "string", "minLength": 1, "description": "At most 32 KiB."},
                        scenario_id=_SCENARIO,
                        history=_HISTORY,
                    ),
                ],
                "server": [
                    message(
                        "partial",
                        "What was understood so far; it may still change, but for what is `settled` at its beginning.",
                        "text",
                        text=_TEXT,
                        settled=_TEXT,
                    ),
                    message("final", "What was said.", "text", text=_TEXT, timings=ref("Timings")),
                    message("delivery", "How the reply is spoken.", "tokens", tokens=_TEXT),
                    message(
                        "reply_delta",
                        "A piece of the reply, before its audio; joined, they are it.",
                        "text",
                        text=_TEXT,
                    ),
                    message("audio_start", "Speech follows.", "sample_rate", sample_rate={"const": 24000}),
                    message("audio_end", "No more speech in this reply."),
                    message("reply_done", "The reply is complete.", "text", text=_TEXT, timings=ref("Timings")),
                    message(
                        "error",
                        "The turn failed or a message was wrong; the socket stays open.",
                        "detail",
                        detail=_TEXT,
                    ),
                ],
            },
            "x-codeSamples": curl("""websocat ${BASE/http/ws}/ws/voice <<< '{"type": "text", "text": "Hello"}'"""),
        }
    },
}
SCHEMAS: Json = {}
