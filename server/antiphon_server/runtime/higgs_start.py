"""How Higgs Audio v3 TTS starts: options, checkpoint, tokenizer, backbone, codec, and what the engine says it is."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.codec.sizes import NUM_QUANTIZERS, SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from antiphon_server.engine.protocol import EngineInfo, EngineVoice
from antiphon_server.engine.runner import Runner
from antiphon_server.engine.voice_names import FOREIGN_VOICES
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import Checkpoint, open_checkpoint
from antiphon_server.model.hub import find_checkpoint
from antiphon_server.model.languages import LANGUAGES
from antiphon_server.model.layout import CODEC_PREFIX
from antiphon_server.model.tokenizer import DELIVERY_TAGS, TextTokenizer
from antiphon_server.runtime.cuda.start import start_runner
from antiphon_server.runtime.higgs_options import HiggsOptions, plan_of
from antiphon_server.runtime.higgs_runner import HiggsRunner
from antiphon_server.runtime.starting import DTYPES, device_of, graph_settings, placed, revision, runner_sizes
from antiphon_server.telemetry.progress import ProgressLine

MODEL = "higgs-audio-v3-tts"
VOICE = "default"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What of a checkpoint is in memory."""

    tokenizer: TextTokenizer
    codec: HiggsCodec
    runner: Runner
    info: EngineInfo
    gauges: Callable[[], Mapping[str, float]] = dict
    """What the runner tells of itself, for ``EngineStats``."""


def load(options: HiggsOptions) -> Loaded:
    """Load a checkpoint.

    Raises:
        InvalidField: If an option is missing or out of range, or the model does not fit the memory that is free.
        ModelNotInstalled: If the checkpoint is not there, not whole, or of another model.
    """
    device = device_of(options)
    checkpoint = open_checkpoint(find_checkpoint(options.checkpoint, ProgressLine("checkpoint: downloaded", _log.info)))
    return placed(
        device,
        lambda available: plan_of(options, checkpoint.report, available),
        lambda plan: _loaded(checkpoint, options, device, plan.num_blocks),
    )


def _loaded(checkpoint: Checkpoint, options: HiggsOptions, device: torch.device, num_blocks: int) -> Loaded:
    """Read a checkpoint to where it is computed with."""
    tokenizer = TextTokenizer(checkpoint.folder / "tokenizer.json")
    backbone = Backbone(checkpoint.config, dtype=DTYPES[options.dtype], device=device)
    buffers = checkpoint.codec_buffers()
    checkpoint.fill({**dict(backbone.named()), **buffers}, ProgressLine("checkpoint: read", _log.info))
    weights = {name.removeprefix(CODEC_PREFIX): tensor.to(device) for name, tensor in buffers.items()}
    codec = HiggsCodec(weights)
    if device.type == "cpu":
        on_cpu = HiggsRunner(backbone, codec, **runner_sizes(options, num_blocks))
        return Loaded(tokenizer, codec, on_cpu, _info(checkpoint, options, on_cpu))
    runner = start_runner(backbone, weights, graph_settings(options, num_blocks))
    return Loaded(tokenizer, codec, runner, _info(checkpoint, options, runner), runner.gauges)


def _info(checkpoint: Checkpoint, options: HiggsOptions, runner: Runner) -> EngineInfo:
    description = "The model's own choice of voice; it may change from call to call."
    voice = EngineVoice(VOICE, "Default", description, is_variant=False, languages=LANGUAGES)
    return EngineInfo(
        model=MODEL,
        revision=revision(checkpoint.folder, checkpoint.tensors.values(), options),
        owner="bosonai",
        license="Boson research and non-commercial, with a creator-use grant",
        languages=LANGUAGES,
        max_concurrent_calls=options.max_concurrent_calls,
        sample_rate_hz=SAMPLE_RATE_HZ,
        voices=(voice,),
        voice_aliases=dict.fromkeys(FOREIGN_VOICES, VOICE),
        rendered_tags=tuple(DELIVERY_TAGS),
        supports_cloning=True,
        supports_seed=True,
        supports_sampling=True,
        supports_delivery=False,
        uses_language=False,
        supports_history=True,
        has_codec_frames=True,
        counts_tokens=True,
        has_stats=True,
        num_codebooks=NUM_QUANTIZERS,
        frames_per_s=SAMPLE_RATE_HZ / SAMPLES_PER_FRAME,
        max_positions=runner.max_positions,
        continuity="CONTEXT",
        call_options={"guard": options.guard},
    )
