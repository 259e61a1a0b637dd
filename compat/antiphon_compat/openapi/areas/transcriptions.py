"""``POST /v1/audio/transcriptions`` and ``/translations``."""

from antiphon_compat.openapi.parts import BODY, SERVER, Json, curl, errors, event, events, headers, ref

_TIMES: Json = {"type": "number", "minimum": 0, "description": "Seconds from the start of the file."}
_COUNT: Json = {"type": "integer", "minimum": 0, "description": "Only of models that count tokens."}
_TIMINGS = ("queue_ms", "first_output_ms", "engine_ms", "total_ms")
_MAYBE: Json = {"type": ["number", "null"], "description": "Null where the model has no such number."}


def _strings(description: str, num: int) -> Json:
    items = {"type": "string", "maxLength": 128}
    return {
        "type": "array",
        "maxItems": num,
        "items": items,
        "description": f"{description} Also without the brackets.",
    }


_ANSWERS: Json = {
    "application/json": {"schema": {"anyOf": [ref("Transcription"), ref("VerboseTranscription")]}},
    "text/plain": {"schema": {"type": "string"}},
    "text/vtt": {"schema": {"type": "string"}},
}
_DONE = event(
    "transcript.text.done",
    text={"type": "string"},
    usage=ref("Usage"),
    model={"type": "string"},
    warnings={"type": "array", "items": {"type": "object"}},
)
_DONE["properties"]["logprobs"] = {"type": "array", "items": ref("LogProb"), "description": "With `include[]` only."}
_BESIDE: Json = {"usage": ref("Usage"), "timings": ref("Timings"), "report": ref("ListeningReport")}
_DONE["properties"] |= _BESIDE
_EVENTS = events(
    event("transcript.text.delta", delta={"type": "string", "minLength": 1}),
    _DONE,
    event("transcript.text.error", error={"type": "object"}),
    has_end_mark=True,
)

PATHS: Json = {
    "/v1/audio/transcriptions": {
        "post": {
            "tags": ["transcriptions"],
            "summary": "Write down what is said in a file",
            "description": (
                "Whatever container it is; the file is recognised by its content, not by its name. With `stream` come "
                "events: `transcript.text.delta` as text settles, `transcript.text.done` and `[DONE]`."
            ),
            "requestBody": {
                "required": True,
                "content": {"multipart/form-data": {"schema": ref("TranscriptionForm")}},
            },
            "responses": {
                "200": {
                    "description": "The transcript in the format asked for. A failure after the first event is an "
                    "event with `error`, and breaks the connection.",
                    "headers": headers("X-Model", "X-Warnings", "X-Usage", "Server-Timing"),
                    "content": _ANSWERS | _EVENTS,
                },
                **errors(BODY, SERVER),
            },
            "x-codeSamples": curl("curl $BASE/v1/audio/transcriptions -F file=@speech.wav"),
        }
    },
    "/v1/audio/translations": {
        "post": {
            "tags": ["transcriptions"],
            "summary": "Write down in English what is said in a file",
            "description": "Like a transcription, on models that can translate. It cannot be streamed.",
            "requestBody": {
                "required": True,
                "content": {"multipart/form-data": {"schema": ref("TranslationForm")}},
            },
            "responses": {
                "200": {
                    "description": "The translation in the format asked for.",
                    "headers": headers("X-Model", "X-Warnings", "X-Usage", "Server-Timing"),
                    "content": _ANSWERS,
                },
                **errors(BODY, SERVER),
            },
            "x-codeSamples": curl("curl $BASE/v1/audio/translations -F file=@discurso.wav"),
        }
    },
}

_FIELDS: Json = {
    "file": {
        "type": "string",
        "contentMediaType": "application/octet-stream",
        "description": "An audio file, at most 100 MiB unless the server says otherwise.",
    },
    "model": {"type": "string", "maxLength": 256, "description": "Model id or alias."},
    "language": {
        "type": "string",
        "maxLength": 35,
        "description": "What is spoken, ISO 639-1 or its English name; found out if it is absent.",
    },
    "languages[]": _strings("One is the language; more than one has no effect, and a warning says so.", 60),
    "prompt": {"type": "string", "maxLength": 4096, "description": "Text that stood before, to steer the spelling."},
    "keywords[]": _strings("Words to expect.", 256),
    "response_format": {
        "type": "string",
        "enum": ["json", "text", "verbose_json", "srt", "vtt"],
        "default": "json",
        "description": "All but json and text need a model that gives times.",
    },
    "temperature": {"type": "number", "minimum": 0, "maximum": 1, "description": "Sampling."},
    "thinking": {
        "type": "string",
        "enum": ["on", "off", "auto"],
        "default": "auto",
        "description": "Whether the model thinks first.",
    },
    "options": {
        "type": "string",
        "maxLength": 65536,
        "contentMediaType": "application/json",
        "description": "Options of the model: a JSON object of booleans, numbers and strings by name.",
    },
    "report": {
        "type": "string",
        "enum": ["true", "false", "1", "0"],
        "default": "false",
        "description": "Tell in `report` how the audio was cut and which checks fired; needs json or verbose_json.",
    },
}

SCHEMAS: Json = {
    "TranscriptionForm": {
        "type": "object",
        "required": ["file"],
        "properties": {
            **_FIELDS,
            "timestamp_granularities[]": {
                "type": "array",
                "items": {"enum": ["word", "segment"]},
                "description": "What gets times; needs verbose_json. Also without the brackets.",
            },
            "include[]": {
                "type": "array",
                "items": {"enum": ["logprobs"]},
                "description": "Log probabilities of words; needs json. Also without the brackets.",
            },
            "stream": {
                "type": "string",
                "enum": ["true", "false", "1", "0"],
                "default": "false",
                "description": "Events as text settles; needs json or text.",
            },
            "chunking_strategy": {
                "type": "string",
                "maxLength": 4096,
                "default": "auto",
                "description": "`auto`, or `server_vad` with its numbers as a JSON object or one key a field.",
            },
        },
    },
    "TranslationForm": {"type": "object", "required": ["file"], "properties": _FIELDS},
    "Usage": {
        "type": "object",
        "required": ["type", "seconds"],
        "properties": {
            "type": {"const": "duration"},
            "seconds": {"type": "number", "minimum": 0},
            "input_tokens": _COUNT,
            "output_tokens": _COUNT,
            "total_tokens": _COUNT,
        },
    },
    "Timings": {
        "type": "object",
        "description": "Milliseconds in the server; a time that was not measured is not there.",
        "properties": {name: {"type": "number", "minimum": 0} for name in _TIMINGS},
    },
    "ListeningReport": {
        "type": "object",
        "description": "With `report` only: how the words came about.",
        "required": ["pieces"],
        "properties": {"pieces": {"type": "array", "items": ref("ListenedPiece")}},
    },
    "ListenedPiece": {
        "type": "object",
        "description": "A piece of audio that was written down in one go.",
        "required": ["start", "end", "ended_by", "engine_ms", "checks"],
        "properties": {
            "start": _TIMES,
            "end": _TIMES,
            "ended_by": {"enum": ["pause", "length", "audio", "unspecified", "other"]},
            "engine_ms": {"type": "number", "minimum": 0, "description": "0 where a partial was taken for the final."},
            "checks": {"type": "array", "items": ref("FiredCheck")},
        },
    },
    "FiredCheck": {
        "type": "object",
        "description": "A check whose limit was passed.",
        "required": ["name", "value", "limit", "start", "end"],
        "properties": {
            "name": {"type": "string"},
            "value": {"type": "number"},
            "limit": {"type": "number"},
            "start": _TIMES,
            "end": _TIMES,
        },
    },
    "Transcription": {
        "type": "object",
        "required": ["text", "usage"],
        "properties": {
            "text": {"type": "string"},
            "logprobs": {"type": "array", "items": ref("LogProb")},
            **_BESIDE,
        },
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
            **_BESIDE,
        },
    },
    "Segment": {
        "type": "object",
        "required": ["id", "start", "end", "text"],
        "properties": {
            "id": {"type": "integer", "minimum": 0},
            "seek": {"type": "integer"},
            "start": _TIMES,
            "end": _TIMES,
            "text": {"type": "string"},
            "tokens": {"type": "array", "items": {"type": "integer"}},
            "temperature": _MAYBE,
            "avg_logprob": _MAYBE,
            "compression_ratio": _MAYBE,
            "no_speech_prob": _MAYBE,
            "confidence": _MAYBE,
        },
    },
    "Word": {
        "type": "object",
        "required": ["word", "start", "end"],
        "properties": {"word": {"type": "string"}, "start": _TIMES, "end": _TIMES},
    },
    "LogProb": {
        "type": "object",
        "required": ["token", "logprob", "bytes"],
        "properties": {
            "token": {"type": "string", "description": "A word; all of them joined are the text."},
            "logprob": {"type": "number", "maximum": 0, "description": "Of the mean probability of its tokens."},
            "bytes": {"type": "array", "items": {"type": "integer", "minimum": 0, "maximum": 255}},
        },
    },
}
