"""Typed reading of a JSON object's fields. A field that is absent or null is not given."""

from collections.abc import Collection

from antiphon_compat import strict_json
from antiphon_compat.errors import ApiError
from antiphon_compat.strict_json import is_encodable

_WHOLE_BELOW = 10**20  # all that misses 64 bits by little is told from the limit by its last digits
_SHOWN_BELOW = 1e300  # a longer integer does not fit a double and would not fit the message either
_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "an array", dict: "an object"}


def kind_of(value: object) -> str:
    """Name the JSON kind of a value, with its article."""
    return _KINDS.get(type(value), "null")


class Fields:
    """The fields of one JSON object. Unknown fields are never looked at."""

    def __init__(self, values: dict[str, object]) -> None:
        """Keep the parsed object."""
        self._values = values

    @classmethod
    def parse(cls, raw: str | bytes, *, whole: str) -> "Fields":
        """Parse a JSON object.

        Args:
            raw: The document.
            whole: What it is called in messages, e.g. "body".

        Raises:
            ApiError: It is no JSON, or no object.
        """
        try:
            parsed = strict_json.loads(raw)
        except ValueError as error:
            raise ApiError.invalid(None, f"The {whole} is not valid JSON: {error}.") from error
        if not isinstance(parsed, dict):
            raise ApiError.invalid(None, f"The {whole} must be a JSON object, not {kind_of(parsed)}.")
        return cls(parsed)

    @property
    def names(self) -> list[str]:
        """Names of the fields that are given, in the order they came."""
        return [name for name, value in self._values.items() if value is not None]

    def values(self) -> dict[str, object]:
        """Copy all fields as parsed."""
        return dict(self._values)

    def merged(self, values: dict[str, object]) -> "Fields":
        """Lay other values over these; null takes nothing away."""
        return Fields(self._values | {name: value for name, value in values.items() if value is not None})

    def without(self, name: str) -> "Fields":
        """Leave one field out."""
        return Fields({key: value for key, value in self._values.items() if key != name})

    def raw(self, name: str) -> object:
        """Give a value as parsed; ``None`` if it is not given."""
        return self._values.get(name)

    def text(self, name: str, *, max_chars: int) -> str | None:
        """Read a string of at most ``max_chars`` characters.

        Raises:
            ApiError: It is something else, too long, or not valid Unicode.
        """
        value = self._values.get(name)
        if value is None:
            return None
        return checked_text(name, value, max_chars=max_chars)

    def number(self, name: str, low: float, high: float, *, is_low_open: bool = False) -> float | None:
        """Read a number from ``low`` to ``high``; the low end is left out if ``is_low_open``.

        Raises:
            ApiError: It is not a number or outside.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ApiError.invalid(name, f"{name} must be a number, not {kind_of(value)}.")
        if not low <= value <= high or (is_low_open and value == low):
            span = f"above {low:g} and at most {high:g}" if is_low_open else f"from {low:g} to {high:g}"
            raise ApiError.invalid(name, f"{name} must be {span}, not {shown(value)}.")
        return float(value)

    def whole(self, name: str, low: int, high: int) -> int | None:
        """Read a whole number from ``low`` to ``high``; 50.0 is taken for 50.

        Raises:
            ApiError: It is not a whole number or outside.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ApiError.invalid(name, f"{name} must be a whole number, not {kind_of(value)}.")
        if value != int(value) or not low <= value <= high:
            raise ApiError.invalid(name, f"{name} must be a whole number from {low} to {high}, not {shown(value)}.")
        return int(value)

    def flag(self, name: str) -> bool:
        """Read a boolean; false if it is not given.

        Raises:
            ApiError: It is something else.
        """
        value = self._values.get(name)
        if value is not None and not isinstance(value, bool):
            raise ApiError.invalid(name, f"{name} must be true or false, not {kind_of(value)}.")
        return bool(value)

    def choice(self, name: str, allowed: Collection[str], *, reason: str = "INVALID_FIELD") -> str | None:
        """Read one of a few strings.

        Raises:
            ApiError: It is something else; with ``reason``.
        """
        value = self._values.get(name)
        if value is None:
            return None
        if not isinstance(value, str):
            raise ApiError.invalid(name, f"{name} must be a string, not {kind_of(value)}.")
        if value not in allowed:
            raise ApiError(reason, f"{name} must be one of {', '.join(allowed)}.", param=name)
        return value


def checked_text(name: str, value: object, *, max_chars: int, reason: str = "INVALID_FIELD") -> str:
    """Take a value for a string of at most ``max_chars`` characters.

    Raises:
        ApiError: It is something else, not valid Unicode, with a NUL in it, or too long; the last with ``reason``.
    """
    if not isinstance(value, str):
        raise ApiError.invalid(name, f"{name} must be a string, not {kind_of(value)}.")
    if len(value) > max_chars:
        raise ApiError(reason, f"{name} must have at most {max_chars} characters, not {len(value)}.", param=name)
    if not is_encodable(value):
        raise ApiError.invalid(name, f"{name} holds half of a surrogate pair, which is not a character.")
    refuse_nul(name, value)
    return value


def refuse_nul(name: str | None, text: str) -> None:
    """Refuse U+0000, at which libraries written in C would end the text without a word.

    Raises:
        ApiError: The text holds one.
    """
    if "\0" in text:
        raise ApiError.invalid(name, f"{name} holds the character NUL.")


def shown(value: float) -> str:
    """Write a number shortly, for a message; whole ones to the last digit if there are at most 20."""
    if isinstance(value, int) and abs(value) < _WHOLE_BELOW:
        return str(value)
    return f"{value:.6g}" if abs(value) < _SHOWN_BELOW else "a number that large"
