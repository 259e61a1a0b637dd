"""Options of one model, by name."""

import difflib
import math
from collections.abc import Mapping

from antiphon.speech.v1 import report_pb2 as pb
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.errors import InvalidField
from antiphon_server.rpc.checks import at_most

_KINDS: dict[type, str] = {bool: "bool_value", int: "int_value", float: "double_value", str: "string_value"}
_SAID = {
    "bool_value": "a boolean",
    "int_value": "a whole number",
    "double_value": "a number",
    "string_value": "a text",
    None: "empty",
}


def read_options(given: Mapping[str, pb.OptionValue], info: EngineInfo, path: str) -> dict[str, object]:
    """Read the options of a call; those not given are the model's.

    Raises:
        InvalidField: If the model has none of a name, or a value is of another kind.
    """
    options = dict(info.call_options)
    for name in sorted(given):
        if name not in options:
            raise InvalidField(f"{path}: {info.model} has no option {name[:64]!r}; {_offered(name, info)}", field=path)
        options[name] = _value(given[name], options[name], f"{path}.{name}")
    return options


def option_message(value: object) -> pb.OptionValue:
    """Write the value of an option."""
    return pb.OptionValue(**{_KINDS[type(value)]: value})  # type: ignore[arg-type]


def _offered(name: str, info: EngineInfo) -> str:
    if not info.call_options:
        return "it has none"
    return f"there is {', '.join(difflib.get_close_matches(name, info.call_options, n=3) or sorted(info.call_options))}"


def _value(message: pb.OptionValue, default: object, field: str) -> object:
    kind, expected = message.WhichOneof("kind"), _KINDS[type(default)]
    if kind == "int_value" and expected == "double_value":
        return float(message.int_value)
    if kind != expected:
        raise InvalidField(f"{field} must be {_SAID[expected]}, not {_SAID[kind]}", field=field)
    value: object = getattr(message, expected)
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidField(f"{field} must be finite, not {value:g}", field=field)
    if isinstance(value, str):
        at_most(field, value, 4096, "characters")
    return value
