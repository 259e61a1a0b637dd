"""``POST /v1/audio/speech``."""

from antiphon_compat.openapi.parts import BODY, SERVER, Json, curl, errors, event, events, headers, optional, ref

_CLIP = "A data URI or base64 of an audio file, at most 10 MiB decoded."
_CODES: Json = {
    "type": "array",
    "minItems": 1,
    "maxItems": 2500,
    "items": {
        "type": "array",
        "minItems": 8,
        "maxItems": 8,
        "items": {"type": "integer", "minimum": 0, "maximum": 1023},
    },
    "description": "An encoded reference: [T, 8] undelayed codes, a row for each 40 ms.",
}
_REFERENCE: Json = {
    "type": "object",
    "properties": {
        "audio_path": optional(
            {"type": "string", "description": f"{_CLIP} Never a path or an address: nothing is opened or fetched."}
        ),
        "ref_audio": optional({"type": "string", "description": "The same by another name."}),
        "audio": optional({"type": "string", "description": "The same by a shorter name."}),
        "data": optional({"type": "string", "description": "The same, as other servers have it beside media_type."}),
        "media_type": optional(
            {"type": "string", "maxLength": 256, "description": "Not needed: the bytes show what they are."}
        ),
        "reference_codes": optional({**_CODES, "description": "Codes in place of a clip."}),
        "text": optional({"type": "string", "maxLength": 5000, "description": "What is said in the clip."}),
        "weight": optional(
            {"type": "number", "description": "Accepted, with a warning: voices are not mixed."},
        ),
    },
}
_AUDIO: Json = {
    media_type: {"schema": {"type": "string", "contentMediaType": media_type}}
    for media_type in ("audio/mpeg", "audio/ogg", "audio/aac", "audio/flac", "audio/wav", "audio/L16")
}
_COUNT: Json = {"type": "integer", "minimum": 0}
_USAGE: Json = {
    "type": "object",
    "required": ["input_tokens", "output_tokens", "total_tokens", "input_characters", "output_audio_ms"],
    "properties": {
        "input_tokens": _COUNT,
        "output_tokens": _COUNT,
        "total_tokens": _COUNT,
        "input_characters": _COUNT,
        "output_audio_ms": _COUNT,
    },
}
_EVENTS = events(
    event("speech.audio.delta", audio={"type": "string", "contentEncoding": "base64", "minLength": 1}),
    event(
        "speech.audio.done",
        usage=_USAGE,
        finish_reason={"type": "string", "description": "`stop`, or before all was said: `length`, `runaway`."},
        seed={"type": "integer"},
        model={"type": "string"},
        sample_rate=_COUNT,
        warnings={"type": "array", "items": {"type": "object"}},
    ),
    event("speech.audio.error", error={"type": "object"}),
)

PATHS: Json = {
    "/v1/audio/speech": {
        "post": {
            "tags": ["speech"],
            "summary": "Speak a text",
            "description": (
                "The whole file; with `stream` its bytes as they are made; with `stream_format: sse` the same bytes "
                "inside of events. Fields that nobody here knows are ignored; fields without an effect, and names "
                "that are almost right, are named in `X-Warnings`."
            ),
            "requestBody": {
                "required": True,
                "content": {
                    "multipart/form-data": {"schema": ref("SpeechForm")},
                    "application/json": {"schema": ref("SpeechRequest")},
                },
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
                    "content": _AUDIO | _EVENTS,
                },
                **errors(BODY, SERVER),
            },
            "x-codeSamples": curl(
                "curl $BASE/v1/audio/speech -H 'Content-Type: application/json' \\\n"
                '  -d \'{"input": "Hello there."}\' --output hello.mp3',
                "curl $BASE/v1/audio/speech -F input='Not my words.' \\\n"
                "  -F ref_audio=@me.wav -F ref_text='What I say in it.' --output cloned.mp3",
            ),
        }
    },
}
_IN_FORMS: Json = {
    "ref_audio": {"type": "string", "format": "binary", "description": "A file, or text as in JSON."},
    "voice": {"type": "string", "maxLength": 256},
    "references": {"type": "string", "contentMediaType": "application/json"},
    "reference_codes": {"type": "string", "contentMediaType": "application/json"},
    "options": {"type": "string", "contentMediaType": "application/json"},
    "extra_body": {"type": "string", "contentMediaType": "application/json"},
    "tn": {"type": "string"},
}
_REQUEST: Json = {
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
        "speed": optional(
            {"type": "number", "minimum": 0.25, "maximum": 4.0, "default": 1.0, "description": "Pace, on every model."}
        ),
        "stream": optional(
            {"type": "boolean", "default": False, "description": "Send the bytes as they are made, in any format."}
        ),
        "stream_format": optional(
            {
                "type": "string",
                "enum": ["audio", "sse"],
                "description": "audio streams bare bytes, sse events; either wins over stream.",
            }
        ),
        "sample_rate": optional(
            {
                "type": "integer",
                "minimum": 8000,
                "maximum": 48000,
                "default": 24000,
                "description": "Samples per second, in formats that can have it.",
            }
        ),
        "language": optional({"type": "string", "maxLength": 256, "description": "Language of the text."}),
        "ref_audio": optional({"type": "string", "description": f"A voice to clone. {_CLIP}"}),
        "ref_text": optional({"type": "string", "maxLength": 5000, "description": "What is said in ref_audio."}),
        "references": optional(
            {
                "type": "array",
                "maxItems": 8,
                "items": _REFERENCE,
                "description": "A voice to clone, each entry by one clip or by codes; `voice` is then ignored.",
            }
        ),
        "reference_codes": optional(_CODES),
        "reference_text": optional(
            {"type": "string", "maxLength": 5000, "description": "What is said in reference_codes."}
        ),
        "temperature": optional({"type": "number", "minimum": 0, "maximum": 2}),
        "top_p": optional({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
        "top_k": optional({"type": "integer", "minimum": 1, "maximum": 1026}),
        "seed": optional({"type": "integer", "minimum": 0, "maximum": 2**63 - 1}),
        "max_new_tokens": optional({"type": "integer", "minimum": 1, "maximum": 8192}),
        "initial_codec_chunk_frames": optional({"type": "integer", "minimum": 0, "maximum": 8192}),
        "options": optional(
            {
                "type": "object",
                "maxProperties": 64,
                "additionalProperties": {"type": ["boolean", "number", "string", "null"], "maxLength": 4096},
                "description": 'Options of the model by name, such as {"guard": false}; unknown ones are refused.',
            }
        ),
        "tn": {
            "type": ["boolean", "string", "null"],
            "description": "Accepted, with a warning: the model reads numbers and abbreviations in its own way.",
        },
        "tn_language": optional({"type": "string", "maxLength": 35, "description": "The same."}),
        "word_timestamps": {
            "description": "Refused where it asks for anything: no model here gives times of words in speech."
        },
        "extra_body": optional(
            {"type": "object", "description": "More fields of this list; they win over those beside it."}
        ),
    },
}


def _in_form(name: str, schema: Json) -> Json:
    """Allow the empty text too: forms of web pages send it for what is not filled in."""
    if name in _REQUEST["required"]:
        return schema
    told: Json = {key: value for key, value in schema.items() if key in ("description", "default")}
    return {"anyOf": [schema, {"const": ""}], **told}


_FORM: Json = {name: _in_form(name, schema) for name, schema in (_REQUEST["properties"] | _IN_FORMS).items()}
SCHEMAS: Json = {
    "SpeechRequest": _REQUEST,
    "SpeechForm": {**_REQUEST, "properties": _FORM},
}
