"""The delay pattern: how codebooks are staggered so that one step writes a row of all eight.

Codebook ``k`` is shifted right by ``k`` rows: row ``r`` holds code ``k`` of frame ``r - k``. ``F`` frames take
``F + 7`` rows. Before a codebook begins it holds BOC, after its end EOC.
"""

import numpy as np
import numpy.typing as npt

NUM_CODEBOOKS = 8
NUM_CODES = 1024
BOC, EOC = 1024, 1025

Codes = npt.NDArray[np.int64]


def delay(codes: Codes) -> Codes:
    """Stagger aligned codes.

    Args:
        codes: ``[F, 8]``, each 0 to 1023.

    Returns:
        Rows, ``[F + 7, 8]``.

    Raises:
        ValueError: If the shape is not ``[F, 8]`` with at least one frame.

    >>> delay(np.arange(8)[None, :])[:2, :3].tolist()
    [[0, 1024, 1024], [1025, 1, 1024]]
    """
    if codes.ndim != 2 or codes.shape[1] != NUM_CODEBOOKS or not len(codes):
        raise ValueError(f"codes must have the shape [frames, {NUM_CODEBOOKS}], not {list(codes.shape)}")
    num_frames = len(codes)
    rows = np.full((num_frames + NUM_CODEBOOKS - 1, NUM_CODEBOOKS), EOC, dtype=np.int64)
    for codebook in range(NUM_CODEBOOKS):
        rows[:codebook, codebook] = BOC
        rows[codebook : codebook + num_frames, codebook] = codes[:, codebook]
    return rows


def undelay(rows: Codes) -> Codes:
    """Align rows; fewer than eight hold no whole frame. BOC and EOC inside become code 0, as the reference has it.

    Args:
        rows: ``[R, 8]``.

    Returns:
        Codes, ``[max(0, R - 7), 8]``.
    """
    num_frames = max(0, len(rows) - NUM_CODEBOOKS + 1)
    codes = np.zeros((num_frames, NUM_CODEBOOKS), dtype=np.int64)
    for codebook in range(NUM_CODEBOOKS):
        codes[:, codebook] = rows[codebook : codebook + num_frames, codebook]
    codes[codes >= NUM_CODES] = 0
    return codes
