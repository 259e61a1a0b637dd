"""How long pieces of sound and their answers may be, in positions of a prompt. No torch here: settings ask, too."""

MAX_IDS = 1024
"""Of an answer, as published."""
_IDS_PER_S = 25  # the densest scripts need half of it
_IDS_AT_LEAST = 64
_ROWS_PER_S = 12.5
_SIGN_POSITIONS = 26  # of the published instruction, and what stands around the sound


def ids_of(seconds: float) -> int:
    """Cap the ids of an answer, without thoughts, by the length of its sound."""
    return min(MAX_IDS, _IDS_AT_LEAST + int(seconds * _IDS_PER_S))


def positions_of(seconds: float) -> int:
    """Count the positions of a piece: instruction, sound, and the longest answer without thoughts."""
    return round(seconds * _ROWS_PER_S) + ids_of(seconds) + _SIGN_POSITIONS


def seconds_in(num_positions: int) -> int:
    """Say how long a piece may be that has so many positions, in whole seconds."""
    num_free = num_positions - _SIGN_POSITIONS
    return max(int((num_free - _IDS_AT_LEAST) / (_ROWS_PER_S + _IDS_PER_S)), int((num_free - MAX_IDS) / _ROWS_PER_S))
