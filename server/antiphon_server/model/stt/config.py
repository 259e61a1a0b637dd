"""The sizes of a Higgs Audio v3 STT model, read from its ``config.json``."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.higgs_config import HiggsConfig, read_config_file, size_problem, text_sizes

ARCHITECTURE = "HiggsAudio3Model"
MODEL_TYPE = "higgs_audio_3"
NUM_MELS = 128
TEXT_POSITIONS = 32_768
"""The limit of prompt, sound and answer together."""
_MIN_VOCABULARY = 151_674  # the last added token is 151673
_FIXED: Mapping[str, object] = {
    "chunk_size_seconds": 4.0,
    "encoder_padding_method": "longest",
    "duplicate_audio_triplet": False,
    "projector_type": "mlp",
    "projector_temporal_downsample": 2,
    "audio_adapter_type": "stack",
    "skip_audio_tower": False,
}
"""What this model is built for. A key that is missing stands for another value in the published class, not for this."""


@dataclass(frozen=True, slots=True)
class TowerConfig:
    """Sizes of the encoder of sound."""

    num_layers: int = 32
    width: int = 1280
    num_heads: int = 20
    inner: int = 5120
    max_positions: int = 1500


_TEXT = HiggsConfig(num_layers=28, hidden_size=2048, intermediate_size=6144, num_heads=16)
_TOWER = TowerConfig()


@dataclass(frozen=True, slots=True)
class SttConfig:
    """Sizes of both halves. Head and embedding are two tables, whatever the config says of tying them."""

    text: HiggsConfig = _TEXT
    tower: TowerConfig = _TOWER


def is_stt(folder: Path) -> bool:
    """Say whether a folder's ``config.json`` is of this model; one that cannot be read is of none."""
    try:
        found = read_config_file(folder)
    except ModelNotInstalled:
        return False
    return found.get("model_type") == MODEL_TYPE or found.get("architectures") == [ARCHITECTURE]


def read_stt_config(folder: Path) -> SttConfig:
    """Read and check a checkpoint's ``config.json``.

    Raises:
        ModelNotInstalled: If it is missing, no JSON object, of another model, or what it says is not this model; the
            message lists all.
    """
    found = read_config_file(folder)
    if found.get("architectures") != [ARCHITECTURE] or found.get("model_type") != MODEL_TYPE:
        raise ModelNotInstalled(
            f"the checkpoint is of another model: architecture {found.get('architectures')}, "
            f"type {found.get('model_type')}; expected {ARCHITECTURE}, {MODEL_TYPE}"
        )
    text, audio = found.get("text_config"), found.get("audio_encoder_config")
    if not isinstance(text, dict) or not isinstance(audio, dict):
        raise ModelNotInstalled("config.json lacks text_config or audio_encoder_config")
    sizes, problems = text_sizes(text, _MIN_VOCABULARY)
    problems = [*_fixed_problems(found), *_tower_problems(audio), *problems]
    if problems or sizes is None:
        raise ModelNotInstalled("config.json: " + "; ".join(problems))
    return SttConfig(sizes, TowerConfig(**{name: audio[key] for name, key in TOWER_KEYS.items()}))


TOWER_KEYS = {
    "num_layers": "encoder_layers",
    "width": "d_model",
    "num_heads": "encoder_attention_heads",
    "inner": "encoder_ffn_dim",
    "max_positions": "max_source_positions",
}
"""How the config names the sizes of the encoder."""


def fixed_values() -> dict[str, object]:
    """Return what every config of this model says."""
    return dict(_FIXED)


def _fixed_problems(found: Mapping[str, Any]) -> Iterator[str]:
    for key, value in _FIXED.items():
        if key not in found:
            yield f"{key} is missing, and its default is of another model; expected {value!r}"
        elif found[key] != value:
            yield f"{key} must be {value!r}, not {found[key]!r}"


def _tower_problems(audio: Mapping[str, Any]) -> Iterator[str]:
    problems = [said for key in TOWER_KEYS.values() for said in _size(key, audio)]
    yield from problems
    if audio.get("num_mel_bins") != NUM_MELS:
        yield f"audio_encoder_config.num_mel_bins must be {NUM_MELS}, not {audio.get('num_mel_bins')!r}"
    if not problems and audio["d_model"] % audio["encoder_attention_heads"]:
        yield f"audio_encoder_config: {audio['encoder_attention_heads']} heads cannot share {audio['d_model']} values"


def _size(key: str, audio: Mapping[str, Any]) -> Iterator[str]:
    yield from size_problem(f"audio_encoder_config.{key}", audio.get(key))
