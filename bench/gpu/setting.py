"""What a run is asked to measure, and how much of it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Scale:
    """How often and how large; a tiny run proves that a stage works, and its figures mean nothing."""

    buckets: tuple[int, ...]
    """Rows of the decode steps, and calls at once."""
    replays: int
    """Timed repetitions of one thing."""
    context: int
    """Positions that a decode step reads on average."""
    reference_frames: int
    """Frames of the cached voice."""
    clip_frames: int
    """Frames of one clip; 25 a second."""
    closed_s: float
    """Length of the measurement at each number of calls at once."""
    open_loads: tuple[tuple[float, float], ...]
    """Requests a second, and for how many seconds."""
    bandwidth_bytes: int
    token_buckets: tuple[int, ...]
    codec_batches: tuple[int, ...]
    crowd: int
    """Sequences among which one must stay what it is alone."""
    parity_rows: int
    listening_s: float
    """Length of a clip that is listened to."""
    listening_ids: int
    """Ids of its answer."""
    listening_loads: tuple[tuple[int, int], ...]
    """Clips at once, and how many in all."""
    chunk_counts: tuple[int, ...]
    """Chunks of 4 s that are heard together."""
    num_blocks: int
    """Blocks of keys and values of a runner."""

    @property
    def clip_rows(self) -> int:
        """Rows of one clip: the last frame's codes are spread over seven more."""
        return self.clip_frames + 7


FULL = Scale(
    buckets=(1, 2, 4, 8, 16, 32, 64),
    replays=60,
    context=350,
    reference_frames=230,
    clip_frames=106,
    closed_s=4.0,
    open_loads=((1.0, 25.0), (10.0, 15.0)),
    bandwidth_bytes=4 << 30,
    token_buckets=(16, 32, 64, 128, 256, 512, 1024, 2048),
    codec_batches=(1, 2, 4, 8),
    crowd=63,
    parity_rows=40,
    listening_s=30.0,
    listening_ids=100,
    listening_loads=((1, 10), (32, 160)),
    chunk_counts=(1, 2, 3, 4, 5, 6, 7, 8),
    num_blocks=4096,
)
TINY = Scale(
    buckets=(1, 4),
    replays=3,
    context=50,
    reference_frames=30,
    clip_frames=17,
    closed_s=0.3,
    open_loads=((4.0, 0.5),),
    bandwidth_bytes=16 << 20,
    token_buckets=(16, 32),
    codec_batches=(1, 2),
    crowd=3,
    parity_rows=12,
    listening_s=4.5,
    listening_ids=3,
    listening_loads=((1, 1), (2, 2)),
    chunk_counts=(1,),
    num_blocks=64,
)


@dataclass(frozen=True, slots=True)
class Setting:
    """One run."""

    device: str
    """cuda or cpu."""
    size: str
    """full or tiny; of the model and of everything that is measured."""
    seed: int
    scratch: Path
    """Folder for files that are too large to keep; stages of one run share it."""

    @property
    def scale(self) -> Scale:
        """How much is measured."""
        return FULL if self.size == "full" else TINY

    @property
    def has_graphs(self) -> bool:
        """Whether work is captured; a CPU runs it eagerly."""
        return self.device == "cuda"
