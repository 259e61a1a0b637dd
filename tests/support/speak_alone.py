"""Speak one sentence with a checkpoint in a process of its own, and print the rows: what a restarted server draws.

Usage: python -m support.speak_alone CHECKPOINT SENTENCE SEED NUM_ROWS
"""

import json
import sys
import time
from pathlib import Path

import torch

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import open_checkpoint
from antiphon_server.model.prompt import Prompt, Reference, build_prompt
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.higgs_runner import HiggsRunner
from support.sentences import voice

NUM_BLOCKS = 700


class Parts:
    """Everything that is read from a checkpoint."""

    def __init__(self, folder: Path) -> None:
        checkpoint = open_checkpoint(folder)
        self.backbone = Backbone(checkpoint.config, dtype=torch.float32)
        self.backbone.load(checkpoint)
        self.codec = HiggsCodec(checkpoint.read_codec())
        self.tokenizer = TextTokenizer(checkpoint.folder / "tokenizer.json")

    def prompt(self, sentence: str) -> Prompt:
        """A sentence in the one voice of these tests."""
        reference = Reference(voice(6, 30), tuple(self.tokenizer.encode("as heard")))
        return build_prompt(self.tokenizer.encode(sentence), reference=reference)

    def loop(self) -> StepLoop:
        """A step loop with an empty cache."""
        return StepLoop(HiggsRunner(self.backbone, self.codec, num_blocks=NUM_BLOCKS), time.monotonic)


class Ear:
    """Hears a sequence, taking its sound at once."""

    def __init__(self, loop: StepLoop) -> None:
        self.loop, self.pcm = loop, b""
        self.sequence: Sequence | None = None
        self.end: Sequence | None = None

    def take_audio(self, pcm: bytes) -> None:
        assert self.sequence is not None
        self.pcm += pcm
        self.loop.note_delivered(self.sequence, len(pcm) // 2)

    def take_end(self, sequence: Sequence) -> None:
        self.end = sequence

    def take_failure(self, error: Exception) -> None:
        raise error


def speak(parts: Parts, loop: StepLoop, said: list[tuple[str, Draw]], num_rows: int) -> list[Ear]:
    """Speak sentences at once, to the end."""
    ears = []
    for sentence, draw in said:
        prompt, ear = parts.prompt(sentence), Ear(loop)
        ear.sequence = loop.submit(Ask(prompt.positions, prompt.num_prefix, draw, num_rows), ear)
        ears.append(ear)
    while loop.step() or not loop.is_idle:
        pass
    assert loop.blocks.num_held == 0
    return ears


def main() -> None:
    torch.set_num_threads(1)
    parts = Parts(Path(sys.argv[1]))
    draw = Draw(seed=int(sys.argv[3]), top_k=50, top_p=0.95)
    (ear,) = speak(parts, parts.loop(), [(sys.argv[2], draw)], int(sys.argv[4]))
    assert ear.end is not None
    print(json.dumps({"rows": ear.end.rows, "pcm": ear.pcm.hex()}))


if __name__ == "__main__":
    main()
