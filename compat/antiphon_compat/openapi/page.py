"""The OpenAPI document as one HTML page: no scripts, nothing loaded from elsewhere."""

import base64
import hashlib
from collections.abc import Iterator
from html import escape

from antiphon_compat.openapi.fields import body_fields, event_kinds, request_fields, type_name
from antiphon_compat.openapi.parts import Json

_STYLE = """
:root { color-scheme: light dark; --line: #8884; --soft: #8881; --accent: #3b6fd4; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 0 auto; padding: 1rem 1.25rem 4rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 3rem; border-bottom: 1px solid var(--line); }
h3 { margin: 2rem 0 .25rem; } code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
pre { background: var(--soft); border-radius: 6px; padding: .75rem; overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin: .5rem 0; }
th, td { border-bottom: 1px solid var(--line); padding: .3rem .6rem .3rem 0; text-align: left; vertical-align: top; }
.verb { background: var(--accent); color: #fff; border-radius: 4px; padding: 0 .4rem; font-size: .75em; }
nav ul { columns: 2; padding-left: 1.2rem; } a { color: var(--accent); } .scroll { overflow-x: auto; }
"""
_BASE = "In the examples `$BASE` is the address of this server, such as `http://127.0.0.1:8000`."
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""Content-Security-Policy of the page."""


def render(document: Json) -> str:
    """Write the page of a document."""
    info = document["info"]
    body = "\n".join(
        [
            f"<h1>{escape(info['title'])}</h1>",
            f"<p>Version {escape(info['version'])} · <a href='openapi.json'>openapi.json</a></p>",
            f"<p>{_prose(info['description'])}</p>",
            f"<p>{_prose(_BASE)}</p>",
            _contents(document),
            *_groups(document),
            _errors(document),
        ]
    )
    return (
        "<!doctype html>\n<html lang='en'><head><meta charset='utf-8'>"
        "<meta name='viewport' content='width=device-width, initial-scale=1'>"
        f"<title>{escape(info['title'])} HTTP API</title><style>{_STYLE}</style></head>\n"
        f"<body>\n{body}\n</body></html>\n"
    )


def _operations(document: Json) -> Iterator[tuple[str, str, Json]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method.upper(), path, operation


def _anchor(method: str, path: str) -> str:
    return escape(f"{method}-{path}".replace("{", "").replace("}", ""))


def _contents(document: Json) -> str:
    links = "".join(
        f"<li><a href='#{_anchor(method, path)}'>{method} {escape(path)}</a></li>"
        for method, path, _ in _operations(document)
    )
    return f"<nav><ul>{links}</ul></nav>"


def _groups(document: Json) -> Iterator[str]:
    for tag in document["tags"]:
        found = [each for each in _operations(document) if tag["name"] in each[2]["tags"]]
        if found:
            yield f"<h2>{escape(tag['name'].capitalize())}</h2><p>{_prose(tag['description'])}</p>"
        for method, path, operation in found:
            yield _operation(document, method, path, operation)


def _operation(document: Json, method: str, path: str, operation: Json) -> str:
    samples = "".join(f"<pre>{escape(sample['source'])}</pre>" for sample in operation["x-codeSamples"])
    return "\n".join(
        [
            f"<h3 id='{_anchor(method, path)}'><span class='verb'>{method}</span> <code>{escape(path)}</code></h3>",
            f"<p><strong>{escape(operation['summary'])}</strong><br> {_prose(operation['description'])}</p>",
            samples,
            _fields(document, operation),
            _messages(operation),
            _responses(document, operation),
        ]
    )


def _fields(document: Json, operation: Json) -> str:
    rows = [
        [f"<code>{escape(field.name)}</code>", escape(field.type), field.default, _prose(field.description)]
        for field in request_fields(document, operation)
    ]
    return _table(["field", "type", "default", "meaning"], rows)


def _messages(operation: Json) -> str:
    rows = [
        [f"<code>{escape(message['properties']['type']['const'])}</code>", *_message_cells(message)]
        for message in operation.get("x-messages", {}).get("server", [])
    ]
    return _table(["from the server", "fields", "meaning"], rows)


def _message_cells(message: Json) -> list[str]:
    properties = {name: schema for name, schema in message["properties"].items() if name != "type"}
    shown = ", ".join(f"{name}: {type_name(schema)}" for name, schema in properties.items())
    return [f"<code>{escape(shown)}</code>" if shown else "", _prose(message["description"])]


def _responses(document: Json, operation: Json) -> str:
    own = {status: said for status, said in operation["responses"].items() if "$ref" not in said}
    rows = [
        [status, escape(", ".join(said.get("content", {}))), _names(document, said), _prose(said["description"])]
        for status, said in sorted(own.items())
    ]
    shared = ", ".join(sorted(set(operation["responses"]) - set(own)))
    table = _table(["status", "body", "fields, events, headers", "meaning"], rows)
    return f"{table}<p>Errors: <a href='#errors'>{shared}</a>.</p>"


def _names(document: Json, response: Json) -> str:
    contents = response.get("content", {}).values()
    fields = [name for content in contents for name in event_kinds(content) or body_fields(document, content)]
    names = [*dict.fromkeys(fields), *response.get("headers", {})]
    return ", ".join(f"<code>{escape(name)}</code>" for name in names)


def _errors(document: Json) -> str:
    responses = document["components"]["responses"]
    rows = [[name.removeprefix("Error"), _codes(said), _prose(said["description"])] for name, said in responses.items()]
    return f"<h2 id='errors'>Errors</h2>{_table(['status', 'codes', 'meaning'], rows)}"


def _codes(response: Json) -> str:
    error = response["content"]["application/json"]["schema"]["properties"]["error"]["properties"]
    return ", ".join(f"<code>{escape(code)}</code>" for code in error["code"]["enum"])


def _table(head: list[str], rows: list[list[str]]) -> str:
    if not rows:
        return ""
    top = "".join(f"<th>{cell}</th>" for cell in head)
    lines = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<div class='scroll'><table><thead><tr>{top}</tr></thead><tbody>{lines}</tbody></table></div>"


def _prose(text: str) -> str:
    """Escape a sentence and set what stands between backticks as code."""
    pieces = escape(text).split("`")
    return "".join(f"<code>{piece}</code>" if index % 2 else piece for index, piece in enumerate(pieces))
