"""What a checkpoint will take in memory, from its headers alone; what does not fit is refused instead of killed."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from antiphon_server.codec.sizes import SAMPLE_RATE_HZ, CodecSizes
from antiphon_server.errors import InvalidField
from antiphon_server.model.headers import Stored
from antiphon_server.model.higgs_config import CONTEXT_POSITIONS, HiggsConfig
from antiphon_server.model.layout import CODE_EMBEDDING, CODEC_PREFIX, DUPLICATES, TEXT_EMBEDDING

BYTES_OF_DTYPE = {"bfloat16": 2, "float32": 4}
LEAST_BLOCKS = 64
CPU_BLOCKS = 2048
"""Where none are asked for, and nothing is to be filled."""
BLOCK_SIZE = 16
FP32 = 4
_GB = 1_000_000_000
_PROCESS_BYTES = 250_000_000  # interpreter, torch and tokenizer; 0.15 to 0.25 GB measured
_GPU_PROCESS_BYTES = 2_000_000_000
"""On a GPU: static tensors of all steps 0.4 GB, pools of their graphs, the decoder's second copy, and what cuBLAS and
cuDNN take for each thread that uses them; an estimate, not measured."""
_LONGEST_CLIP_S = 100
_CLIP_TENSORS = 6  # of the encoder's widest stage at once: 37 MiB measured for each second of a clip
_LABEL_WIDTH = 17


@dataclass(frozen=True, slots=True)
class Lengths:
    """Positions of one sequence."""

    usual: int
    usual_is: str
    """What has the usual length, for people."""
    longest: int
    filled: int
    """Those that a GPU has room for, for each call, if its memory allows."""


SPEECH = Lengths(2048 + 256, "2,048 rows after 256 positions of prompt", CONTEXT_POSITIONS, CONTEXT_POSITIONS)


@dataclass(frozen=True, slots=True)
class MemoryPlan:
    """Bytes of every part of a loaded model."""

    dtype: str
    """Of weights, keys and values; a key of ``BYTES_OF_DTYPE``."""
    weights: Mapping[str, int]
    """Of each part, in order, by what people call it."""
    bytes_per_position: int
    num_blocks: int
    max_concurrent_calls: int
    work: Mapping[str, int]
    """Taken now and then besides, by what for; an estimate."""
    lengths: Lengths = SPEECH
    process: int = _PROCESS_BYTES
    """Besides the model's own tensors."""

    @property
    def cache(self) -> int:
        """Keys and values."""
        return self.num_positions * self.bytes_per_position

    @property
    def num_positions(self) -> int:
        """Positions of all streams together."""
        return self.num_blocks * BLOCK_SIZE

    @property
    def fixed(self) -> int:
        """What is taken as long as the engine runs, with the cache full."""
        return sum(self.weights.values()) + self.cache + self.process

    @property
    def at_work(self) -> int:
        """What is taken besides, if all of it is done at once."""
        return sum(self.work.values())

    def num_streams(self, num_positions: int) -> int:
        """Streams of a length that the cache holds at once, whatever the calls' limit is."""
        num_blocks = -(-num_positions // BLOCK_SIZE)
        return self.num_blocks // num_blocks

    def on_gpu(self) -> "MemoryPlan":
        """The same with what a process takes of a GPU."""
        return replace(self, process=_GPU_PROCESS_BYTES)

    def filling(self, available: int | None) -> "MemoryPlan":
        """Give the cache what is left of ``available`` bytes, and no more than all calls can be expected to need."""
        most = max(self.lengths.longest, self.max_concurrent_calls * self.lengths.filled) // BLOCK_SIZE
        if available is not None:
            plan = replace(self, num_blocks=most)
            room = available - (plan.fixed - plan.cache) - plan.at_work
            most = min(most, room // (BLOCK_SIZE * self.bytes_per_position))
        return replace(self, num_blocks=max(LEAST_BLOCKS, most))

    def lines(self, available: int | None) -> Iterator[str]:
        """Lay the plan out for people, a part a line."""
        for part, num_bytes in self.weights.items():
            yield _line(part, num_bytes)
        blocks = f"{self.num_blocks:,} blocks of {BLOCK_SIZE} positions"
        yield _line("keys and values", self.cache, f"{blocks}, {self.bytes_per_position:,} bytes a position")
        yield _line("process", self.process)
        seen = "unknown here" if available is None else f"{available / _GB:.2f} GB"
        yield _line("in all", self.fixed, f"available: {seen}")
        work = ", ".join(f"{num_bytes / _GB:.2f} for {what}" for what, num_bytes in self.work.items())
        yield _line("at work, at most", self.at_work, f"more: {work} (estimated)")
        lengths = self.lengths
        yield (
            f"{'streams at once':<{_LABEL_WIDTH}} {self.num_streams(lengths.usual)} of {lengths.usual_is}, "
            f"{self.num_streams(lengths.longest)} of the longest, {lengths.longest:,} positions; at most "
            f"{self.max_concurrent_calls} by max_concurrent_calls"
        )

    def remark(self, available: int | None) -> str:
        """Say what to change if it does not fit, or only just; empty if it fits or nobody knows."""
        if available is None:
            return ""
        if self.fixed > available:
            return (
                f"the model takes {self.fixed / _GB:.2f} GB of memory, and {available / _GB:.2f} GB are available: "
                + self._advice(available)
            )
        if self.fixed + self.at_work > available:
            return "it fits, but the longest prompts may not: set num_blocks lower to leave room"
        return ""

    def check(self, available: int | None) -> None:
        """Refuse what cannot fit.

        Raises:
            InvalidField: If weights and cache take more than is available; the message says what to change.
        """
        if available is not None and self.fixed > available:
            raise InvalidField(self.remark(available), field="num_blocks")

    def shortage(self, available: int | None) -> str:
        """Say how many blocks would do after memory ran out although the plan had seemed to fit."""
        most = min(self.filling(available).num_blocks, self.num_blocks * 4 // 5)
        return f"memory ran out with num_blocks = {self.num_blocks}: set it to {max(LEAST_BLOCKS, most)} or less"

    def _advice(self, available: int) -> str:
        room = available - (self.fixed - self.cache)
        most = room // (BLOCK_SIZE * self.bytes_per_position)
        if most >= LEAST_BLOCKS:
            return f"set num_blocks to {most} or less, not {self.num_blocks}"
        if self.dtype == "float32":
            return 'set dtype to "bfloat16", not "float32", which takes half'
        return "stop what else uses memory, or take a larger machine"


def memory_plan(
    config: HiggsConfig,
    codec: CodecSizes,
    tensors: Mapping[str, Stored],
    *,
    dtype: str,
    num_blocks: int,
    max_concurrent_calls: int,
) -> MemoryPlan:
    """Plan from a checkpoint's headers; ``dtype`` is a key of ``BYTES_OF_DTYPE``."""
    width = BYTES_OF_DTYPE[dtype]
    values = {name: stored.num_values for name, stored in tensors.items() if name not in DUPLICATES}
    embeddings = sum(values[name] for name in (TEXT_EMBEDDING, CODE_EMBEDDING))
    of_codec = sum(number for name, number in values.items() if name.startswith(CODEC_PREFIX))
    num_prompt = min(CONTEXT_POSITIONS, num_blocks * BLOCK_SIZE)
    return MemoryPlan(
        dtype=dtype,
        weights={
            "embeddings": embeddings * width,
            "backbone": (sum(values.values()) - embeddings - of_codec) * width,
            "codec, in fp32": of_codec * FP32,
        },
        bytes_per_position=config.kv_bytes_per_position * width // BYTES_OF_DTYPE["bfloat16"],
        num_blocks=num_blocks,
        max_concurrent_calls=max_concurrent_calls,
        work={
            "the longest prompt": num_prompt * prefill_bytes(config, width),
            f"a voice clip of {_LONGEST_CLIP_S} s": _LONGEST_CLIP_S
            * SAMPLE_RATE_HZ
            * codec.encoder_width
            * FP32
            * _CLIP_TENSORS,
        },
    )


def prefill_bytes(config: HiggsConfig, width: int) -> int:
    """Estimate what a position takes while its prompt is computed in numbers of ``width`` bytes."""
    return width * 4 * config.intermediate_size + FP32 * 8 * config.num_heads * config.head_dim


def _line(part: str, num_bytes: int, about: str = "") -> str:
    return f"{part:<{_LABEL_WIDTH}} {num_bytes / _GB:6.2f} GB  {about}".rstrip()
