"""References as the model hears them: codes checked and delayed, and a key for what must be the same voice."""

from collections.abc import Iterator
from hashlib import blake2b
from itertools import chain

import numpy as np

from antiphon_server.codec.delay import NUM_CODEBOOKS, NUM_CODES, delay
from antiphon_server.engine.reference import SpeechReference
from antiphon_server.engine.runner import Row
from antiphon_server.errors import InvalidField

MAX_FRAMES = 2500
"""100 seconds."""
FRAME_BYTES = 2 * NUM_CODEBOOKS


def rows_of(field: str, reference: SpeechReference) -> tuple[Row, ...]:
    """Check and delay the codes of a reference.

    Raises:
        InvalidField: If they are not whole frames of codes 0 to 1023, or longer than 100 s.
    """
    size = len(reference.codes)
    if not size or size % FRAME_BYTES:
        raise InvalidField(
            f"{field}.codes must be frames of {NUM_CODEBOOKS} codes, {FRAME_BYTES} bytes each, not {size} bytes",
            field=field,
        )
    if size > MAX_FRAMES * FRAME_BYTES:
        raise InvalidField(
            f"{field}.codes must be at most {MAX_FRAMES} frames (100 s), not {size // FRAME_BYTES}", field=field
        )
    codes = np.frombuffer(reference.codes, dtype="<u2").reshape(-1, NUM_CODEBOOKS).astype(np.int64)
    if codes.max() >= NUM_CODES:
        raise InvalidField(f"{field}.codes must be 0 to {NUM_CODES - 1}, not {codes.max()}", field=field)
    return tuple(map(tuple, delay(codes).tolist()))


def voice_key(references: tuple[SpeechReference, ...]) -> bytes:
    """Digest what tells one voice from another: codes and transcripts."""
    digest = blake2b(digest_size=16)
    for part in chain.from_iterable(_parts(each) for each in references):
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def _parts(reference: SpeechReference) -> Iterator[bytes]:
    yield reference.codes
    yield reference.transcript.encode("utf-8", "surrogatepass")
