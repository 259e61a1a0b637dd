"""Widths of the codec, the names and shapes of its tensors, and how to find the widths from a file's shapes.

Graph of the Higgs audio tokenizer v2: a DAC encoder and decoder, a HuBERT branch, and eight residual quantisers.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

Shape = tuple[int, ...]

STRIDES = (8, 5, 4, 2, 3)
"""Samples per frame: 960 at 24 000 Hz, 25 frames a second."""
SAMPLES_PER_FRAME = 960
SAMPLE_RATE_HZ = 24_000
SEMANTIC_RATE_HZ = 16_000
DILATIONS = (1, 3, 9)
NUM_QUANTIZERS = 8
CODEBOOK_SIZE = 1024
SEMANTIC_KERNELS = (10, 3, 3, 3, 3, 2, 2)
SEMANTIC_STRIDES = (5, 2, 2, 2, 2, 2, 2)
SEMANTIC_HEAD_DIM = 64


@dataclass(frozen=True, slots=True)
class CodecSizes:
    """Widths. The defaults are those of the published weights."""

    encoder_width: int = 64
    decoder_width: int = 1024
    acoustic_width: int = 256
    semantic_width: int = 768
    semantic_conv_width: int = 512
    semantic_inner: int = 3072
    semantic_layers: int = 12
    position_kernel: int = 128
    position_groups: int = 16
    codebook_dim: int = 64

    @property
    def joint_width(self) -> int:
        """Acoustic and semantic channels side by side."""
        return self.acoustic_width + self.semantic_width

    def shapes(self) -> dict[str, Shape]:
        """Name all 528 tensors of a codec of these widths (fewer with fewer semantic layers)."""
        return dict(_all_parts(self))


def sizes_of(shapes: Mapping[str, Shape]) -> CodecSizes:
    """Read the widths off a file's shapes.

    Raises:
        KeyError: If a tensor that tells a width is missing; the argument is its name.
        ValueError: If such a tensor has the wrong number of dimensions.
    """
    acoustic_width, _ = shapes["fc2.weight"]
    semantic_width, conv_width = shapes["semantic_model.feature_projection.projection.weight"]
    _, group_width, position_kernel = shapes[
        "semantic_model.encoder.pos_conv_embed.conv.parametrizations.weight.original1"
    ]
    inner, _ = shapes["semantic_model.encoder.layers.0.feed_forward.intermediate_dense.weight"]
    encoder_width, _, _ = shapes["acoustic_encoder.conv1.weight"]
    decoder_width, _, _ = shapes["acoustic_decoder.conv1.weight"]
    _, codebook_dim = shapes["quantizer.quantizers.0.codebook.embed"]
    layers = {name.split(".")[3] for name in shapes if name.startswith("semantic_model.encoder.layers.")}
    return CodecSizes(
        encoder_width=encoder_width,
        decoder_width=decoder_width,
        acoustic_width=acoustic_width,
        semantic_width=semantic_width,
        semantic_conv_width=conv_width,
        semantic_inner=inner,
        semantic_layers=len(layers),
        position_kernel=position_kernel,
        position_groups=semantic_width // max(1, group_width),
        codebook_dim=codebook_dim,
    )


def _all_parts(sizes: CodecSizes) -> Iterator[tuple[str, Shape]]:
    joint = sizes.joint_width
    yield from _acoustic_encoder(sizes)
    yield from _acoustic_decoder(sizes)
    yield from _semantic_model(sizes)
    yield from _semantic_coder("encoder_semantic", sizes)
    yield from _semantic_coder("decoder_semantic", sizes)
    yield from _with_bias("fc", (joint, joint))
    yield from _with_bias("fc1", (sizes.semantic_width, joint))
    yield from _with_bias("fc2", (sizes.acoustic_width, joint))
    for index in range(NUM_QUANTIZERS):
        name, dim = f"quantizer.quantizers.{index}", sizes.codebook_dim
        yield f"{name}.codebook.embed", (CODEBOOK_SIZE, dim)
        yield f"{name}.codebook.embed_avg", (CODEBOOK_SIZE, dim)
        yield f"{name}.codebook.cluster_size", (CODEBOOK_SIZE,)
        yield f"{name}.codebook.inited", (1,)
        yield from _with_bias(f"{name}.project_in", (dim, joint))
        yield from _with_bias(f"{name}.project_out", (joint, dim))


def _with_bias(name: str, shape: Shape, *, num_out: int | None = None) -> Iterator[tuple[str, Shape]]:
    yield f"{name}.weight", shape
    yield f"{name}.bias", (shape[0] if num_out is None else num_out,)


def _residual_units(name: str, width: int) -> Iterator[tuple[str, Shape]]:
    for unit in (1, 2, 3):
        part = f"{name}.res_unit{unit}"
        yield f"{part}.snake1.alpha", (1, width, 1)
        yield from _with_bias(f"{part}.conv1", (width, width, 7))
        yield f"{part}.snake2.alpha", (1, width, 1)
        yield from _with_bias(f"{part}.conv2", (width, width, 1))


def _acoustic_encoder(sizes: CodecSizes) -> Iterator[tuple[str, Shape]]:
    name, width = "acoustic_encoder", sizes.encoder_width
    yield from _with_bias(f"{name}.conv1", (width, 1, 7))
    for index, stride in enumerate(STRIDES):
        block = f"{name}.block.{index}"
        yield from _residual_units(block, width)
        yield f"{block}.snake1.alpha", (1, width, 1)
        yield from _with_bias(f"{block}.conv1", (width * 2, width, 2 * stride))
        width *= 2
    yield f"{name}.snake1.alpha", (1, width, 1)
    yield from _with_bias(f"{name}.conv2", (sizes.acoustic_width, width, 3))


def _acoustic_decoder(sizes: CodecSizes) -> Iterator[tuple[str, Shape]]:
    name, width = "acoustic_decoder", sizes.decoder_width
    yield from _with_bias(f"{name}.conv1", (width, sizes.acoustic_width, 7))
    for index, stride in enumerate(STRIDES):
        block = f"{name}.block.{index}"
        yield f"{block}.snake1.alpha", (1, width, 1)
        yield from _with_bias(f"{block}.conv_t1", (width, width // 2, 2 * stride), num_out=width // 2)
        width //= 2
        yield from _residual_units(block, width)
    yield f"{name}.snake1.alpha", (1, width, 1)
    yield from _with_bias(f"{name}.conv2", (1, width, 7))


def _semantic_model(sizes: CodecSizes) -> Iterator[tuple[str, Shape]]:
    name, width, conv = "semantic_model", sizes.semantic_width, sizes.semantic_conv_width
    yield f"{name}.masked_spec_embed", (width,)
    for index, kernel in enumerate(SEMANTIC_KERNELS):
        yield f"{name}.feature_extractor.conv_layers.{index}.conv.weight", (conv, conv if index else 1, kernel)
    yield from _with_bias(f"{name}.feature_extractor.conv_layers.0.layer_norm", (conv,))
    yield from _with_bias(f"{name}.feature_projection.layer_norm", (conv,))
    yield from _with_bias(f"{name}.feature_projection.projection", (width, conv))
    position = f"{name}.encoder.pos_conv_embed.conv"
    yield f"{position}.parametrizations.weight.original0", (1, 1, sizes.position_kernel)
    yield (
        f"{position}.parametrizations.weight.original1",
        (width, width // sizes.position_groups, sizes.position_kernel),
    )
    yield f"{position}.bias", (width,)
    yield from _with_bias(f"{name}.encoder.layer_norm", (width,))
    for index in range(sizes.semantic_layers):
        layer = f"{name}.encoder.layers.{index}"
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield from _with_bias(f"{layer}.attention.{part}", (width, width))
        yield from _with_bias(f"{layer}.layer_norm", (width,))
        yield from _with_bias(f"{layer}.feed_forward.intermediate_dense", (sizes.semantic_inner, width))
        yield from _with_bias(f"{layer}.feed_forward.output_dense", (width, sizes.semantic_inner))
        yield from _with_bias(f"{layer}.final_layer_norm", (width,))


def _semantic_coder(name: str, sizes: CodecSizes) -> Iterator[tuple[str, Shape]]:
    """Encoder: one conv, then two blocks. Decoder: conv1, two blocks, conv2; used in training only."""
    square = (sizes.semantic_width, sizes.semantic_width, 3)
    for conv in ("conv",) if name == "encoder_semantic" else ("conv1", "conv2"):
        yield f"{name}.{conv}.weight", square
    for block in (0, 1):
        part = f"{name}.conv_blocks.{block}"
        for unit in (0, 1):
            yield f"{part}.res_units.{unit}.conv1.weight", square
            yield f"{part}.res_units.{unit}.conv2.weight", (sizes.semantic_width, sizes.semantic_width, 1)
        yield from _with_bias(f"{part}.conv", square)
