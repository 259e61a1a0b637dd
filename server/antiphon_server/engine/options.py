"""Options of an engine, as its section of the configuration gives them."""

import difflib
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from antiphon_server.errors import InvalidField

Options = TypeVar("Options")

_WHOLE = re.compile(r"-?[0-9]{1,18}")
_DECIMAL = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,18})?")


def parse_options(options: Mapping[str, object], kind: type[Options]) -> Options:
    """Build the dataclass ``kind`` from ``options``; every field needs a default, whose type is the option's.

    The environment has only texts, so numbers and switches may be written as texts too.

    Raises:
        InvalidField: If an option is unknown, of another type, or a number below its least value (metadata ``least``).
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    values = {}
    for name, given in options.items():
        if name not in known:
            raise InvalidField(f"unknown option {name!r}; {_nearest(name, list(known))}", field=name)
        wanted = type(known[name].default)
        value = _parsed(given, wanted) if isinstance(given, str) else given
        _check(name, value, wanted, known[name].metadata.get("least"))
        values[name] = _converted(value, wanted)
    return kind(**values)


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"


def _parsed(text: str, kind: type) -> object:
    """Read a number or a switch; what is neither stays a text, for ``_check`` to refuse."""
    if kind is bool:
        return {"true": True, "1": True, "false": False, "0": False}.get(text.lower(), text)
    if kind is int and _WHOLE.fullmatch(text):
        return int(text)
    if kind is float and _DECIMAL.fullmatch(text):
        return float(text)
    return text


def _check(name: str, value: object, kind: type, least: object) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = is_number if kind is float else isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits:
        raise InvalidField(f"option {name} must be {kind.__name__}, not {type(value).__name__}", field=name)
    if isinstance(least, (int, float)) and isinstance(value, (int, float)) and value < least:
        raise InvalidField(f"option {name} must be at least {least}, not {value}", field=name)


def _converted(value: object, kind: type) -> object:
    return float(value) if kind is float and isinstance(value, int) else value
