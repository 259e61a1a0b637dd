"""Seeded random checkpoints in exactly the published layout: for tests of everything but the sound, and for benches.

A tensor's noise depends on the seed and its name only, so any order and any number of processes write the same bytes.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from antiphon_server.codec.sizes import CodecSizes, Shape
from antiphon_server.model.higgs_config import ARCHITECTURE, CODE_VOCABULARY, MODEL_TYPE, NUM_CODEBOOKS, HiggsConfig
from antiphon_server.model.layout import CODE_EMBEDDING, DUPLICATES, TEXT_EMBEDDING, checkpoint_shapes
from antiphon_server.model.vocabulary import byte_tokenizer, tokenizer_config

_PIECE_VALUES = 1 << 22
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
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise FileExistsError(f"{folder} is not empty")
    shapes = checkpoint_shapes(size.backbone, size.codec)
    stored = shapes | {name: shapes[of] for name, of in _DUPLICATED.items()}
    header, at, num_bytes = _header(stored)
    path = folder / "model.safetensors"
    with path.open("wb") as file:
        file.write(header)
        file.truncate(len(header) + num_bytes)
    jobs = [_Job(path, len(header) + at[name], _DUPLICATED.get(name, name), stored[name], seed) for name in stored]
    _write_all(sorted(jobs, key=lambda job: -job.num_values), progress, num_bytes)
    _write_texts(folder, size, shapes, tokenizer_json)


@dataclass(frozen=True, slots=True)
class _Job:
    path: Path
    at: int
    name: str
    shape: Shape
    seed: int

    @property
    def num_values(self) -> int:
        return int(np.prod(self.shape))


def _header(shapes: dict[str, Shape]) -> tuple[bytes, dict[str, int], int]:
    """Lay the tensors out one after the other, as the safetensors format has it."""
    entries: dict[str, object] = {"__metadata__": {"format": "pt"}}
    at, end = {}, 0
    for name in sorted(shapes):
        at[name], begin = end, end
        end += int(np.prod(shapes[name])) * 2
        entries[name] = {"dtype": "BF16", "shape": list(shapes[name]), "data_offsets": [begin, end]}
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, at, end


def _write_all(jobs: Iterable[_Job], progress: Callable[[int, int], None], num_bytes: int) -> None:
    jobs, done = list(jobs), 0
    if num_bytes < 1 << 28:  # starting processes would take longer
        for job in jobs:
            done += _write(job)
            progress(done, num_bytes)
        return
    with ProcessPoolExecutor(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None) as pool:
        for written in pool.map(_write, jobs):
            done += written
            progress(done, num_bytes)


def _write(job: _Job) -> int:
    noise = np.random.Generator(np.random.Philox(_key(job.seed, job.name)))
    shape_of = spread(job.name, job.shape)
    with job.path.open("r+b") as file:
        file.seek(job.at)
        for begin in range(0, job.num_values, _PIECE_VALUES):
            num = min(_PIECE_VALUES, job.num_values - begin)
            values = noise.standard_normal(num, dtype=np.float32) * shape_of[1] + shape_of[0]
            file.write(_to_bf16(values).tobytes())
    return job.num_values * 2


def _key(seed: int, name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"{seed}:{name}".encode()).digest()[:16], "little")


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


def _to_bf16(values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint16]:
    """Round to the nearest, ties to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype("<u2")


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
