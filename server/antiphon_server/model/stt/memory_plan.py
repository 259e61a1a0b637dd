"""What Higgs Audio v3 STT will take in memory, from its sizes alone."""

from math import prod

from antiphon_server.model.memory_plan import BLOCK_SIZE, BYTES_OF_DTYPE, FP32, Lengths, MemoryPlan, prefill_bytes
from antiphon_server.model.stt.chunks import CHUNK_POSITIONS, CHUNK_ROWS, CHUNKS_AT_ONCE
from antiphon_server.model.stt.config import TEXT_POSITIONS, SttConfig
from antiphon_server.model.stt.layout import TEXT_EMBEDDING, TEXT_HEAD, decoder_shapes, ear_shapes

_PART_POSITIONS = 512
"""Of a prompt that are computed in one step, at most."""


def stt_memory_plan(
    config: SttConfig, *, dtype: str, num_blocks: int, max_concurrent_calls: int, piece_positions: int
) -> MemoryPlan:
    """Plan from a checkpoint's sizes; ``dtype`` is a key of ``BYTES_OF_DTYPE``, pieces have that many positions."""
    width = BYTES_OF_DTYPE[dtype]
    decoder = {name: prod(shape) for name, shape in decoder_shapes(config).items()}
    tables = decoder[TEXT_EMBEDDING] + decoder[TEXT_HEAD]
    encoded = CHUNK_POSITIONS * (width * 2 * config.tower.inner + FP32 * 4 * config.tower.width)
    heard = encoded + CHUNK_ROWS * prefill_bytes(config.text, width)
    keys = 2 * width * config.text.num_kv_heads * config.text.head_dim
    seen = _PART_POSITIONS * (FP32 + width + 1)  # a mask, as it is made
    return MemoryPlan(
        dtype=dtype,
        weights={
            "text tables": tables * width,
            "decoder": (sum(decoder.values()) - tables) * width,
            "encoder": sum(prod(shape) for shape in ear_shapes(config).values()) * width,
        },
        bytes_per_position=config.text.kv_bytes_per_position * width // BYTES_OF_DTYPE["bfloat16"],
        num_blocks=num_blocks,
        max_concurrent_calls=max_concurrent_calls,
        work={
            f"{CHUNKS_AT_ONCE} chunks of sound": CHUNKS_AT_ONCE * heard,
            "the longest prompt": min(TEXT_POSITIONS, num_blocks * BLOCK_SIZE) * (keys + seen),
            "scores of all calls": 3 * FP32 * max_concurrent_calls * config.text.vocabulary,
        },
        lengths=Lengths(piece_positions, f"{piece_positions:,} positions", TEXT_POSITIONS, piece_positions),
    )
