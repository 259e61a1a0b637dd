"""``POST /v1/audio/transcriptions``."""

from antiphon_compat.openapi.parts import BODY, SERVER, Json, curl, errors, headers, ref

_TIMES: Json = {"type": "number", "minimum": 0, "description": "Seconds from the start of the file."}
_MAYBE: Json = {"type": ["number", "null"], "description": "Null where the model has no such number."}

PATHS: Json = {
    "/v1/audio/transcriptions": {
        "post": {
            "tags": ["transcriptions"],
            "summary": "Write down what is said in a file",
            "description": "Whatever container it is; the file is recognised by its content, not by its name.",
            "requestBody": {
                "required": True,
                "content": {"multipart/form-data": {"schema": ref("TranscriptionForm")}},
            },
            "responses": {
                "200": {
                    "description": "The transcript in the format asked for.",
                    "headers": headers("X-Model", "X-Warnings"),
                    "content": {
                        "application/json": {"schema": {"anyOf": [ref("Transcription"), ref("VerboseTranscription")]}},
                        "text/plain": {"schema": {"type": "string"}},
                        "text/vtt": {"schema": {"type": "string"}},
                    },
                },
                **errors(BODY, SERVER),
            },
            "x-codeSamples": curl("curl $BASE/v1/audio/transcriptions -F file=@speech.wav"),
        }
    },
}
SCHEMAS: Json = {
    "TranscriptionForm": {
        "type": "object",
        "required": ["file"],
        "properties": {
            "file": {
                "type": "string",
                "contentMediaType": "application/octet-stream",
                "description": "An audio file, at most 100 MiB unless the server says otherwise.",
            },
            "model": {"type": "string", "maxLength": 256, "description": "Model id or alias."},
            "language": {"type": "string", "maxLength": 256, "description": "ISO 639-1; found out if it is absent."},
            "prompt": {"type": "string", "maxLength": 4096, "description": "Words that are likely."},
            "response_format": {
                "type": "string",
                "enum": ["json", "text", "verbose_json", "srt", "vtt"],
                "default": "json",
            },
            "temperature": {"type": "number", "minimum": 0, "maximum": 1},
            "timestamp_granularities[]": {
                "type": "array",
                "items": {"enum": ["word", "segment"]},
                "description": "Needs verbose_json. Also without the brackets.",
            },
            "keywords[]": {
                "type": "array",
                "maxItems": 256,
                "items": {"type": "string"},
                "description": "Also without the brackets.",
            },
            "thinking": {"type": "string", "enum": ["on", "off", "auto"], "default": "auto"},
            "stream": {"type": "string", "enum": ["true", "false", "1", "0"], "default": "false"},
        },
    },
    "Usage": {
        "type": "object",
        "required": ["type", "seconds"],
        "properties": {"type": {"const": "duration"}, "seconds": {"type": "number", "minimum": 0}},
    },
    "Transcription": {
        "type": "object",
        "required": ["text", "usage"],
        "properties": {"text": {"type": "string"}, "usage": ref("Usage")},
    },
    "VerboseTranscription": {
        "type": "object",
        "required": ["task", "language", "duration", "text", "segments", "usage"],
        "properties": {
            "task": {"enum": ["transcribe", "translate"]},
            "language": {"type": "string"},
            "duration": {"type": "number", "minimum": 0},
            "text": {"type": "string"},
            "segments": {"type": "array", "items": ref("Segment")},
            "words": {"type": "array", "items": ref("Word")},
            "usage": ref("Usage"),
        },
    },
    "Segment": {
        "type": "object",
        "required": ["id", "start", "end", "text"],
        "properties": {
            "id": {"type": "integer", "minimum": 0},
            "seek": {"type": ["integer", "null"]},
            "start": _TIMES,
            "end": _TIMES,
            "text": {"type": "string"},
            "tokens": {"type": "array", "items": {"type": "integer"}},
            "temperature": _MAYBE,
            "avg_logprob": _MAYBE,
            "compression_ratio": _MAYBE,
            "no_speech_prob": _MAYBE,
        },
    },
    "Word": {
        "type": "object",
        "required": ["word", "start", "end"],
        "properties": {"word": {"type": "string"}, "start": _TIMES, "end": _TIMES},
    },
}
