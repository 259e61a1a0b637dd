"""Options of an engine, as its section of the configuration gives them."""

import difflib
from collections.abc import Mapping
from dataclasses import fields
from typing import TypeVar

from antiphon_server.errors import InvalidField

Options = TypeVar("Options")


def parse_options(options: Mapping[str, object], kind: type[Options]) -> Options:
    """Build the dataclass ``kind`` from ``options``; every field needs a default, whose type is the option's.

    Raises:
        InvalidField: If an option is unknown, of another type, or a number below its least value (metadata ``least``).
    """
    known = {field.name: field for field in fields(kind)}  # type: ignore[arg-type]
    for name, value in options.items():
        if name not in known:
            raise InvalidField(f"unknown option {name!r}; {_nearest(name, list(known))}", field=name)
        _check(name, value, type(known[name].default), known[name].metadata.get("least"))
    return kind(**{name: _converted(value, type(known[name].default)) for name, value in options.items()})


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=3)
    return f"did you mean {', '.join(near)}?" if near else f"known: {', '.join(sorted(known))}"


def _check(name: str, value: object, kind: type, least: object) -> None:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = is_number if kind is float else isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits:
        raise InvalidField(f"option {name} must be {kind.__name__}, not {type(value).__name__}", field=name)
    if isinstance(least, (int, float)) and isinstance(value, (int, float)) and value < least:
        raise InvalidField(f"option {name} must be at least {least}, not {value}", field=name)


def _converted(value: object, kind: type) -> object:
    return float(value) if kind is float and isinstance(value, int) else value
