"""Names and shapes of every tensor of a Higgs Audio v3 STT checkpoint: encoder, projector, decoder and its own head."""

from antiphon_server.codec.sizes import Shape
from antiphon_server.model.layout import qwen3_shapes
from antiphon_server.model.stt.config import NUM_MELS, SttConfig, TowerConfig

TEXT_EMBEDDING = "embed_tokens.weight"
TEXT_HEAD = "audio_decoder_proj.text_lm_head.weight"
TOWER = "audio_tower."
PROJECTOR = "audio_encoder_proj."
IGNORED = ("audio_codebook_embeddings.", "audio_decoder_proj.audio_", "audio_out_")
"""Beginnings of what is left of a model that spoke, too; never read."""
KERNEL = 3


def ear_shapes(config: SttConfig) -> dict[str, Shape]:
    """Name every tensor of encoder and projector, with its shape."""
    tower, width = config.tower, config.tower.width
    shapes: dict[str, Shape] = {
        f"{TOWER}conv1.weight": (width, NUM_MELS, KERNEL),
        f"{TOWER}conv1.bias": (width,),
        f"{TOWER}conv2.weight": (width, width, KERNEL),
        f"{TOWER}conv2.bias": (width,),
        f"{TOWER}embed_positions.weight": (tower.max_positions, width),
        **_norm(f"{TOWER}layer_norm", width),
    }
    for layer in range(tower.num_layers):
        shapes |= _tower_layer(f"{TOWER}layers.{layer}.", tower)
    return shapes | _projector(width, config.text.hidden_size)


def decoder_shapes(config: SttConfig) -> dict[str, Shape]:
    """Name every tensor of the decoder, with its shape."""
    table = (config.text.vocabulary, config.text.hidden_size)
    return {TEXT_EMBEDDING: table, TEXT_HEAD: table} | qwen3_shapes(config.text, "")


def stt_shapes(config: SttConfig) -> dict[str, Shape]:
    """Name every tensor that is read, with its shape."""
    return ear_shapes(config) | decoder_shapes(config)


def ignored_shapes(config: SttConfig) -> dict[str, Shape]:
    """Name the tensors of the published files that are not read, with their shapes."""
    rows = (3, config.text.hidden_size)
    return {"audio_codebook_embeddings.weight": rows, "audio_decoder_proj.audio_lm_head.weight": rows}


def _tower_layer(prefix: str, tower: TowerConfig) -> dict[str, Shape]:
    width = tower.width
    return {
        **_norm(f"{prefix}self_attn_layer_norm", width),
        **_linear(f"{prefix}self_attn.q_proj", width, width),
        f"{prefix}self_attn.k_proj.weight": (width, width),
        **_linear(f"{prefix}self_attn.v_proj", width, width),
        **_linear(f"{prefix}self_attn.out_proj", width, width),
        **_norm(f"{prefix}final_layer_norm", width),
        **_linear(f"{prefix}fc1", tower.inner, width),
        **_linear(f"{prefix}fc2", width, tower.inner),
    }


def _projector(width: int, hidden: int) -> dict[str, Shape]:
    return {
        f"{PROJECTOR}temporal.weight": (width, 1, KERNEL),
        f"{PROJECTOR}temporal.bias": (width,),
        **_linear(f"{PROJECTOR}linear1", hidden, width),
        **_linear(f"{PROJECTOR}linear2", hidden, hidden),
    }


def _linear(name: str, num_out: int, num_in: int) -> dict[str, Shape]:
    return {f"{name}.weight": (num_out, num_in), f"{name}.bias": (num_out,)}


def _norm(name: str, width: int) -> dict[str, Shape]:
    return {f"{name}.weight": (width,), f"{name}.bias": (width,)}
