"""How the runners start on a GPU: kernels, decoder, memory, and every graph captured before the first call."""

import logging
from collections.abc import Mapping

import torch
from torch import Tensor

from antiphon_server.codec.channels_last import ChannelsLastDecoder
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.runtime.cuda.catalogue import GraphCatalogue
from antiphon_server.runtime.cuda.device import set_numerics
from antiphon_server.runtime.cuda.graph_runner import GraphRunner, GraphSettings
from antiphon_server.runtime.cuda.text_runner import TextGraphRunner
from antiphon_server.runtime.kernels.choice import choose

_log = logging.getLogger(__name__)
_MB = 1_000_000


def start_runner(model: Backbone, codec_weights: Mapping[str, Tensor], settings: GraphSettings) -> GraphRunner:
    """Build and capture a runner for weights that are on a GPU."""
    set_numerics()
    kernels = choose(is_triton=True)
    with torch.cuda.device(model.device):  # a capture waits for the current device, and takes memory on it
        decoder = ChannelsLastDecoder(codec_weights, device=model.device, snake=kernels.snake)
        runner = GraphRunner(model, decoder, kernels, settings)
        runner.capture()
    _tell("steps", runner.graphs)
    _tell("codec", runner.codec_graphs)
    return runner


def start_text_runner(ear: Ear, decoder: TextDecoder, settings: GraphSettings) -> TextGraphRunner:
    """Build and capture a runner of the listening model, whose weights are on a GPU."""
    set_numerics()
    with torch.cuda.device(decoder.device):
        runner = TextGraphRunner(ear, decoder, choose(is_triton=True), settings)
        runner.capture()
    _tell("listening", runner.graphs)
    return runner


def _tell(name: str, graphs: GraphCatalogue) -> None:
    _log.info(
        "graphs captured name=%s count=%d ms=%.0f mb=%.0f",
        name,
        len(graphs.entries),
        sum(entry.capture_ms for entry in graphs.entries),
        sum(entry.num_bytes for entry in graphs.entries) / _MB,
    )
