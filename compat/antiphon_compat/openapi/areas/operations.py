"""Routes that say whether the process works, and what it offers."""

from antiphon_compat.openapi.parts import Json, answer, curl, errors

_STATUS: Json = {
    "type": "object",
    "required": ["status", "server", "models"],
    "properties": {
        "status": {"enum": ["ok", "unavailable"]},
        "server": {"type": "string", "description": "Status of the speech server as grpc.health.v1 spells it."},
        "models": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}


def _root(summary: str) -> Json:
    schema = {
        "type": "object",
        "required": ["name", "status"],
        "properties": {"name": {"const": "antiphon-compat"}, "status": {"const": "ok"}},
    }
    return {
        "tags": ["operations"],
        "summary": summary,
        "description": "Answers at once and asks nobody; clients call it to open a connection early.",
        "responses": {"200": answer("The process answers.", schema), **errors()},
        "x-codeSamples": curl("curl $BASE/v1/"),
    }


def _probe(summary: str, path: str, description: str) -> Json:
    return {
        "tags": ["operations"],
        "summary": summary,
        "description": description,
        "responses": {
            **errors(),
            "200": answer("Everything asked about works.", _STATUS),
            "503": answer("Something does not work; the body says what.", _STATUS),
        },
        "x-codeSamples": curl(f"curl $BASE{path}"),
    }


PATHS: Json = {
    "/": {"get": _root("Greet")},
    "/v1": {"get": _root("Prewarm a connection")},
    "/v1/": {"get": _root("Prewarm a connection")},
    "/live": {
        "get": {
            "tags": ["operations"],
            "summary": "Is the process alive?",
            "description": "Answers whatever the speech server does. For liveness probes.",
            "responses": {
                "200": answer(
                    "The process runs.",
                    {"type": "object", "required": ["status"], "properties": {"status": {"const": "live"}}},
                ),
                **errors(),
            },
            "x-codeSamples": curl("curl $BASE/live"),
        }
    },
    "/ready": {
        "get": _probe("Does the speech server take calls?", "/ready", "For readiness probes. `models` is empty here.")
    },
    "/health": {
        "get": _probe("How is every loaded model?", "/health", "200 if the server and all of them serve, else 503.")
    },
    "/metrics": {
        "get": {
            "tags": ["operations"],
            "summary": "Metrics for Prometheus",
            "description": (
                "Requests by route, method and status, their length, first bytes of streams, what is in flight. "
                "The speech server has metrics of its own."
            ),
            "responses": {
                "200": answer("The metrics.", {"type": "string"}, media_type="text/plain"),
                **errors(),
            },
            "x-codeSamples": curl("curl $BASE/metrics"),
        }
    },
    "/openapi.json": {
        "get": {
            "tags": ["operations"],
            "summary": "This document",
            "description": "OpenAPI 3.1.",
            "responses": {"200": answer("The document.", {"type": "object", "required": ["openapi"]}), **errors()},
            "x-codeSamples": curl("curl $BASE/openapi.json"),
        }
    },
    "/docs": {
        "get": {
            "tags": ["operations"],
            "summary": "This document as a page",
            "description": "One page without scripts; nothing is loaded from elsewhere.",
            "responses": {"200": answer("The page.", {"type": "string"}, media_type="text/html"), **errors()},
            "x-codeSamples": curl("xdg-open $BASE/docs"),
        }
    },
}
SCHEMAS: Json = {}
