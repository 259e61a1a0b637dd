"""JSON as its standard has it: no NaN, no infinities, no overflowing numbers, no name twice, no nesting without end."""

import json
import math
from typing import NoReturn

_MAX_DIGITS = 4300  # more take Python longer than linear time, and it refuses them in words of its own


def loads(raw: str | bytes) -> object:
    """Parse a document.

    Raises:
        ValueError: It is not JSON, not UTF-8, holds a number outside a double's range, a name twice in one object or
            half a pair of surrogates in a name, or is nested too deep. The message says which and where, and quotes
            nothing.
    """
    try:
        text = raw.decode("utf-8-sig") if isinstance(raw, bytes) else raw
        parsed: object = json.loads(
            text,
            parse_constant=_refuse_constant,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_distinct,
        )
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not UTF-8 at byte {error.start}") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at line {error.lineno} column {error.colno}") from None
    except RecursionError:
        raise ValueError("it is nested too deep") from None
    return parsed


def is_encodable(text: str) -> bool:
    """Whether the text is real Unicode: an escaped lone surrogate is not."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _distinct(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # Which of two values counts differs between parsers, so that what one of them checked is not what another one uses.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("an object has a name twice")
    if not all(map(is_encodable, found)):
        raise ValueError("a name holds half of a surrogate pair")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


def _whole(digits: str) -> int:
    if len(digits) > _MAX_DIGITS:
        raise ValueError(f"a number has more than {_MAX_DIGITS} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError("a number is outside the range of a double")
    return value
