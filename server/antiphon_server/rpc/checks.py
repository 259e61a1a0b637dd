"""Checks of request fields; each failure names the field, the limit and the value seen."""

import math
from collections.abc import Sized

from antiphon_server.errors import InvalidField, TextTooLong
from antiphon_server.session.events import Notice


def in_range(field: str, value: float, low: float, high: float) -> None:
    """Refuse numbers that are not finite or lie outside a closed range.

    Raises:
        InvalidField: If so.
    """
    if not math.isfinite(value) or not low <= value <= high:
        raise InvalidField(f"{field} must be {_exact(low)} to {_exact(high)}, not {_exact(value)}", field=field)


def optional_in_range(message: object, name: str, field: str, low: float, high: float) -> None:
    """Check a field that has presence, if it is there.

    Raises:
        InvalidField: If it lies outside.
    """
    if message.HasField(name):  # type: ignore[attr-defined]
        in_range(field, getattr(message, name), low, high)


def at_most(field: str, value: Sized, limit: int, unit: str) -> None:
    """Refuse what is too long.

    Raises:
        InvalidField: If it is.
    """
    if len(value) > limit:
        raise InvalidField(f"{field} must be at most {limit} {unit}, not {len(value)}", field=field)


def check_text_size(text: str, limit: int, field: str) -> None:
    """Refuse a text of too many UTF-8 bytes.

    Raises:
        TextTooLong: If it is.
    """
    num_bytes = len(text.encode("utf-8", "surrogatepass"))
    if num_bytes > limit:
        raise TextTooLong(f"{field} must be at most {limit} bytes of UTF-8, not {num_bytes}", field=field)


def known_enum(field: str, value: int, enum: object) -> None:
    """Refuse enum numbers the contract does not have.

    Raises:
        InvalidField: If the number is unknown.
    """
    numbers = enum.values()  # type: ignore[attr-defined]
    if value not in numbers:
        names = ", ".join(enum.keys())  # type: ignore[attr-defined]
        raise InvalidField(f"{field} must be one of {names}, not {value}", field=field)


def undecodable(field: str) -> InvalidField:
    """The error for bytes that are no message, in a stream or as the one request of a call."""
    return InvalidField("the message cannot be decoded: it is no message of the contract", field=field)


def without_effect(field: str, why: str) -> Notice:
    """Say that a field has no effect, and why."""
    return Notice("FIELD_IGNORED", field, f"{field} has no effect: {why}")


def ignored(field: str, model: str) -> Notice:
    """Say that a field has no effect."""
    return Notice("FIELD_IGNORED", field, f"{field} has no effect on {model}")


def _exact(number: float) -> str:
    """Whole numbers to their last digit."""
    return str(number) if isinstance(number, int) else f"{number:g}"
