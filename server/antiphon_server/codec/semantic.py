"""The HuBERT half of the encoder: what is said, beside how it sounds. All in fp32."""

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.codec.convolutions import Weights
from antiphon_server.codec.sizes import SEMANTIC_HEAD_DIM, SEMANTIC_STRIDES, CodecSizes

_EDGE_SAMPLES = 160
_EPS = 1e-5
_EVERY = 2  # HuBERT makes fifty vectors a second, the codec twenty-five


def semantic_features(weights: Weights, sizes: CodecSizes, samples: Tensor) -> Tensor:
    """Describe ``samples`` ``[B, S]`` at 16 000 Hz by the mean of all layers: ``[B, semantic width, frames]``."""
    x = _features(weights, F.pad(samples, (_EDGE_SAMPLES, _EDGE_SAMPLES))[:, None])
    x = _project(weights, x)
    x = _norm(weights, "semantic_model.encoder.layer_norm", x + _places(weights, sizes, x))
    total = x
    for index in range(sizes.semantic_layers):
        x = _layer(weights, f"semantic_model.encoder.layers.{index}", x)
        total = total + x
    mean = (total / (sizes.semantic_layers + 1))[:, ::_EVERY]
    return _coder(weights, mean.transpose(1, 2))


def position_weight(weights: Weights) -> Tensor:
    """Fold the norm of the positional convolution, one length per tap, into its weight ``[C, C / groups, K]``."""
    name = "semantic_model.encoder.pos_conv_embed.conv.parametrizations.weight"
    direction = weights[f"{name}.original1"]
    length: Tensor = torch.linalg.vector_norm(direction, dim=(0, 1), keepdim=True)
    return weights[f"{name}.original0"] * direction / length


def _features(weights: Weights, x: Tensor) -> Tensor:
    """Seven strided convolutions: ``[B, 1, S]`` to ``[B, T, C]``."""
    for index, stride in enumerate(SEMANTIC_STRIDES):
        name = f"semantic_model.feature_extractor.conv_layers.{index}"
        x = F.conv1d(x, weights[f"{name}.conv.weight"], stride=stride)
        if index == 0:
            norm = f"{name}.layer_norm"
            x = F.group_norm(x, x.shape[1], weights[f"{norm}.weight"], weights[f"{norm}.bias"], _EPS)
        x = F.gelu(x)
    return x.transpose(1, 2)


def _project(weights: Weights, x: Tensor) -> Tensor:
    name = "semantic_model.feature_projection"
    return _linear(weights, f"{name}.projection", _norm(weights, f"{name}.layer_norm", x))


def _places(weights: Weights, sizes: CodecSizes, x: Tensor) -> Tensor:
    kernel = sizes.position_kernel
    placed = F.conv1d(
        x.transpose(1, 2),
        position_weight(weights),
        weights["semantic_model.encoder.pos_conv_embed.conv.bias"],
        padding=kernel // 2,
        groups=sizes.position_groups,
    )
    return F.gelu(placed[..., : x.shape[1]]).transpose(1, 2)  # an even kernel makes one place too many


def _layer(weights: Weights, name: str, x: Tensor) -> Tensor:
    x = _norm(weights, f"{name}.layer_norm", x + _attend(weights, f"{name}.attention", x))
    inner = F.gelu(_linear(weights, f"{name}.feed_forward.intermediate_dense", x))
    return _norm(weights, f"{name}.final_layer_norm", x + _linear(weights, f"{name}.feed_forward.output_dense", inner))


def _attend(weights: Weights, name: str, x: Tensor) -> Tensor:
    def heads(part: str) -> Tensor:
        return _linear(weights, f"{name}.{part}", x).view(*x.shape[:2], -1, SEMANTIC_HEAD_DIM).transpose(1, 2)

    mixed = F.scaled_dot_product_attention(heads("q_proj"), heads("k_proj"), heads("v_proj"))
    return _linear(weights, f"{name}.out_proj", mixed.transpose(1, 2).flatten(2))


def _coder(weights: Weights, x: Tensor) -> Tensor:
    name = "encoder_semantic"
    x = F.conv1d(x, weights[f"{name}.conv.weight"], padding=1)
    for block in (0, 1):
        for unit in (0, 1):
            part = f"{name}.conv_blocks.{block}.res_units.{unit}"
            inner = F.conv1d(F.elu(x), weights[f"{part}.conv1.weight"], padding=1)
            x = x + F.conv1d(F.elu(inner), weights[f"{part}.conv2.weight"])
        part = f"{name}.conv_blocks.{block}.conv"
        x = F.conv1d(x, weights[f"{part}.weight"], weights[f"{part}.bias"], padding=1)
    return x


def _linear(weights: Weights, name: str, x: Tensor) -> Tensor:
    return F.linear(x, weights[f"{name}.weight"], weights[f"{name}.bias"])


def _norm(weights: Weights, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], weights[f"{name}.weight"], weights[f"{name}.bias"], _EPS)
