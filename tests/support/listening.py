"""A tiny Higgs Audio v3 STT whose answers end now and then."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from antiphon_server.model.stt.checkpoint import SttCheckpoint
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.make import STT_SIZES, make_stt_checkpoint
from antiphon_server.model.stt.vocabulary import TURN_END, stt_tokens
from antiphon_server.model.tokenizer import TextTokenizer
from support.clips import clip

HEAD = "audio_decoder_proj.text_lm_head.weight"


def make_listening(folder: Path, *, seed: int = 12, loudness: float = 4.0) -> Path:
    """Make a checkpoint that writes letters, and in which the end of an answer is so many times as loud as noise."""
    make_stt_checkpoint(folder, STT_SIZES["tiny"], seed=seed)
    second = folder / "model-00002-of-00002.safetensors"
    weights = load_file(second)
    tokenizer = TextTokenizer(folder / "tokenizer.json", stt_tokens())
    letters = [index for index in range(256) if tokenizer.decode([index]).isalpha()]
    silenced = torch.ones(len(weights[HEAD]), dtype=torch.bool)
    silenced[[*letters, TURN_END]] = False
    weights[HEAD][silenced] = 0
    weights[HEAD][TURN_END] *= loudness
    save_file(weights, second, metadata={"format": "pt"})
    return folder


def load_parts(checkpoint: SttCheckpoint) -> tuple[Ear, TextDecoder]:
    """Load what hears and what writes, in fp32."""
    ear, decoder = Ear(checkpoint.config, dtype=torch.float32), TextDecoder(checkpoint.config, dtype=torch.float32)
    ear.load(checkpoint)
    decoder.load(checkpoint)
    return ear, decoder


def pcm_of(seed: int, num_samples: int) -> bytes:
    """A synthetic clip, s16le at 16 000 Hz."""
    return (clip(seed, num_samples) * 32767).short().numpy().tobytes()
