"""What a part of a prompt hears, on static tensors: whole chunks of 4 s as graphs, a shorter rest by its own length."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby

import torch
from torch import Tensor

from antiphon_server.engine.runner import Heard
from antiphon_server.model.stt.chunks import CHUNK_ROWS, CHUNK_SAMPLES, CHUNKS_AT_ONCE, num_frames, num_rows
from antiphon_server.model.stt.config import NUM_MELS
from antiphon_server.model.stt.ear import Ear
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.lane import Lane
from antiphon_server.runtime.cuda.ring import InputRing

_FULL_SCALE = 32_768.0
_DEPTH = 3
_BYTES_OF_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class EarShape:
    """Whole chunks that are heard together."""

    num_chunks: int


class EarSteps:
    """Turns the chunks of a part into rows that its prefill reads, on the lane of the steps.

    Chunks are heard together as they follow each other in their own prompt, never with those of another: how many there
    are decides their bits. Mel spectra are made in front of the graph: a library's transforms are its own, and few.
    """

    def __init__(self, ear: Ear, lane: Lane, graphs: GraphCatalogue, *, device: torch.device) -> None:
        """Allocate samples, spectra and rows of as many chunks as a part has at most."""
        self._ear, self._lane, self._graphs = ear, lane, graphs
        self._samples = torch.zeros(CHUNKS_AT_ONCE * CHUNK_SAMPLES, dtype=torch.int16, device=device)
        self._inputs = InputRing(lane, _DEPTH, self._samples)
        self._mels = torch.zeros(CHUNKS_AT_ONCE, NUM_MELS, num_frames(CHUNK_SAMPLES), device=device)
        num_heard, hidden_size = CHUNKS_AT_ONCE * CHUNK_ROWS, ear.config.text.hidden_size
        self.heard = torch.zeros(num_heard, hidden_size, dtype=ear.dtype, device=device)
        """Rows of the part that was heard last, one chunk's behind the other's."""

    def capture(self) -> None:
        """Capture every number of whole chunks, and plan their transforms."""
        for num_chunks in range(1, CHUNKS_AT_ONCE + 1):
            with self._lane.entered():
                self._mels[:num_chunks] = self._mel(num_chunks, CHUNK_SAMPLES)
            self._graphs.capture(EarShape(num_chunks), partial(self._run, num_chunks))

    def hear(self, chunks: Sequence[Heard]) -> None:
        """Ask for the rows of ``chunks``.

        Raises:
            ValueError: If there are more than ``CHUNKS_AT_ONCE``, or one is longer than 4 s.
        """
        if len(chunks) > CHUNKS_AT_ONCE or any(_length(chunk) > CHUNK_SAMPLES for chunk in chunks):
            raise ValueError(f"a part of a prompt holds at most {CHUNKS_AT_ONCE} chunks of 4 s each")
        first = 0
        for num_samples, group in groupby(chunks, key=_length):
            equal = list(group)
            self._inputs.send(_samples_of(equal))
            if first == 0 and num_samples == CHUNK_SAMPLES:
                with self._lane.entered():
                    self._mels[: len(equal)] = self._mel(len(equal), num_samples)
                self._graphs.replay(EarShape(len(equal)))
            else:
                with self._lane.entered():
                    self._write(self._ear.hear(self._mel(len(equal), num_samples)), first)
            first += len(equal) * num_rows(num_samples)

    @torch.inference_mode()
    def _mel(self, num_chunks: int, num_samples: int) -> Tensor:
        """Describe what is in the samples, ``[B, 128, M]``."""
        samples = self._samples[: num_chunks * num_samples].view(num_chunks, num_samples)
        return self._ear.mel(samples.float() / _FULL_SCALE)

    def _run(self, num_chunks: int) -> None:
        """Hear whole chunks; what a graph captures."""
        self._write(self._ear.hear(self._mels[:num_chunks]), 0)

    @torch.inference_mode()
    def _write(self, heard: Tensor, first: int) -> None:
        """Put rows ``[B, rows, E]`` where the prefill reads them, from row ``first`` on."""
        rows = heard.flatten(0, 1)
        self.heard[first : first + len(rows)] = rows


def _length(chunk: Heard) -> int:
    return len(chunk.pcm) // _BYTES_OF_SAMPLE


def _samples_of(chunks: Sequence[Heard]) -> Tensor:
    """Lay chunks out one behind the other, ``[samples]``."""
    return torch.frombuffer(bytearray().join(chunk.pcm for chunk in chunks), dtype=torch.int16)
