"""How Higgs Audio v3 STT starts: options, checkpoint, tokenizer, encoder, decoder, and what the engine says it is."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch

from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.engine.runner import Runner
from antiphon_server.model.hub import find_checkpoint
from antiphon_server.model.stt.checkpoint import SttCheckpoint, open_stt
from antiphon_server.model.stt.chunks import seconds_in
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.prompt import INSTRUCTION, Thinking
from antiphon_server.model.stt.vocabulary import stt_tokens
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.cuda.start import start_text_runner
from antiphon_server.runtime.starting import DTYPES, device_of, graph_settings, placed, revision, runner_sizes
from antiphon_server.runtime.stt_options import SttOptions, plan_of
from antiphon_server.runtime.stt_runner import SttRunner
from antiphon_server.telemetry.progress import ProgressLine

MODEL = "higgs-audio-v3-stt"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class LoadedStt:
    """What of a checkpoint is in memory."""

    tokenizer: TextTokenizer
    runner: Runner
    info: EngineInfo
    thinking: Thinking
    """Where a job says AUTO."""
    gauges: Callable[[], Mapping[str, float]] = dict
    """What the runner tells of itself, for ``EngineStats``."""


def load(options: SttOptions) -> LoadedStt:
    """Load a checkpoint.

    Raises:
        InvalidField: If an option is missing or out of range, or the model does not fit the memory that is free.
        ModelNotInstalled: If the checkpoint is not there, not whole, or of another model.
    """
    device = device_of(options)
    checkpoint = open_stt(find_checkpoint(options.checkpoint, ProgressLine("checkpoint: downloaded", _log.info)))
    return placed(
        device,
        lambda available: plan_of(options, checkpoint.config, available),
        lambda plan: _loaded(checkpoint, options, device, plan.num_blocks),
    )


def _loaded(checkpoint: SttCheckpoint, options: SttOptions, device: torch.device, num_blocks: int) -> LoadedStt:
    """Read a checkpoint to where it is computed with."""
    tokenizer = TextTokenizer(checkpoint.folder / "tokenizer.json", stt_tokens())
    dtype = DTYPES[options.dtype]
    ear = Ear(checkpoint.config, dtype=dtype, device=device)
    decoder = TextDecoder(checkpoint.config, dtype=dtype, device=device)
    checkpoint.fill({**dict(decoder.named()), **ear.weights}, ProgressLine("checkpoint: read", _log.info))
    thinking = Thinking(options.thinking)
    if device.type == "cpu":
        on_cpu = SttRunner(ear, decoder, **runner_sizes(options, num_blocks))
        return LoadedStt(tokenizer, on_cpu, _info(checkpoint, options, on_cpu), thinking)
    runner = start_text_runner(ear, decoder, graph_settings(options, num_blocks))
    return LoadedStt(tokenizer, runner, _info(checkpoint, options, runner), thinking, runner.gauges)


def _info(checkpoint: SttCheckpoint, options: SttOptions, runner: Runner) -> EngineInfo:
    return EngineInfo(
        model=MODEL,
        revision=revision(checkpoint.folder, checkpoint.tensors.values(), options),
        owner="bosonai",
        license="Apache-2.0",
        languages=("en",),
        max_concurrent_calls=options.max_concurrent_calls,
        supports_thinking=True,
        uses_prompt=False,
        uses_key_words=False,
        uses_temperature=False,
        has_stats=True,
        max_positions=runner.max_positions,
        max_piece_ms=1000 * min(options.max_piece_s, seconds_in(runner.max_positions)),
        num_pieces_at_once=min(8, options.max_concurrent_calls),
        call_options={"guard": options.guard, "instruction": INSTRUCTION},
    )
