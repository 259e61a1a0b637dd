"""Typed reading of a form's fields. A field that is absent or empty is not given; unknown ones are never looked at."""

import math
import re
from collections.abc import Collection, Mapping, Sequence

from antiphon_compat.errors import ApiError

_TRUE, _FALSE = ("true", "1"), ("false", "0")
_NUMBER = re.compile(r"[+-]?(\d{1,10}(\.\d{0,20})?|\.\d{1,20})([eE][+-]?\d{1,3})?", re.ASCII)


class FormFields:
    """The fields of one form. Forms can hold a name several times; only lists may."""

    def __init__(self, values: Mapping[str, Sequence[str]]) -> None:
        """Keep the values by name, in the order they came."""
        self._values = values

    @property
    def names(self) -> list[str]:
        """Names of the fields that are given, in the order they came."""
        return [name for name, values in self._values.items() if any(values)]

    def text(self, name: str, *, max_chars: int) -> str:
        """Read a string of at most ``max_chars`` characters; empty if it is not given.

        Raises:
            ApiError: It is too long or given twice.
        """
        value = self._single(name)
        if len(value) > max_chars:
            raise ApiError.invalid(name, f"{name} must have at most {max_chars} characters, not {len(value)}.")
        return value

    def choice(self, name: str, allowed: Collection[str]) -> str:
        """Read one of a few strings; empty if it is not given.

        Raises:
            ApiError: It is something else or given twice.
        """
        value = self._single(name)
        if value and value not in allowed:
            raise ApiError.invalid(name, f"{name} must be one of {', '.join(allowed)}.")
        return value

    def flag(self, name: str) -> bool:
        """Read a boolean, as the languages of callers spell it; false if it is not given.

        Raises:
            ApiError: It is something else or given twice.
        """
        value = self._single(name).lower()
        if value and value not in _TRUE + _FALSE:
            raise ApiError.invalid(name, f"{name} must be true or false.")
        return value in _TRUE

    def number(self, name: str, low: float, high: float) -> float | None:
        """Read a number from ``low`` to ``high``; None if it is not given.

        Raises:
            ApiError: It is not a number, outside, or given twice.
        """
        value = self._single(name).strip()
        return parsed_number(name, value, low, high) if value else None

    def several(self, name: str) -> list[str]:
        """Read a list, written with brackets or without: ``name[]=a&name[]=b``, ``name[0]=a&name[1]=b``, ``name=a``."""
        spelled = re.compile(rf"{re.escape(name)}(\[\d*\])?", re.ASCII)
        found = [value for field, values in self._values.items() if spelled.fullmatch(field) for value in values]
        return [value for value in found if value.strip()]

    def keyed(self, name: str) -> dict[str, str]:
        """Read an object that is written one key a field: ``name[key]=value``.

        Raises:
            ApiError: A key is given twice.
        """
        prefix = f"{name}["
        whole = [field for field in self._values if field.startswith(prefix) and field.endswith("]")]
        return {field[len(prefix) : -1]: self._single(field) for field in whole}

    def _single(self, name: str) -> str:
        values = self._values.get(name, ())
        if len(values) > 1:
            raise ApiError.invalid(name, f"{name} must be given once, not {len(values)} times.")
        return values[0] if values else ""


def parsed_number(name: str, text: str, low: float, high: float) -> float:
    """Take a text for a number from ``low`` to ``high``.

    Raises:
        ApiError: It is not one, or outside.
    """
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not low <= value <= high:
        raise ApiError.invalid(name, f"{name} must be a number from {low:g} to {high:g}.")
    return value
