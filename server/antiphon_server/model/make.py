"""Seeded random checkpoints in exactly the published layout: for tests of everything but the sound, and for benches."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from antiphon_server.codec.sizes import CodecSizes, Shape
from antiphon_server.model.higgs_config import ARCHITECTURE, CODE_VOCABULARY, MODEL_TYPE, NUM_CODEBOOKS, HiggsConfig
from antiphon_server.model.layout import CODE_EMBEDDING, DUPLICATES, TEXT_EMBEDDING, checkpoint_shapes
from antiphon_server.model.noise import new_folder, write_noise
from antiphon_server.model.vocabulary import byte_tokenizer, tokenizer_config

_DUPLICATED = dict(zip(DUPLICATES, (TEXT_EMBEDDING, CODE_EMBEDDING), strict=True))


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes of both halves of a checkpoint."""

    backbone: HiggsConfig
    codec: CodecSizes


SIZES = {
    "full": Size(HiggsConfig(), CodecSizes()),
    "tiny": Size(
        HiggsConfig(num_layers=3, hidden_size=64, intermediate_size=160, num_heads=4, num_kv_heads=2, head_dim=32),
        CodecSizes(
            encoder_width=4,
            decoder_width=64,
            acoustic_width=16,
            semantic_width=128,
            semantic_conv_width=32,
            semantic_inner=128,
            semantic_layers=2,
            codebook_dim=16,
        ),
    ),
}
"""What can be made. The special tokens' ids need the whole vocabulary even in a tiny model."""


def make_checkpoint(
    folder: Path,
    size: Size,
    *,
    seed: int,
    tokenizer_json: bytes | None = None,
    progress: Callable[[int, int], None] = lambda _done, _all: None,
) -> None:
    """Write config, index, tokenizer and weights into a new or empty folder.

    Args:
        folder: Made if it does not exist.
        size: One of ``SIZES``, or another.
        seed: Of the noise.
        tokenizer_json: A real vocabulary; absent: one token per byte, with the real special tokens.
        progress: Told the bytes written and the bytes in all.

    Raises:
        FileExistsError: If the folder holds anything.
    """
    new_folder(folder)
    shapes = checkpoint_shapes(size.backbone, size.codec)
    stored = {"model.safetensors": shapes | {name: shapes[of] for name, of in _DUPLICATED.items()}}
    write_noise(folder, stored, spread, seed=seed, copies=_DUPLICATED, progress=progress)
    _write_texts(folder, size, shapes, tokenizer_json)


def spread(name: str, shape: Shape) -> tuple[float, float]:
    """Mean and deviation that keep signals of ordinary size through every layer."""
    if name.endswith(("inited", "cluster_size")):
        return 1.0, 0.0
    if name.endswith((".alpha", "norm.weight", "original0")) or "layernorm" in name or "_norm." in name:
        return (1.0, 0.1) if not name.endswith("bias") else (0.0, 0.02)
    if name.endswith("bias"):
        return 0.0, 0.02
    if name.endswith((".embed", ".embed_avg")):
        return 0.0, 0.5
    if name in (TEXT_EMBEDDING, CODE_EMBEDDING):
        return 0.0, shape[1] ** -0.5  # smaller, and greedy decoding would repeat one row for ever
    fan_in = int(np.prod(shape[1:])) if "conv_t1" not in name else shape[0] * 2
    return 0.0, max(1, fan_in) ** -0.5 * _gain(name)


def _gain(name: str) -> float:
    """Keep the decoder's sound near -20 dBFS: its residual branches would add up, and nothing clips its output."""
    if "acoustic_decoder" not in name:
        return 1.0
    if ".res_unit" in name and name.endswith("conv2.weight"):
        return 0.1
    return 0.05 if name.endswith("acoustic_decoder.conv2.weight") else 1.0


def _write_texts(folder: Path, size: Size, shapes: dict[str, Shape], tokenizer_json: bytes | None) -> None:
    total = sum(int(np.prod(shape)) for shape in shapes.values()) * 2
    index = {"metadata": {"total_size": total}, "weight_map": dict.fromkeys(sorted(shapes), "model.safetensors")}
    for name, content in {
        "config.json": _config(size.backbone),
        "model.safetensors.index.json": index,
        "tokenizer_config.json": tokenizer_config(),
    }.items():
        (folder / name).write_text(json.dumps(content, indent=2) + "\n")
    (folder / "tokenizer.json").write_bytes(tokenizer_json or byte_tokenizer())


def _config(backbone: HiggsConfig) -> dict[str, object]:
    text = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "dtype": "bfloat16",
        "hidden_size": backbone.hidden_size,
        "intermediate_size": backbone.intermediate_size,
        "num_hidden_layers": backbone.num_layers,
        "num_attention_heads": backbone.num_heads,
        "num_key_value_heads": backbone.num_kv_heads,
        "head_dim": backbone.head_dim,
        "vocab_size": backbone.vocabulary,
        "max_position_embeddings": 32768,
        "rms_norm_eps": backbone.rms_eps,
        "rope_theta": None,
        "rope_parameters": {"rope_theta": backbone.rope_theta, "rope_type": "default"},
        "attention_bias": False,
        "hidden_act": "silu",
        "tie_word_embeddings": True,
    }
    audio = {
        "model_type": "higgs_audio_encoder",
        "encoder_type": "discrete",
        "num_codebooks": NUM_CODEBOOKS,
        "vocab_size": CODE_VOCABULARY,
        "out_dim": backbone.hidden_size,
        "use_delay_pattern": True,
        "tie_word_embeddings": True,
    }
    return {
        "architectures": [ARCHITECTURE],
        "model_type": MODEL_TYPE,
        "audio_token_id": -100,
        "ignore_index": -100,
        "hidden_size": backbone.hidden_size,
        "vocab_size": backbone.vocabulary,
        "text_config": text,
        "audio_encoder_config": audio,
    }
