"""``POST /v1/audio/speech/batch``."""

from antiphon_compat.openapi.parts import BODY, SERVER, Json, answer, curl, errors, ref

_RESULT: Json = {
    "type": "object",
    "required": ["index", "status"],
    "properties": {
        "index": {"type": "integer", "minimum": 0, "description": "Place of the item in the request."},
        "status": {"enum": ["success", "error"]},
        "audio_data": {"type": "string", "contentEncoding": "base64", "description": "The whole file."},
        "media_type": {"type": "string"},
        "usage": {"type": "object"},
        "finish_reason": {"type": "string"},
        "seed": {"type": "integer"},
        "model": {"type": "string"},
        "sample_rate": {"type": "integer"},
        "warnings": {"type": "array", "items": {"type": "object"}},
        "error": {"type": "object", "description": "As in the body of an error response."},
    },
}

PATHS: Json = {
    "/v1/audio/speech/batch": {
        "post": {
            "tags": ["speech"],
            "summary": "Speak several texts",
            "description": (
                "Four at a time. What is wrong with one item stands in its result and leaves the others alone: the "
                "status is 200 also where every item failed."
            ),
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": ref("SpeechBatchRequest")}},
            },
            "responses": {
                "200": answer("A result for each item, in their order.", ref("SpeechBatch")),
                **errors(BODY, SERVER),
            },
            "x-codeSamples": curl(
                "curl $BASE/v1/audio/speech/batch -H 'Content-Type: application/json' \\\n"
                '  -d \'{"voice": "nora", "items": [{"input": "One."}, {"input": "Two.", "voice": "jake"}]}\''
            ),
        }
    },
}
SCHEMAS: Json = {
    "SpeechBatchRequest": {
        "type": "object",
        "required": ["items"],
        "description": "Beside items, fields of /v1/audio/speech that are the defaults of every item.",
        "properties": {
            "items": {
                "type": "array",
                "minItems": 1,
                "maxItems": 32,
                "items": {"type": "object"},
                "description": "Requests of /v1/audio/speech, without stream and stream_format.",
            }
        },
    },
    "SpeechBatch": {
        "type": "object",
        "required": ["id", "object", "results", "total", "succeeded", "failed"],
        "properties": {
            "id": {"type": "string", "description": "The request id."},
            "object": {"const": "audio.speech.batch"},
            "results": {"type": "array", "items": _RESULT},
            "total": {"type": "integer"},
            "succeeded": {"type": "integer"},
            "failed": {"type": "integer"},
        },
    },
}
