"""Routes about voices."""

from antiphon_compat.openapi.parts import SERVER, Json, answer, curl, errors, ref

_NAME: Json = {
    "name": "voice",
    "in": "path",
    "required": True,
    "description": "Id or alias, at most 256 characters; percent-encode what a path cannot hold.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 256},
}


def _query(name: str, description: str) -> Json:
    schema = {"type": "string", "maxLength": 256}
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


PATHS: Json = {
    "/v1/audio/voices": {
        "get": {
            "tags": ["voices"],
            "summary": "List the voices",
            "description": "Those that ship with the installed models; aliases such as `alloy` stand with their voice.",
            "parameters": [
                _query("model", "Only voices of this model, by id or alias."),
                _query("language", "Only voices that speak this BCP 47 tag."),
            ],
            "responses": {"200": answer("The voices.", ref("VoiceList")), **errors(SERVER)},
            "x-codeSamples": curl("curl $BASE/v1/audio/voices"),
        },
        "post": {
            "tags": ["voices"],
            "summary": "Store a voice",
            "description": "Not built yet: always 501. Send the clip with each request, as `ref_audio`.",
            "responses": {"200": answer("Never in this build.", ref("Voice")), **errors(SERVER, (413,))},
            "x-codeSamples": curl("curl $BASE/v1/audio/voices -F name=me -F audio_sample=@me.wav"),
        },
    },
    "/v1/audio/voices/{voice}": {
        "get": {
            "tags": ["voices"],
            "summary": "Show one voice",
            "description": "By id or alias.",
            "parameters": [_NAME],
            "responses": {"200": answer("The voice.", ref("Voice")), **errors(SERVER)},
            "x-codeSamples": curl("curl $BASE/v1/audio/voices/alloy"),
        },
        "delete": {
            "tags": ["voices"],
            "summary": "Delete a stored voice",
            "description": "Not built yet: 501, since no voices are stored.",
            "parameters": [_NAME],
            "responses": {"200": answer("The receipt.", ref("VoiceDeleted")), **errors(SERVER)},
            "x-codeSamples": curl("curl -X DELETE $BASE/v1/audio/voices/me"),
        },
    },
}
SCHEMAS: Json = {
    "Voice": {
        "type": "object",
        "required": ["id", "object", "name", "type", "created_at", "description", "model", "languages", "aliases"],
        "properties": {
            "id": {"type": "string", "description": "What to put into `voice`."},
            "object": {"const": "audio.voice"},
            "name": {"type": "string"},
            "type": {
                "enum": ["natural", "variant", "audio_sample", "other"],
                "description": "As its maker made it, a labelled change of such a voice, or made from a clip.",
            },
            "created_at": {"type": "integer", "minimum": 0, "description": "0 for voices that ship with a model."},
            "description": {"type": "string"},
            "model": {"type": "string", "description": "The model that speaks it."},
            "languages": {"type": "array", "items": {"type": "string"}},
            "aliases": {"type": "array", "items": {"type": "string"}},
        },
    },
    "VoiceList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": ref("Voice")}},
    },
    "VoiceDeleted": {
        "type": "object",
        "required": ["id", "object", "deleted"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "audio.voice.deleted"},
            "deleted": {"const": True},
        },
    },
}
