"""``options`` of a request: what one model has beside the fields that all have."""

from antiphon.speech.v1 import report_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, checked_text, kind_of, shown

_MAX_OPTIONS = 64
_MAX_NAME_CHARS = 64
_MAX_TEXT_CHARS = 4096
_INT64 = range(-(2**63), 2**63)


def read_options(fields: Fields) -> dict[str, report_pb2.OptionValue]:
    """Read an object of booleans, numbers and strings by name; the server knows which names there are.

    Raises:
        ApiError: It is something else, or a value is of another kind or out of range.
    """
    given = fields.raw("options")
    if given is None:
        return {}
    if not isinstance(given, dict):
        raise ApiError.invalid("options", f"options must be an object of names and values, not {kind_of(given)}.")
    if len(given) > _MAX_OPTIONS:
        raise ApiError.invalid("options", f"options must have at most {_MAX_OPTIONS} names, not {len(given)}.")
    for name in given:
        checked_text("options", name, max_chars=_MAX_NAME_CHARS)
    return {name: _value(f"options.{name}", value) for name, value in given.items() if value is not None}


def _value(name: str, value: object) -> report_pb2.OptionValue:
    if isinstance(value, bool):
        return report_pb2.OptionValue(bool_value=value)
    if isinstance(value, int):
        if value not in _INT64:
            raise ApiError.invalid(name, f"{name} must fit 64 bits, not {shown(value)}.")
        return report_pb2.OptionValue(int_value=value)
    if isinstance(value, float):
        return report_pb2.OptionValue(double_value=value)
    if isinstance(value, str):
        return report_pb2.OptionValue(string_value=checked_text(name, value, max_chars=_MAX_TEXT_CHARS))
    raise ApiError.invalid(name, f"{name} must be a boolean, a number or a string, not {kind_of(value)}.")
