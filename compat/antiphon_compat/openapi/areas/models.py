"""Routes about models."""

from antiphon_compat.openapi.parts import SERVER, Json, answer, curl, errors, ref

PATHS: Json = {
    "/v1/models": {
        "get": {
            "tags": ["models"],
            "summary": "List the installed models",
            "description": "In OpenAI's shape. Aliases such as `tts-1` are not listed; they are resolved.",
            "responses": {
                "200": answer("The models.", ref("ModelList")),
                **errors(SERVER),
            },
            "x-codeSamples": curl("curl $BASE/v1/models"),
        }
    },
    "/v1/models/{model}": {
        "get": {
            "tags": ["models"],
            "summary": "Show one model",
            "description": "By id or alias. The answer holds the id of the model that stands behind the alias.",
            "parameters": [
                {
                    "name": "model",
                    "in": "path",
                    "required": True,
                    "description": "Id or alias, at most 256 characters; percent-encode what a path cannot hold.",
                    "schema": {"type": "string", "minLength": 1, "maxLength": 256},
                }
            ],
            "responses": {"200": answer("The model.", ref("Model")), **errors(SERVER)},
            "x-codeSamples": curl("curl $BASE/v1/models/tts-1"),
        }
    },
}
SCHEMAS: Json = {
    "Model": {
        "type": "object",
        "required": ["id", "object", "created", "owned_by"],
        "properties": {
            "id": {"type": "string"},
            "object": {"const": "model"},
            "created": {"type": "integer", "minimum": 0, "description": "When it was loaded, in Unix seconds."},
            "owned_by": {"type": "string"},
        },
    },
    "ModelList": {
        "type": "object",
        "required": ["object", "data"],
        "properties": {"object": {"const": "list"}, "data": {"type": "array", "items": ref("Model")}},
    },
}
