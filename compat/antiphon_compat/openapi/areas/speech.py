"""``POST /v1/audio/speech``."""

from antiphon_compat.openapi.parts import BODY, SERVER, Json, curl, errors, headers, optional, ref

_CLIP = "A data URI or base64 of an audio file, at most 10 MiB decoded."
_REFERENCE: Json = {
    "type": "object",
    "required": ["audio_path"],
    "properties": {
        "audio_path": {"type": "string", "description": f"{_CLIP} Never a path: no file is opened for a caller."},
        "text": optional({"type": "string", "maxLength": 5000, "description": "What is said in the clip."}),
    },
}
_AUDIO: Json = {
    media_type: {"schema": {"type": "string", "contentMediaType": media_type}}
    for media_type in ("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/L16")
}

PATHS: Json = {
    "/v1/audio/speech": {
        "post": {
            "tags": ["speech"],
            "summary": "Speak a text",
            "description": "The whole file, or with `stream` its bytes as they are made. Unknown fields are ignored.",
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": ref("SpeechRequest")}},
            },
            "responses": {
                "200": {
                    "description": "The audio. A failure after its first byte breaks the connection.",
                    "headers": headers(
                        "X-Model",
                        "X-Warnings",
                        "X-Sample-Rate",
                        "X-Channels",
                        "X-Bit-Depth",
                        "X-Finish-Reason",
                        "X-Seed",
                    ),
                    "content": _AUDIO,
                },
                **errors(BODY, SERVER),
            },
            "x-codeSamples": curl(
                "curl $BASE/v1/audio/speech -H 'Content-Type: application/json' \\\n"
                '  -d \'{"input": "Hello there."}\' --output hello.mp3'
            ),
        }
    },
}
SCHEMAS: Json = {
    "SpeechRequest": {
        "type": "object",
        "required": ["input"],
        "properties": {
            "input": {
                "type": "string",
                "minLength": 1,
                "maxLength": 5000,
                "description": "What to say; it may hold tags such as `<|emotion:elation|>`.",
            },
            "model": optional({"type": "string", "maxLength": 256, "description": "Model id or alias."}),
            "voice": {
                "anyOf": [
                    {"type": ["string", "null"], "maxLength": 256},
                    {
                        "type": "object",
                        "required": ["id"],
                        "properties": {"id": {"type": "string", "maxLength": 256}},
                    },
                ],
                "description": "Name of a voice, or an object with its id.",
            },
            "instructions": optional({"type": "string", "maxLength": 4096, "description": "How to say it."}),
            "response_format": optional(
                {
                    "type": "string",
                    "enum": ["mp3", "opus", "aac", "flac", "wav", "pcm"],
                    "default": "mp3",
                    "description": "pcm is headerless 16-bit little-endian mono.",
                }
            ),
            "speed": optional({"type": "number", "minimum": 0.25, "maximum": 4.0, "default": 1.0}),
            "stream": optional(
                {"type": "boolean", "default": False, "description": "Send the bytes as they are made, in any format."}
            ),
            "stream_format": optional({"type": "string", "enum": ["audio", "sse"], "default": "audio"}),
            "language": optional({"type": "string", "maxLength": 256, "description": "Language of the text."}),
            "ref_audio": optional({"type": "string", "description": f"A voice to clone. {_CLIP}"}),
            "ref_text": optional({"type": "string", "maxLength": 5000, "description": "What is said in ref_audio."}),
            "references": optional(
                {
                    "type": "array",
                    "maxItems": 8,
                    "items": _REFERENCE,
                    "description": "Voices to clone; `voice` is then ignored.",
                }
            ),
            "reference_codes": optional(
                {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "array",
                        "minItems": 8,
                        "maxItems": 8,
                        "items": {"type": "integer", "minimum": 0, "maximum": 1023},
                    },
                    "description": "An encoded reference: rows of eight codes.",
                }
            ),
            "reference_text": optional(
                {"type": "string", "maxLength": 5000, "description": "What is said in reference_codes."}
            ),
            "temperature": optional({"type": "number", "minimum": 0, "maximum": 2}),
            "top_p": optional({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
            "top_k": optional({"type": "integer", "minimum": 1, "maximum": 1026}),
            "seed": optional({"type": "integer", "minimum": 0, "maximum": 2**63 - 1}),
            "max_new_tokens": optional({"type": "integer", "minimum": 1, "maximum": 8192}),
            "initial_codec_chunk_frames": optional({"type": "integer", "minimum": 0, "maximum": 2**31 - 1}),
            "extra_body": optional(
                {"type": "object", "description": "More fields of this list; they win over those beside it."}
            ),
        },
    },
}
