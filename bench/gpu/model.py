"""The speech model with weights of seeded noise, made on the device: real sizes without a file of 9.3 GB."""

import random
import zlib
from collections.abc import Iterator

import torch
from torch import Tensor

from antiphon_server.codec.channels_last import ChannelsLastDecoder
from antiphon_server.codec.delay import BOC, EOC, NUM_CODEBOOKS
from antiphon_server.engine.runner import Row
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.higgs_config import HiggsConfig
from antiphon_server.model.layout import CODEC_PREFIX
from antiphon_server.model.make import SIZES, spread
from antiphon_server.model.prompt import Prompt, Reference, build_prompt
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.device import set_numerics
from antiphon_server.runtime.cuda.graph_runner import GraphRunner, GraphSettings
from antiphon_server.runtime.kernels.choice import Kernels, choose
from bench.gpu.record import Record
from bench.gpu.setting import Setting

BLOCK_SIZE = 16
NUM_CODES = 1024
_FIRST_LETTER, _NUM_LETTERS = 64, 26
MODES = {True: "batch_invariant", False: "fast"}


def noise(name: str, seed: int, device: torch.device | str) -> torch.Generator:
    """Seed a generator on the device by a name."""
    return torch.Generator(device).manual_seed(zlib.crc32(name.encode()) ^ seed)


def make_backbone(setting: Setting, dtype: torch.dtype) -> Backbone:
    """Make a language model that never says its end: a clip's length is then what was asked for."""
    set_numerics()
    model = Backbone(SIZES[setting.size].backbone, dtype=dtype, device=setting.device)
    for name, tensor in model.named():
        mean, deviation = spread(name, tuple(tensor.shape))
        tensor.normal_(mean, deviation, generator=noise(name, setting.seed, setting.device))
    never_end(model)
    return model


def never_end(model: Backbone) -> None:
    """Give the end's code a score of 0, which the 50 likeliest of 1026 codes are all above."""
    model.code_embedding[EOC] = 0.0


def make_codec_weights(setting: Setting, device: str) -> dict[str, Tensor]:
    """Make the codec's weights in fp32."""
    weights = {}
    for name, shape in SIZES[setting.size].codec.shapes().items():
        mean, deviation = spread(CODEC_PREFIX + name, shape)
        weights[name] = torch.empty(shape, device=device).normal_(mean, deviation, generator=noise(name, 5, device))
    return weights


def make_decoder(setting: Setting) -> ChannelsLastDecoder:
    """Make the codec's decoding half."""
    weights = make_codec_weights(setting, setting.device)
    return ChannelsLastDecoder(weights, device=setting.device, snake=make_kernels(setting.device).snake)


def make_kernels(device: str) -> Kernels:
    """The kernels on a GPU, their twins on a CPU."""
    return choose(is_triton=device == "cuda")


def make_runner(
    setting: Setting,
    model: Backbone,
    decoder: ChannelsLastDecoder,
    *,
    is_invariant: bool = True,
    is_eager: bool = False,
) -> GraphRunner:
    """Make a runner that is ready; on a CPU it is always an eager one."""
    settings = graph_settings(setting, is_invariant=is_invariant, is_eager=is_eager)
    runner = GraphRunner(model, decoder, make_kernels(setting.device), settings)
    runner.capture()
    return runner


def graph_settings(setting: Setting, *, is_invariant: bool = True, is_eager: bool = False) -> GraphSettings:
    """Say how a runner of this run is built; what was made for it before is on the device when this returns."""
    scale = setting.scale
    if setting.device == "cuda":
        torch.cuda.synchronize()  # weights are filled on another stream than the runner's
    return GraphSettings(
        num_blocks=scale.num_blocks,
        block_size=BLOCK_SIZE,
        max_sequences=max(scale.buckets),
        is_invariant=is_invariant,
        is_eager=is_eager or not setting.has_graphs,
        buckets=scale.buckets,
    )


def record_captures(record: Record, *catalogues: GraphCatalogue) -> None:
    """Note what the graphs cost."""
    entries = [entry for catalogue in catalogues for entry in catalogue.entries]
    record.figure(
        "capture of all graphs",
        [sum(entry.capture_ms for entry in entries) / 1000],
        "s",
        graphs=len(entries),
        bytes=sum(entry.num_bytes for entry in entries),
        longest_ms=max(entry.capture_ms for entry in entries),
    )


def weight_bytes(model: Backbone | TextDecoder) -> int:
    """Bytes of weights that one decode step reads; the text embedding is not among them."""
    tensors = [model.text_head if isinstance(model, TextDecoder) else model.code_embedding, model.final_norm]
    for layer in model.layers:
        tensors += [getattr(layer, name) for name in type(layer).__slots__]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def step_bytes(model: Backbone | TextDecoder, batch: int, context: float) -> float:
    """Least bytes that a decode step moves: weights once, keys and values of every sequence, and the new ones."""
    per_position = kv_bytes(model.config, model.dtype)
    return weight_bytes(model) + batch * (context + 1) * per_position


def kv_bytes(config: HiggsConfig, dtype: torch.dtype) -> int:
    """Bytes of one position's keys and values over all layers."""
    return config.num_layers * 2 * config.num_kv_heads * config.head_dim * dtype.itemsize


def product_shapes(config: HiggsConfig) -> dict[str, tuple[int, int, int]]:
    """The five matrix products of a step: outputs, inputs, and how often a step has each."""
    hidden, inner = config.hidden_size, config.intermediate_size
    queries, keys = config.num_heads * config.head_dim, config.num_kv_heads * config.head_dim
    return {
        "qkv": (queries + 2 * keys, hidden, config.num_layers),
        "output": (hidden, queries, config.num_layers),
        "gate_up": (2 * inner, hidden, config.num_layers),
        "down": (hidden, inner, config.num_layers),
        "head": (NUM_CODEBOOKS * (NUM_CODES + 2), hidden, 1),
    }


def make_prompt(setting: Setting, text_seed: int, *, num_text: int = 20, num_transcript: int = 30) -> Prompt:
    """A prompt of random letters, spoken by the run's one voice."""
    rows = tuple(_delayed_rows(random.Random(setting.seed), setting.scale.reference_frames))
    letters = random.Random(text_seed * 7919 + setting.seed)
    transcript = _letters(random.Random(setting.seed + 1), num_transcript)
    return build_prompt(_letters(letters, num_text), reference=Reference(rows, transcript))


def _letters(noise: random.Random, num: int) -> tuple[int, ...]:
    return tuple(_FIRST_LETTER + noise.randrange(_NUM_LETTERS) for _ in range(num))


def _delayed_rows(noise: random.Random, num_frames: int) -> Iterator[Row]:
    for step in range(num_frames + NUM_CODEBOOKS - 1):
        yield tuple(
            BOC if step < book else EOC if step >= book + num_frames else noise.randrange(NUM_CODES)
            for book in range(NUM_CODEBOOKS)
        )
