"""Speech by Higgs Audio v3 TTS: the Synthesizer over checkpoint, backbone, codec and step loop."""

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.codec.sizes import SAMPLE_RATE_HZ
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import EngineInfo, EngineVoice, SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask, Finish, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import InvalidField, UnknownVoice
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import Checkpoint, open_checkpoint
from antiphon_server.model.languages import LANGUAGES
from antiphon_server.model.prompt import build_prompt
from antiphon_server.model.tokenizer import DELIVERY_TAGS, TextTokenizer, tag_ids
from antiphon_server.runtime.higgs_runner import INVARIANT_ROWS, HiggsRunner
from antiphon_server.runtime.step_thread import StepThread

MODEL = "higgs-audio-v3-tts"
VOICE = "default"
MAX_ROWS = 2048
_DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
_CHUNK_BYTES = SAMPLE_RATE_HZ * 80 // 1000 * 2
# About four times as long as anybody takes to say it: 25 rows a second, 14 characters a second.
_ROWS_PER_CHARACTER = 7
_ROWS_AT_LEAST = 150


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
    caps_rows: bool = True
    """Whether rows are capped by the length of the text, so that speech that never ends is cut and called RUNAWAY."""


class HiggsSynthesizer:
    """A Synthesizer."""

    def __init__(self, tokenizer: TextTokenizer, steps: StepThread, info: EngineInfo, *, caps_rows: bool) -> None:
        self._tokenizer, self._steps, self._info, self._caps_rows = tokenizer, steps, info, caps_rows

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        """Yield the segment's sound, then one SpeechEnd; closing stops at the next step.

        Raises:
            UnknownVoice: If the voice is not one of this engine's.
            ContextOverflow: If text and speech do not fit the model.
            EngineFailed: If the model failed.
        """
        if job.voice != VOICE:
            raise UnknownVoice(f"voice {job.voice!r} is not {VOICE}", field="voice")
        ask, began_at = self._ask(job), time.perf_counter()
        async with aclosing(self._steps.generate(ask)) as items:
            async for item in items:
                if isinstance(item, Sequence):
                    yield _end(item, time.perf_counter() - began_at)
                    return
                for at in range(0, len(item), _CHUNK_BYTES):
                    yield SpeechChunk(item[at : at + _CHUNK_BYTES])

    async def warm_up(self) -> None:
        """Speak a word; notes how soon the first sound comes."""
        job = SpeechJob(text="Ready.", voice=VOICE, sequence="warm-up", max_new_tokens=40)
        began_at, first_ms = time.perf_counter(), 0.0
        async with aclosing(self.speak(job)) as items:
            async for item in items:
                if isinstance(item, SpeechChunk) and not first_ms:
                    first_ms = (time.perf_counter() - began_at) * 1000
        self._info = replace(self._info, first_output_ms=first_ms)

    def _ask(self, job: SpeechJob) -> Ask:
        text = [*tag_ids(job.tags), *self._tokenizer.encode(job.text)]
        prompt = build_prompt(text)
        asked = min(MAX_ROWS, job.max_new_tokens or MAX_ROWS)
        cap = _ROWS_AT_LEAST + _ROWS_PER_CHARACTER * len(job.text) if self._caps_rows else asked
        draw = Draw(job.seed, 1.0 if job.temperature is None else job.temperature, job.top_k, job.top_p)
        return Ask(
            prompt.positions,
            prompt.num_prefix,
            draw,
            min(asked, cap),
            length_finish=Finish.RUNAWAY if cap < asked else Finish.LENGTH,
            caller=job.sequence,
        )


def _end(sequence: Sequence, engine_s: float) -> SpeechEnd:
    assert sequence.finish is not None
    return SpeechEnd(
        finish_reason=sequence.finish.value,
        engine_ms=engine_s * 1000,
        input_tokens=len(sequence.ask.prompt),
        output_tokens=len(sequence.rows),
    )


def _load(options: HiggsOptions) -> HiggsSynthesizer:
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
    runner = HiggsRunner(
        backbone,
        HiggsCodec(checkpoint.read_codec()),
        num_blocks=options.num_blocks,
        max_sequences=min(INVARIANT_ROWS, options.max_concurrent_calls),
    )
    steps = StepThread(StepLoop(runner, time.monotonic))
    return HiggsSynthesizer(tokenizer, steps, _info(checkpoint, options), caps_rows=options.caps_rows)


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
        supports_seed=True,
        supports_sampling=True,
    )


def _revision(checkpoint: Checkpoint) -> str:
    """Digest names, sizes and times of the files; hashing 9 GB would take longer than loading them."""
    digest = hashlib.sha256()
    for path in sorted({stored.path for stored in checkpoint.tensors.values()}):
        about = path.stat()
        digest.update(f"{path.name}:{about.st_size}:{about.st_mtime_ns}".encode())
    return digest.hexdigest()


async def create(options: Mapping[str, object]) -> HiggsSynthesizer:
    """Load and warm up the synthesizer.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the checkpoint is not there, not whole, or of another model.
    """
    engine = await asyncio.to_thread(_load, parse_options(options, HiggsOptions))
    await engine.warm_up()
    return engine
