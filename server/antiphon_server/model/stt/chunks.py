"""How sound is cut for the encoder, and how many positions sound and answer take in a prompt. No torch here."""

SAMPLE_RATE = 16_000
CHUNK_SAMPLES = 4 * SAMPLE_RATE
LEAST_SAMPLES = 160 * SAMPLE_RATE // 1000
"""A shorter rest is filled with zeros: under 30 ms would leave nothing behind the pooling."""
HOP_SAMPLES = 160
CHUNKS_AT_ONCE = 8
"""Of one prompt that are heard and computed in one step: 32 s. Others get their next row between two such steps."""
MAX_IDS = 1024
"""Of an answer, as published."""
_IDS_PER_S = 25  # the densest scripts need half of it
_IDS_AT_LEAST = 64
_SIGN_POSITIONS = 26  # of the published instruction, and what stands around the sound


def num_frames(num_samples: int) -> int:
    """Count the mel frames of a chunk; 10 ms each."""
    return num_samples // HOP_SAMPLES


def num_positions(num_frames: int) -> int:
    """Count what the encoder's layers see of ``num_frames`` mel frames, 1 or more; 20 ms each."""
    return (num_frames - 1) // 2 + 1


def num_rows(num_samples: int) -> int:
    """Count the positions that a chunk takes in the prompt; 80 ms each, the last one begun."""
    num_pooled = num_positions(num_frames(num_samples)) // 2
    return (num_pooled - 1) // 2 + 1


CHUNK_POSITIONS, CHUNK_ROWS = num_positions(num_frames(CHUNK_SAMPLES)), num_rows(CHUNK_SAMPLES)
_ROWS_PER_S = CHUNK_ROWS * SAMPLE_RATE / CHUNK_SAMPLES


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
