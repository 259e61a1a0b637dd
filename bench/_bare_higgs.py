"""The speech model without the service: its calls in the order of the codec's plan, in one loop, and nothing else."""

import itertools
import time
from dataclasses import dataclass, field
from pathlib import Path

import torch

from antiphon_server.codec.delay import EOC
from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.engine.codec_plan import next_window
from antiphon_server.engine.runner import DecodePart, Draw, PrefillPart, Row, WindowPart
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import open_checkpoint
from antiphon_server.model.prompt import build_prompt
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.higgs_runner import HiggsRunner


@dataclass
class Voice:
    """One of the speeches of a batch."""

    slot: int
    blocks: list[int]
    length: int
    rows: list[Row] = field(default_factory=list)
    num_emitted: int = 0
    pcm: bytes = b""


@dataclass
class Bare:
    """What a run took."""

    total_ms: float
    first_ms: float
    """To the first samples of each, in the mean."""
    codec_ms: float
    cpu_ms: float
    pcm: bytes
    """Samples of the first."""


class BareModel:
    """The runner of a checkpoint, one thread."""

    def __init__(self, folder: Path, *, num_blocks: int, max_sequences: int) -> None:
        torch.set_num_threads(1)
        checkpoint = open_checkpoint(folder)
        backbone = Backbone(checkpoint.config, dtype=torch.float32)
        backbone.load(checkpoint)
        codec = HiggsCodec(checkpoint.read_codec())
        self._runner = HiggsRunner(backbone, codec, num_blocks=num_blocks, max_sequences=max_sequences)
        self._tokenizer = TextTokenizer(folder / "tokenizer.json")
        self._num_blocks = num_blocks // max_sequences

    def speak(self, text: str, seeds: list[int], num_rows: int) -> Bare:
        """Speak a text once for every seed, ``num_rows`` rows each; one begins at each step, as in a step loop."""
        began_at, began_cpu_s, codec_s, firsts = time.perf_counter(), time.thread_time(), 0.0, []
        voices: list[Voice] = []
        while len(voices) < len(seeds) or any(len(voice.rows) < num_rows for voice in voices):
            if len(voices) < len(seeds):
                voices.append(self._begin(len(voices), text, seeds[len(voices)]))
            self._step([voice for voice in voices if len(voice.rows) < num_rows])
            decoding_at = time.perf_counter()
            for voice in voices:
                was_silent = not voice.pcm
                self._decode_due(voice, is_ended=len(voice.rows) == num_rows)
                if was_silent and voice.pcm:
                    firsts.append((time.perf_counter() - began_at) * 1000)
            codec_s += time.perf_counter() - decoding_at
        self._end(voices)
        total_ms = (time.perf_counter() - began_at) * 1000
        cpu_ms = (time.thread_time() - began_cpu_s) * 1000
        return Bare(total_ms, sum(firsts) / len(firsts), codec_s * 1000, cpu_ms, voices[0].pcm)

    def lasting_seeds(self, text: str, num_seeds: int, num_rows: int) -> list[int]:
        """Find seeds whose speech of a text does not end by itself within some rows."""
        found: list[int] = []
        for first in itertools.count(0, num_seeds):
            voices = [self._begin(slot, text, first + slot) for slot in range(num_seeds)]
            for _ in range(num_rows - 1):
                self._step(voices)
            self._end(voices)
            found += [first + voice.slot for voice in voices if all(row[0] != EOC for row in voice.rows[8:])]
            if len(found) >= num_seeds:
                break
        return found[:num_seeds]

    def _step(self, voices: list[Voice]) -> None:
        self._runner.launch([DecodePart(voice.slot, voice.length, voice.blocks) for voice in voices])
        for voice, row in zip(voices, self._runner.collect(), strict=True):
            voice.rows.append(row)
            voice.length += 1

    def _end(self, voices: list[Voice]) -> None:
        for voice in voices:
            self._runner.end(voice.slot)

    def _begin(self, slot: int, text: str, seed: int) -> Voice:
        positions = build_prompt(self._tokenizer.encode(text)).positions
        blocks = list(range(slot * self._num_blocks, (slot + 1) * self._num_blocks))
        self._runner.begin(slot, Draw(seed))
        self._runner.prefill(PrefillPart(slot, positions, 0, blocks, is_last=True))
        return Voice(slot, blocks, len(positions) + 1, list(self._runner.collect()))

    def _decode_due(self, voice: Voice, *, is_ended: bool) -> None:
        while window := next_window(voice.num_emitted, len(voice.rows) - 7, is_ended=is_ended):
            rows = voice.rows[window.first : window.last + 7]
            part = WindowPart(rows, window.begin - window.first, window.last - window.end)
            pcm = self._runner.decode_windows([part])[0]
            assert pcm is not None
            voice.pcm += pcm
            voice.num_emitted = window.end
