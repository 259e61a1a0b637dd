"""Runners on CUDA: every step is a graph, and results are read one step late. Here are all steps, and speech.

On a CPU the same steps run eagerly, one after the other; that is how they are tested.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch

from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart, Row, WindowPart
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.qwen3 import Qwen3
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.codec_lane import CodecLane
from antiphon_server.runtime.cuda.codec_step import Decoder
from antiphon_server.runtime.cuda.codes import Codes
from antiphon_server.runtime.cuda.decode_step import DecodeStep
from antiphon_server.runtime.cuda.lane import lane_on
from antiphon_server.runtime.cuda.modality import Opening
from antiphon_server.runtime.cuda.prefill_step import PrefillShape, PrefillStep, captured_shapes, shape_of
from antiphon_server.runtime.cuda.ring import InputRing, ResultRing
from antiphon_server.runtime.cuda.state import SlotState
from antiphon_server.runtime.kernels.choice import Kernels
from antiphon_server.runtime.paged_kv import PagedKV

INVARIANT_ROWS = 64
BUCKETS = (1, 2, 4, 8, 16, 32, 64)


@dataclass(frozen=True, slots=True)
class GraphSettings:
    """How the steps are built."""

    num_blocks: int
    block_size: int = 16
    max_sequences: int = 64
    is_invariant: bool = True
    """Every matrix product has 64 rows and windows are decoded alone: a request's bits are its own."""
    is_eager: bool = False
    """No graphs, for comparison and on a CPU."""
    buckets: tuple[int, ...] = BUCKETS


class StepRunner:
    """The steps of a Runner, without the codec's half of it; see ``engine.runner``. Ready after ``capture``."""

    max_lag = 2

    def __init__(self, model: Qwen3, opening: Opening, kernels: Kernels, settings: GraphSettings) -> None:
        """Allocate cache and state, and open what the model reads and writes."""
        self.block_size, self.num_blocks = settings.block_size, settings.num_blocks
        self.max_sequences = settings.max_sequences
        self.max_positions = min(model.num_positions, settings.num_blocks * settings.block_size)
        self._model, self._kernels, self._settings = model, kernels, settings
        buckets = _buckets(settings.max_sequences, settings.buckets)
        num_padding, device = max(buckets), model.device
        self._cache = PagedKV(
            model.config,
            num_blocks=settings.num_blocks + num_padding,
            block_size=settings.block_size,
            dtype=model.dtype,
            device=device,
        )
        max_blocks = -(-self.max_positions // settings.block_size)
        self._state = SlotState(
            settings.max_sequences, num_padding, max_blocks, first_scratch_block=settings.num_blocks, device=device
        )
        self._lane = lane_on(device, is_urgent=True)
        self.graphs = GraphCatalogue(self._lane, is_eager=settings.is_eager)
        self._modality = opening(self._state.num_all, self._lane, self.graphs)
        self._steps = {bucket: self._decode_step(bucket) for bucket in buckets}
        depth = self.max_lag + 1
        self._slots = {bucket: InputRing(self._lane, depth, step.slots) for bucket, step in self._steps.items()}
        self._prefills: dict[PrefillShape, _Prefill] = {}
        row_size = self._modality.row_size
        self._results = ResultRing(self._lane, self.max_lag + 2, max(buckets), row_size, dtype=torch.long)
        self.num_eager_prefills = 0
        """Parts too long for a graph."""

    def capture(self) -> None:
        """Warm everything up and capture it: decode steps, prefills of short prompts, and what they are prepared by."""
        if self._model.device.type == "cuda":
            torch.cuda.synchronize(self._model.device)  # what was allocated so far was filled on another stream
        for bucket, step in self._steps.items():
            self._slots[bucket].send(self._state.padded((), bucket))
            self.graphs.capture(bucket, step.run)
        for shape in () if self._settings.is_eager else captured_shapes():
            prefill = self._prefills[shape] = self._new_prefill(shape, depth=2)
            self.graphs.capture(shape, prefill.step.run)
        self._modality.capture()

    def begin(self, slot: int, draw: Draw) -> None:
        """Prepare a slot; see ``Runner``."""
        with self._lane.entered():
            self._state.begin(slot)
            self._modality.begin(slot, draw)

    def prefill(self, part: PrefillPart) -> None:
        """Ask for a part of a prompt; the last one's row is collected like a step's. See ``Runner``."""
        self._modality.prepare(part)
        shape = shape_of(len(part.positions), part.first + len(part.positions))
        prefill = self._prefills.get(shape) or self._new_prefill(shape, depth=1)
        inputs, span = prefill.step.layout(part)
        prefill.inputs.send(inputs)
        prefill.span.send(span)
        if shape in self.graphs:
            self.graphs.replay(shape)
        else:
            self.num_eager_prefills += 1
            with self._lane.entered():
                prefill.step.run()
        if part.is_last:
            self._results.send(prefill.step.rows)

    def launch(self, parts: Sequence[DecodePart]) -> None:
        """Ask for one row for each part; see ``Runner``."""
        bucket = next(size for size in self._steps if size >= len(parts))
        self._slots[bucket].send(self._state.padded([part.slot for part in parts], bucket))
        self.graphs.replay(bucket)
        self._results.send(self._steps[bucket].rows[: len(parts)])

    def collect(self) -> Sequence[Row]:
        """Wait for the oldest rows; see ``Runner``."""
        return [self._modality.row(numbers) for numbers in self._results.read().tolist()]

    def end(self, slot: int) -> None:
        """Free a slot; see ``Runner``."""
        with self._lane.entered():
            self._modality.end(slot)

    def _decode_step(self, bucket: int) -> DecodeStep:
        num_rows = INVARIANT_ROWS if self._settings.is_invariant else bucket
        shared = self._model, self._cache, self._state, self._kernels, self._modality
        return DecodeStep(*shared, bucket=bucket, num_product_rows=num_rows)

    def _new_prefill(self, shape: PrefillShape, *, depth: int) -> "_Prefill":
        """Allocate on the lane: another stream might still be filling what the lane reads, or reuse what it frees.

        One that has no graph is given up behind its only use; those of the longest prompts take most of a gigabyte.
        """
        num_rows = INVARIANT_ROWS if self._settings.is_invariant else 1
        with self._lane.entered():
            shared = self._model, self._cache, self._state, self._kernels, self._modality
            step = PrefillStep(*shared, shape, num_product_rows=num_rows)
            return _Prefill(step, InputRing(self._lane, depth, step.inputs), InputRing(self._lane, depth, step.span))


class GraphRunner(StepRunner):
    """The Runner of Higgs Audio v3 TTS: the steps, and windows of the codec on a lane of their own."""

    def __init__(self, model: Backbone, codec: Decoder, kernels: Kernels, settings: GraphSettings) -> None:
        """Allocate; see ``StepRunner``."""
        super().__init__(model, lambda num_slots, *_: Codes(model, kernels, num_slots), kernels, settings)
        codec_lane = lane_on(model.device)
        self.codec_graphs = GraphCatalogue(codec_lane, is_eager=settings.is_eager)
        max_batch = 1 if settings.is_invariant else 8
        self._codec = CodecLane(codec, codec_lane, self.codec_graphs, device=model.device, max_batch=max_batch)

    def capture(self) -> None:
        """Capture the steps, and every window of the codec."""
        super().capture()
        self._codec.capture()

    def launch_windows(self, parts: Sequence[WindowPart]) -> None:
        """Ask for windows; see ``Runner``."""
        self._codec.launch(parts)

    def collect_windows(self, *, must: bool) -> Sequence[bytes | None] | None:
        """Give the samples of the oldest windows; see ``Runner``."""
        return self._codec.collect(must=must)

    def gauges(self) -> dict[str, float]:
        """Tell what graphs there are, and what ran without one; names as in ``EngineStats``."""
        return gauges_of((self.graphs, self.codec_graphs), self.num_eager_prefills)


def gauges_of(catalogues: Iterable[GraphCatalogue], num_eager_prefills: int) -> dict[str, float]:
    """Sum up some catalogues; names as in ``EngineStats``."""
    catalogues = tuple(catalogues)
    entries = [entry for catalogue in catalogues for entry in catalogue.entries]
    return {
        "graphs": len(entries),
        "graph_capture_ms": sum(entry.capture_ms for entry in entries),
        "graph_bytes": sum(entry.num_bytes for entry in entries),
        "graph_misses": sum(catalogue.num_misses for catalogue in catalogues),
        "prefills_without_graph": num_eager_prefills,
    }


@dataclass(frozen=True, slots=True)
class _Prefill:
    step: PrefillStep
    inputs: InputRing
    span: InputRing


def _buckets(max_sequences: int, buckets: tuple[int, ...]) -> tuple[int, ...]:
    """Leave out what is larger than the first bucket that holds all sequences.

    Raises:
        ValueError: If none holds them all.
    """
    if max_sequences > max(buckets):
        raise ValueError(f"max_sequences must be at most {max(buckets)}, the largest bucket, not {max_sequences}")
    return tuple(size for index, size in enumerate(buckets) if index == 0 or buckets[index - 1] < max_sequences)
