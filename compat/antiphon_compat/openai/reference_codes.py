"""Codec codes of a reference as a request writes them: a row of eight codes for every frame of 40 ms."""

from antiphon.speech.v1 import voice_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import kind_of, shown

MAX_ROWS = 2500
"""Most frames of one reference: 100 s."""
NUM_CODEBOOKS = 8
MAX_CODE = 1023

_SHAPE = f"[T, {NUM_CODEBOOKS}]"


def read_codes(name: str, rows: object) -> voice_pb2.ReferenceCodes:
    """Check codes and lay them out frame after frame.

    Args:
        name: The field, for messages.
        rows: As parsed; ``[T, 8]`` undelayed codes of 0 to 1023, at most 2500 rows.

    Raises:
        ApiError: They are of another shape, too many or out of range; the message says where and what was seen.
    """
    if not isinstance(rows, list):
        raise ApiError.invalid(name, f"{name} must be {_SHAPE}, an array of rows, not {kind_of(rows)}.")
    _refuse_transposed(name, rows)
    if not 1 <= len(rows) <= MAX_ROWS:
        raise ApiError.invalid(name, f"{name} must have 1 to {MAX_ROWS} rows of 40 ms, not {len(rows)}.")
    flat: list[int] = []
    for index, row in enumerate(rows):
        flat += _row(name, index, row)
    return voice_pb2.ReferenceCodes(codes=flat, num_codebooks=NUM_CODEBOOKS)


def _refuse_transposed(name: str, rows: list[object]) -> None:
    lengths = {len(row) if isinstance(row, list) else -1 for row in rows}
    if len(rows) != NUM_CODEBOOKS or len(lengths) != 1 or lengths & {-1, NUM_CODEBOOKS}:
        return
    seen = f"[{NUM_CODEBOOKS}, {lengths.pop()}]"
    message = f"{name} must be {_SHAPE}, a row of {NUM_CODEBOOKS} codes for each frame; this is {seen}: transpose it."
    raise ApiError.invalid(name, message)


def _row(name: str, index: int, row: object) -> list[int]:
    if not isinstance(row, list):
        message = (
            f"{name}[{index}] must be an array of {NUM_CODEBOOKS} codes, not {kind_of(row)}; the shape is {_SHAPE}."
        )
        raise ApiError.invalid(name, message)
    if len(row) != NUM_CODEBOOKS:
        message = f"{name}[{index}] must have {NUM_CODEBOOKS} codes, not {len(row)}; the shape is {_SHAPE}."
        raise ApiError.invalid(name, message)
    return [_code(f"{name}[{index}][{codebook}]", name, code) for codebook, code in enumerate(row)]


def _code(place: str, name: str, code: object) -> int:
    if isinstance(code, bool) or not isinstance(code, int | float):
        raise ApiError.invalid(name, f"{place} must be a whole number from 0 to {MAX_CODE}, not {kind_of(code)}.")
    if not 0 <= code <= MAX_CODE or code != int(code):
        hint = ": 1024 and 1025 belong to the delayed layout; send undelayed codes" if code in (1024, 1025) else ""
        raise ApiError.invalid(name, f"{place} must be a whole number from 0 to {MAX_CODE}, not {shown(code)}{hint}.")
    return int(code)
