"""How each kernel is cut up and launched: one table, chosen on paper for an H100 or H200, never searched at run time.

A search at start would give different bits on different days. None of these figures changes a result except
``SPLIT_POSITIONS``, the block sizes of sums over a row, and the warps that share such a sum; none depends on the batch.
"""

from dataclasses import dataclass

SPLIT_POSITIONS = 256
"""Positions that one attention program sums up; results of the pieces are added in order."""
_WIDE_SPLIT_POSITIONS, _SPLIT_BYTES = 64, 256
"""The same where one position of one key head takes more bytes: fp32 heads of 128 would not fit the shared memory."""


@dataclass(frozen=True, slots=True)
class Launch:
    """What Triton is told about one kernel."""

    num_warps: int
    block: int = 1
    """Elements along the axis that a program works on; a power of two."""


EMBED_ROWS = Launch(num_warps=4, block=512)
ROTATE_AND_STORE = Launch(num_warps=1)
ATTEND_SPLIT = Launch(num_warps=8)
COMBINE_SPLITS = Launch(num_warps=1)
DRAW = Launch(num_warps=4)
ADVANCE = Launch(num_warps=1)
GATE = Launch(num_warps=4, block=1024)
SNAKE = Launch(num_warps=4, block=1024)
LIKELIEST = Launch(num_warps=4, block=2048)
BEST_OF_ALL = Launch(num_warps=1)

_NORM_WARPS = ((1024, 2), (2048, 4), (8192, 8))
"""Largest hidden size, warps."""
_SPLIT_PROGRAMS = ((1, 16), (4, 8), (16, 4), (64, 2))
"""Largest batch, attention programs per sequence and key head: about one to eight for each processor of the chip."""
_MIN_DOT = 16
"""Rows and columns that the tensor cores take at least."""


def add_norm(hidden_size: int) -> Launch:
    """Launch of a norm over ``hidden_size`` values, 1 to 8192: the whole row in one program.

    Raises:
        ValueError: If the row is longer.
    """
    for largest, num_warps in _NORM_WARPS:
        if hidden_size <= largest:
            return Launch(num_warps, power_of_two(hidden_size))
    raise ValueError(f"hidden_size must be at most {_NORM_WARPS[-1][0]}, not {hidden_size}")


def split_positions(dim: int, itemsize: int) -> int:
    """Positions of a piece of attention over heads of ``dim`` values of ``itemsize`` bytes; nothing else changes it."""
    return SPLIT_POSITIONS if dim * itemsize <= _SPLIT_BYTES else _WIDE_SPLIT_POSITIONS


def split_programs(batch: int, max_splits: int) -> int:
    """Programs that share the splits of one sequence and key head; each takes every so manieth split."""
    programs = next((count for largest, count in _SPLIT_PROGRAMS if batch <= largest), _SPLIT_PROGRAMS[-1][1])
    return min(programs, max_splits)


def dot_rows(group: int) -> int:
    """Rows of the query tile for ``group`` heads that share a key head."""
    return max(_MIN_DOT, power_of_two(group))


def power_of_two(size: int) -> int:
    """Return the smallest power of two that is not below ``size``."""
    return 1 << (size - 1).bit_length()
