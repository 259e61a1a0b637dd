"""The sizes of a Higgs Audio v3 TTS model, read from its ``config.json``."""

import json
from collections.abc import Iterator, Mapping
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
_RMS_EPS = 1e-6
_V2_TYPES = ("higgs_audio", "higgs_audio_v2", "higgs_audio_2")
_MIN_VOCABULARY = 151_727  # the last added token is 151726
_MAX_LAYERS = 1000
_MAX_SIZE = 1 << 20
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
    rms_eps: float = _RMS_EPS
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
    return parse_config(read_config_file(folder))


def read_config_file(folder: Path) -> dict[str, Any]:
    """Read a checkpoint's ``config.json``, of whatever model.

    Raises:
        ModelNotInstalled: If it is missing or no JSON object.
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
    return found


def parse_config(found: Mapping[str, Any]) -> HiggsConfig:
    """Check the content of a ``config.json``.

    Raises:
        ModelNotInstalled: If it is of another model, or sizes are missing or impossible; the message lists all.
    """
    _check_model(found)
    text, audio = found.get("text_config"), found.get("audio_encoder_config")
    if not isinstance(text, dict) or not isinstance(audio, dict):
        raise ModelNotInstalled("config.json lacks text_config or audio_encoder_config")
    config, problems = text_sizes(text, _MIN_VOCABULARY)
    problems = [*_audio_problems(audio), *problems]
    if problems or config is None:
        raise ModelNotInstalled("config.json: " + "; ".join(problems))
    return config


def text_sizes(text: Mapping[str, Any], min_vocabulary: int) -> tuple[HiggsConfig | None, list[str]]:
    """Read the sizes in a ``text_config``, or say what is wrong with them."""
    problems = list(_text_problems(text))
    if problems:
        return None, problems
    sizes = {name: text[key] for name, key in _SIZE_KEYS.items()}
    config = HiggsConfig(**sizes, rms_eps=text.get("rms_norm_eps") or _RMS_EPS, rope_theta=_rope_theta(text))
    return config, list(_size_problems(config, min_vocabulary))


def _check_model(found: Mapping[str, Any]) -> None:
    named = found.get("architectures")
    architectures, model_type = named if isinstance(named, list) else [named], found.get("model_type")
    if ARCHITECTURE not in architectures or model_type != MODEL_TYPE:
        shown = ", ".join(str(name) for name in architectures if name) or "none"
        wanted = ARCHITECTURE + ("; that is Higgs Audio v2" if str(model_type) in _V2_TYPES else "")
        raise ModelNotInstalled(
            f"the checkpoint is of another model: architecture {shown}, type {model_type}; expected {wanted}"
        )


_SIZE_KEYS = {
    "num_layers": "num_hidden_layers",
    "hidden_size": "hidden_size",
    "intermediate_size": "intermediate_size",
    "num_heads": "num_attention_heads",
    "num_kv_heads": "num_key_value_heads",
    "head_dim": "head_dim",
    "vocabulary": "vocab_size",
}


def _text_problems(text: Mapping[str, Any]) -> Iterator[str]:
    for key in _SIZE_KEYS.values():
        limit = _MAX_LAYERS if key == "num_hidden_layers" else _MAX_SIZE
        yield from size_problem(f"text_config.{key}", text.get(key), limit)
    nested = text.get("rope_parameters")
    bases = {"rope_theta": text.get("rope_theta"), "rms_norm_eps": text.get("rms_norm_eps")}
    if isinstance(nested, dict):
        bases["rope_parameters.rope_theta"] = nested.get("rope_theta")
    for key, value in bases.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float) or not value > 0):
            yield f"text_config.{key} must be a positive number, not {value!r}"


def size_problem(name: str, value: object, limit: int = _MAX_SIZE) -> Iterator[str]:
    """Say what is wrong with a size, if anything is."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= limit:
        yield f"{name} must be a whole number from 1 to {limit}, not {value!r}"


def _rope_theta(text: Mapping[str, Any]) -> float:
    """Find the base of the rotation; the flat key can be null, and a default of 10 000 would be silently wrong."""
    nested = text.get("rope_parameters")
    theta = (nested.get("rope_theta") if isinstance(nested, dict) else None) or text.get("rope_theta")
    return float(theta) if theta else _ROPE_THETA


def _audio_problems(audio: Mapping[str, Any]) -> Iterator[str]:
    wanted = {"num_codebooks": NUM_CODEBOOKS, "vocab_size": CODE_VOCABULARY, "use_delay_pattern": True}
    for key, value in wanted.items():
        if audio.get(key) != value:
            yield f"audio_encoder_config.{key} must be {value}, not {audio.get(key)!r}"


def _size_problems(config: HiggsConfig, min_vocabulary: int) -> Iterator[str]:
    if config.num_heads % config.num_kv_heads or config.head_dim % 2:
        yield f"{config.num_heads} heads cannot share {config.num_kv_heads} key heads of {config.head_dim}"
    if config.vocabulary < min_vocabulary:
        yield f"text_config.vocab_size must be {min_vocabulary} or more for the audio tokens, not {config.vocabulary}"
