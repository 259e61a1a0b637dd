"""Seeded random checkpoints of Higgs Audio v3 STT in exactly the published layout: two files and their index."""

import json
import math
from collections.abc import Callable
from pathlib import Path

from antiphon_server.codec.sizes import Shape
from antiphon_server.model.higgs_config import HiggsConfig
from antiphon_server.model.noise import new_folder, write_noise
from antiphon_server.model.stt.config import (
    ARCHITECTURE,
    MODEL_TYPE,
    NUM_MELS,
    TEXT_POSITIONS,
    TOWER_KEYS,
    SttConfig,
    TowerConfig,
    fixed_values,
)
from antiphon_server.model.stt.layout import TEXT_EMBEDDING, TEXT_HEAD, ignored_shapes, stt_shapes
from antiphon_server.model.stt.vocabulary import END_OF_TEXT, stt_tokens
from antiphon_server.model.vocabulary import byte_tokenizer, tokenizer_config
from antiphon_server.model.weight_files import INDEX

STT_SIZES = {
    "full": SttConfig(),
    "tiny": SttConfig(
        HiggsConfig(num_layers=3, hidden_size=64, intermediate_size=160, num_heads=4, num_kv_heads=2, head_dim=32),
        TowerConfig(num_layers=2, width=128, num_heads=2, inner=256),
    ),
}
"""What can be made. The special tokens' ids need the whole vocabulary even in a tiny model."""
_FILES = ("model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors")


def make_stt_checkpoint(
    folder: Path,
    config: SttConfig,
    *,
    seed: int,
    tokenizer_json: bytes | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """Write config, index, tokenizer and weights into a new or empty folder.

    Args:
        folder: Made if it does not exist.
        config: One of ``STT_SIZES``, or another.
        seed: Of the noise.
        tokenizer_json: A real vocabulary; absent: one token per byte, with the real special tokens.
        progress: Told the bytes written and the bytes in all.

    Raises:
        FileExistsError: If the folder holds anything.
    """
    new_folder(folder)
    files = shards(config)
    write_noise(folder, files, spread, seed=seed, progress=progress)
    placed = {name: file for file, shapes in files.items() for name in shapes}
    total = 2 * sum(math.prod(shape) for shapes in files.values() for shape in shapes.values())
    for name, content in {
        "config.json": _config(config),
        "generation_config.json": {"bos_token_id": END_OF_TEXT, "eos_token_id": END_OF_TEXT, "do_sample": False},
        INDEX: {"metadata": {"total_size": total}, "weight_map": dict(sorted(placed.items()))},
        "tokenizer_config.json": tokenizer_config(),
    }.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    (folder / "tokenizer.json").write_bytes(tokenizer_json or byte_tokenizer(stt_tokens()))


def shards(config: SttConfig) -> dict[str, dict[str, Shape]]:
    """Place all tensors in the two files: the head and what is not read in the second, all else in the first."""
    shapes = stt_shapes(config)
    last = {TEXT_HEAD: shapes.pop(TEXT_HEAD)} | ignored_shapes(config)
    return dict(zip(_FILES, (shapes, last), strict=True))


def spread(name: str, shape: Shape) -> tuple[float, float]:
    """Mean and deviation that keep signals of ordinary size through every layer."""
    if name.endswith("bias"):
        return 0.0, 0.02
    if "norm" in name:
        return 1.0, 0.1
    if name.endswith("embed_positions.weight"):
        return 0.0, 0.1
    if name == TEXT_EMBEDDING:
        return 0.0, 1.0
    return 0.0, max(1, math.prod(shape[1:])) ** -0.5


def _config(config: SttConfig) -> dict[str, object]:
    tower = {key: getattr(config.tower, name) for name, key in TOWER_KEYS.items()}
    return {
        "architectures": [ARCHITECTURE],
        "model_type": MODEL_TYPE,
        "torch_dtype": "bfloat16",
        "hidden_size": config.text.hidden_size,
        "pad_token_id": END_OF_TEXT,
        "tps": 12.5,
        **fixed_values(),
        "text_config": _text_config(config.text),
        "audio_encoder_config": {
            "model_type": "higgs_audio_encoder",
            "num_mel_bins": NUM_MELS,
            "frame_rate": 25,
            "activation_function": "gelu",
            "scale_embedding": False,
            **tower,
        },
    }


def _text_config(text: HiggsConfig) -> dict[str, object]:
    return {
        "model_type": "qwen3",
        "hidden_size": text.hidden_size,
        "intermediate_size": text.intermediate_size,
        "num_hidden_layers": text.num_layers,
        "num_attention_heads": text.num_heads,
        "num_key_value_heads": text.num_kv_heads,
        "head_dim": text.head_dim,
        "vocab_size": text.vocabulary,
        "max_position_embeddings": TEXT_POSITIONS,
        "rms_norm_eps": text.rms_eps,
        "rope_theta": text.rope_theta,
        "attention_bias": False,
        "hidden_act": "silu",
        "tie_word_embeddings": True,  # as published, and wrong: the head is a table of its own
    }
