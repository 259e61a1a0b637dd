"""How Higgs Audio v3 TTS starts: options, checkpoint, tokenizer, backbone, codec, and what the engine says it is."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.codec.sizes import NUM_QUANTIZERS, SAMPLE_RATE_HZ
from antiphon_server.engine.protocol import EngineInfo, EngineVoice
from antiphon_server.errors import InvalidField
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import Checkpoint, open_checkpoint
from antiphon_server.model.languages import LANGUAGES
from antiphon_server.model.tokenizer import DELIVERY_TAGS, TextTokenizer
from antiphon_server.runtime.higgs_runner import INVARIANT_ROWS, HiggsRunner

MODEL = "higgs-audio-v3-tts"
VOICE = "default"
_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


@dataclass(frozen=True, slots=True)
class HiggsOptions:
    """Options of this engine."""

    checkpoint: str = ""
    """Folder of the checkpoint. Required."""
    device: str = "cpu"
    dtype: str = "bfloat16"
    """bfloat16, as published, or float32."""
    threads: int = field(default=2, metadata={"least": 1})
    """Threads of one operation on a CPU."""
    max_concurrent_calls: int = field(default=16, metadata={"least": 1})
    num_blocks: int = field(default=2048, metadata={"least": 64})
    """Blocks of 16 positions for keys and values."""
    guard: bool = True
    """Whether speech that does not end is cut and called RUNAWAY, where a call says nothing: rows by the length of the
    text, and silence."""


@dataclass(frozen=True, slots=True)
class Loaded:
    """What of a checkpoint is in memory."""

    tokenizer: TextTokenizer
    codec: HiggsCodec
    runner: HiggsRunner
    info: EngineInfo


def load(options: HiggsOptions) -> Loaded:
    """Load a checkpoint.

    Raises:
        InvalidField: If an option is missing or out of range.
        ModelNotInstalled: If the checkpoint is not there, not whole, or of another model.
    """
    if not options.checkpoint:
        raise InvalidField(
            "tts.checkpoint is required: the folder of a Higgs Audio v3 TTS checkpoint", field="checkpoint"
        )
    if options.dtype not in _DTYPES:
        raise InvalidField(f"tts.dtype must be {' or '.join(_DTYPES)}, not {options.dtype!r}", field="dtype")
    torch.set_num_threads(options.threads)
    checkpoint = open_checkpoint(Path(options.checkpoint))
    tokenizer = TextTokenizer(checkpoint.folder / "tokenizer.json")
    backbone = Backbone(checkpoint.config, dtype=_DTYPES[options.dtype], device=options.device)
    backbone.load(checkpoint)
    codec = HiggsCodec(checkpoint.read_codec())
    max_sequences = min(INVARIANT_ROWS, options.max_concurrent_calls)
    runner = HiggsRunner(backbone, codec, num_blocks=options.num_blocks, max_sequences=max_sequences)
    return Loaded(tokenizer, codec, runner, _info(checkpoint, options))


def _info(checkpoint: Checkpoint, options: HiggsOptions) -> EngineInfo:
    description = "The model's own choice of voice; it may change from call to call."
    voice = EngineVoice(VOICE, "Default", description, is_variant=False, languages=LANGUAGES)
    return EngineInfo(
        model=MODEL,
        revision=_revision(checkpoint),
        owner="bosonai",
        license="Boson research and non-commercial, with a creator-use grant",
        languages=LANGUAGES,
        max_concurrent_calls=options.max_concurrent_calls,
        sample_rate_hz=SAMPLE_RATE_HZ,
        voices=(voice,),
        rendered_tags=tuple(DELIVERY_TAGS),
        supports_cloning=True,
        supports_seed=True,
        supports_sampling=True,
        supports_delivery=False,
        supports_history=True,
        has_codec_frames=True,
        counts_tokens=True,
        has_stats=True,
        num_codebooks=NUM_QUANTIZERS,
        continuity="CONTEXT",
        call_options={"guard": options.guard},
    )


def _revision(checkpoint: Checkpoint) -> str:
    """Digest names, sizes and times of the files; hashing 9 GB would take longer than loading them."""
    digest = hashlib.sha256()
    for path in sorted({stored.path for stored in checkpoint.tensors.values()}):
        about = path.stat()
        digest.update(f"{path.name}:{about.st_size}:{about.st_mtime_ns}".encode())
    return digest.hexdigest()
