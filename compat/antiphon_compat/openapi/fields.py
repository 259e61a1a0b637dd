"""The fields of a request as flat rows, out of the schemas of an operation."""

import dataclasses
import json
from collections.abc import Iterator

from antiphon_compat.openapi.parts import Json


@dataclasses.dataclass(frozen=True, slots=True)
class Field:
    """One thing that a caller can send, or gets."""

    name: str
    """``input``, ``references[].text`` inside another one, or ``start.history`` in a message of a socket."""
    type: str
    default: str
    """As JSON; ``required`` where there must be a value, empty where leaving it out has no value."""
    description: str


def request_fields(document: Json, operation: Json) -> list[Field]:
    """List every parameter, body field and message field of an operation, each once."""
    found = {field.name: field for field in _all_fields(document, operation)}
    return list(found.values())


def body_fields(document: Json, content: Json) -> list[str]:
    """Name the fields of one kind of body; of several that it can be, all of theirs."""
    schema = _resolved(document, content["schema"])
    options = [_resolved(document, option) for option in schema.get("anyOf", [schema])]
    return [field.name for option in options for field in _properties("", option, document)]


def event_kinds(content: Json) -> list[str]:
    """Name the events of a body that is a stream of them; none for another body."""
    data = content["schema"].get("properties", {}).get("data", {})
    options = data.get("anyOf", [data])
    kinds = [kind for option in options for kind in option.get("contentSchema", {}).get("anyOf", [])]
    marks = [option["const"] for option in options if "const" in option]
    return [*(kind["properties"]["type"]["const"] for kind in kinds), *marks]


def type_name(schema: Json) -> str:
    """Say the type and the range of a value in a few words."""
    if "anyOf" in schema:
        return " or ".join(type_name(option) for option in schema["anyOf"])
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return ", ".join(str(value) for value in schema["enum"] if value is not None)
    kinds = schema.get("type", "any")
    kind = kinds if isinstance(kinds, str) else next(each for each in kinds if each != "null")
    return kind + _range(schema)


def _range(schema: Json) -> str:
    if "maximum" in schema:
        above = "exclusiveMinimum" in schema
        low = schema["exclusiveMinimum"] if above else schema.get("minimum", "")
        return f" {'above ' if above else ''}{low} to {schema['maximum']}"
    if "maxLength" in schema:
        return f" of at most {schema['maxLength']} characters"
    return f" of at most {schema['maxItems']}" if "maxItems" in schema else ""


def _all_fields(document: Json, operation: Json) -> Iterator[Field]:
    for parameter in operation.get("parameters", []):
        yield _field(parameter["name"], parameter["schema"] | parameter, is_required=parameter.get("required", False))
    for content in operation.get("requestBody", {}).get("content", {}).values():
        yield from _properties("", _resolved(document, content["schema"]), document)
    for message in operation.get("x-messages", {}).get("client", []):
        yield from _message_fields(document, message)


def _message_fields(document: Json, message: Json) -> Iterator[Field]:
    kind = message["properties"]["type"]["const"]
    yield _field(kind, message | {"type": "message"}, is_required=False)
    rest = {name: schema for name, schema in message["properties"].items() if name != "type"}
    yield from _properties(f"{kind}.", message | {"properties": rest}, document)


def _properties(prefix: str, schema: Json, document: Json) -> Iterator[Field]:
    for name, given in schema.get("properties", {}).items():
        value = _resolved(document, given)
        yield _field(prefix + name, value, is_required=name in schema.get("required", []))
        items = _resolved(document, value.get("items", {}))
        yield from _properties(f"{prefix}{name}[].", items, document)


def _field(name: str, schema: Json, *, is_required: bool) -> Field:
    default = json.dumps(schema["default"]) if "default" in schema else ""
    return Field(name, type_name(schema), "required" if is_required else default, schema.get("description", ""))


def _resolved(document: Json, schema: Json) -> Json:
    if "$ref" not in schema:
        return schema
    found: Json = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[1]]
    return found
