"""The sizes of a Higgs Audio v3 TTS model, read from its ``config.json``."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon_server.errors import ModelNotInstalled

ARCHITECTURE = "HiggsMultimodalQwen3ForConditionalGeneration"
MODEL_TYPE = "higgs_multimodal_qwen3"
NUM_CODEBOOKS = 8
CODE_VOCABULARY = 1026
"""1024 codes, then BOC and EOC."""
CONTEXT_POSITIONS = 8192
"""Length of the training sequences; the limit of prompt and speech together."""
_ROPE_THETA = 1_000_000.0
_MIN_VOCABULARY = 151_727  # the last added token is 151726
_MAX_CONFIG_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class HiggsConfig:
    """Sizes of the backbone."""

    num_layers: int = 36
    hidden_size: int = 2560
    intermediate_size: int = 9728
    num_heads: int = 32
    num_kv_heads: int = 8
    head_dim: int = 128
    vocabulary: int = 151_936
    rms_eps: float = 1e-6
    rope_theta: float = _ROPE_THETA

    @property
    def kv_bytes_per_position(self) -> int:
        """Bytes of one position's keys and values in bf16, over all layers."""
        return self.num_layers * 2 * self.num_kv_heads * self.head_dim * 2


def read_config(folder: Path) -> HiggsConfig:
    """Read and check a checkpoint's ``config.json``.

    Raises:
        ModelNotInstalled: If it is missing, not JSON, of another model, or a size is missing or impossible.
    """
    path = folder / "config.json"
    try:
        found = json.loads(path.read_bytes()[:_MAX_CONFIG_BYTES])
    except OSError as error:
        raise ModelNotInstalled(f"the checkpoint has no readable config.json: {error.strerror}") from error
    except ValueError as error:
        raise ModelNotInstalled("the checkpoint's config.json is not JSON; it may be half downloaded") from error
    if not isinstance(found, dict):
        raise ModelNotInstalled("the checkpoint's config.json is not an object")
    return parse_config(found)


def parse_config(found: Mapping[str, Any]) -> HiggsConfig:
    """Check the content of a ``config.json``.

    Raises:
        ModelNotInstalled: If it is of another model, or a size is missing or impossible.
    """
    architectures, model_type = found.get("architectures") or [], found.get("model_type")
    if ARCHITECTURE not in architectures or model_type != MODEL_TYPE:
        shown = ", ".join(map(str, architectures)) or "none"
        raise ModelNotInstalled(
            f"the checkpoint is of another model: architecture {shown}, type {model_type}; expected {ARCHITECTURE}"
        )
    text, audio = found.get("text_config"), found.get("audio_encoder_config")
    if not isinstance(text, dict) or not isinstance(audio, dict):
        raise ModelNotInstalled("config.json lacks text_config or audio_encoder_config")
    _check_audio(audio)
    sizes = {name: _size(text, key) for name, key in _SIZE_KEYS.items()}
    config = HiggsConfig(**sizes, rms_eps=float(text.get("rms_norm_eps") or 1e-6), rope_theta=_rope_theta(text))
    _check_sizes(config)
    return config


_SIZE_KEYS = {
    "num_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "vocabulary": "vocab_size",
}


def _size(text: Mapping[str, Any], key: str) -> int:
    value = text.get(key)
    if isinstance(value, bool) or not isinstance(value, int) or value < 1:
        raise ModelNotInstalled(f"config.json text_config.{key} must be a positive whole number, not {value!r}")
    return value


def _rope_theta(text: Mapping[str, Any]) -> float:
    """Find the base of the rotation; the flat key can be null, and a default of 10 000 would be silently wrong."""
    nested = text.get("rope_parameters")
    theta = (nested.get("rope_theta") if isinstance(nested, dict) else None) or text.get("rope_theta")
    return float(theta) if theta else _ROPE_THETA


def _check_audio(audio: Mapping[str, Any]) -> None:
    wanted = {"num_codebooks": NUM_CODEBOOKS, "vocab_size": CODE_VOCABULARY, "use_delay_pattern": True}
    for key, value in wanted.items():
        if audio.get(key) != value:
            raise ModelNotInstalled(f"config.json audio_encoder_config.{key} must be {value}, not {audio.get(key)!r}")


def _check_sizes(config: HiggsConfig) -> None:
    if config.num_heads % config.num_kv_heads or config.head_dim % 2:
        raise ModelNotInstalled(
            f"config.json: {config.num_heads} heads cannot share {config.num_kv_heads} key heads of {config.head_dim}"
        )
    if config.vocabulary < _MIN_VOCABULARY:
        raise ModelNotInstalled(
            f"config.json text_config.vocab_size must be {_MIN_VOCABULARY} or more for the audio tokens, "
            f"not {config.vocabulary}"
        )
