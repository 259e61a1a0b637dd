"""Names and shapes of every tensor of a Higgs Audio v3 TTS checkpoint: backbone, embeddings and codec in one file.

Sizes of the codec are not in the checkpoint's config; the tensors themselves say them (``codec.sizes``).
"""

from collections.abc import Iterator

from antiphon_server.codec.sizes import CodecSizes, Shape
from antiphon_server.model.higgs_config import CODE_VOCABULARY, NUM_CODEBOOKS, HiggsConfig

TEXT_EMBEDDING = "tied.embedding.text_embedding.weight"
CODE_EMBEDDING = "tied.embedding.modality_embeddings.0.embedding.weight"
CODEC_PREFIX = "tied.embedding.modality_embeddings.0.model."
BODY = "body."
DUPLICATES = ("tied.head.text_head.weight", "tied.head.modality_heads.0.weight")
"""Tied copies that the published file holds and its index does not; never read."""


def layer_name(layer: int, part: str, prefix: str = BODY) -> str:
    """Name a weight of a layer, e.g. ``part`` "self_attn.q_proj"."""
    return f"{prefix}layers.{layer}.{part}.weight"


def backbone_shapes(config: HiggsConfig) -> dict[str, Shape]:
    """Name every tensor of the language model, with its shape."""
    embeddings: dict[str, Shape] = {
        TEXT_EMBEDDING: (config.vocabulary, config.hidden_size),
        CODE_EMBEDDING: (NUM_CODEBOOKS * CODE_VOCABULARY, config.hidden_size),
    }
    return embeddings | qwen3_shapes(config, BODY)


def qwen3_shapes(config: HiggsConfig, prefix: str) -> dict[str, Shape]:
    """Name every tensor of the layers and of the norm behind them, with its shape."""
    shapes: dict[str, Shape] = {f"{prefix}norm.weight": (config.hidden_size,)}
    for layer in range(config.num_layers):
        shapes |= {layer_name(layer, part, prefix): shape for part, shape in _layer(config)}
    return shapes


def _layer(config: HiggsConfig) -> Iterator[tuple[str, Shape]]:
    hidden, inner = config.hidden_size, config.intermediate_size
    queries, keys = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    yield "input_layernorm", (hidden,)
    yield "post_attention_layernorm", (hidden,)
    yield "self_attn.q_proj", (queries, hidden)
    yield "self_attn.k_proj", (keys, hidden)
    yield "self_attn.v_proj", (keys, hidden)
    yield "self_attn.o_proj", (hidden, queries)
    yield "self_attn.q_norm", (config.head_dim,)
    yield "self_attn.k_norm", (config.head_dim,)
    yield "mlp.gate_proj", (inner, hidden)
    yield "mlp.up_proj", (inner, hidden)
    yield "mlp.down_proj", (hidden, inner)


def checkpoint_shapes(config: HiggsConfig, codec: CodecSizes) -> dict[str, Shape]:
    """Name every tensor of a checkpoint, with its shape."""
    return backbone_shapes(config) | {CODEC_PREFIX + name: shape for name, shape in codec.shapes().items()}
