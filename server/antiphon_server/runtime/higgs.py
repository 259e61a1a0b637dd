"""Speech by Higgs Audio v3 TTS: the Synthesizer over checkpoint, backbone, codec and step loop."""

import asyncio
import struct
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from antiphon_server.codec.sizes import SAMPLE_RATE_HZ, SAMPLES_PER_FRAME
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import EngineInfo, SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.engine.reference import ReferenceClip, SpeechReference
from antiphon_server.engine.sequence import Sequence
from antiphon_server.engine.stats import EngineStats
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import DeadlineTooShort, UnknownVoice
from antiphon_server.model.tokenizer import TextTokenizer
from antiphon_server.runtime.clip_encoder import ClipEncoder
from antiphon_server.runtime.cuda.device import is_lost
from antiphon_server.runtime.higgs_ask import Asking
from antiphon_server.runtime.higgs_options import HiggsOptions
from antiphon_server.runtime.higgs_start import VOICE, Loaded, load
from antiphon_server.runtime.reference_rows import FRAME_BYTES
from antiphon_server.runtime.step_thread import StepThread

_CHUNK_BYTES = SAMPLE_RATE_HZ * 80 // 1000 * 2
_WARM_UP_ROWS = 10  # the least with some sound; a full-size model takes seconds a row on a CPU


class HiggsSynthesizer:
    """A Synthesizer, and a Cloner, a TokenCounter and Observed."""

    def __init__(self, loaded: Loaded) -> None:
        """Begin to step."""
        self._info: EngineInfo = loaded.info
        self._tokenizer: TextTokenizer = loaded.tokenizer
        self._gauges = loaded.gauges
        self._loop = StepLoop(loaded.runner, time.monotonic)
        self._steps = StepThread(self._loop, is_lost=is_lost)
        self._clips = ClipEncoder(loaded.codec.encode)
        self._asking = Asking(loaded.tokenizer, loaded.info)

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def encode(self, clip: ReferenceClip) -> SpeechReference:
        """Turn a clip into codes, beside the speech that goes on; see ``Cloner`` and ``ClipEncoder.codes``."""
        return SpeechReference(await self._clips.codes(clip))

    async def count_tokens(self, texts: tuple[str, ...]) -> tuple[int, ...]:
        """Count the tokens of each text; see ``TokenCounter``."""
        return await asyncio.to_thread(lambda: tuple(len(self._tokenizer.encode(text)) for text in texts))

    async def stats(self) -> EngineStats:
        """Read the figures of step loop and runner; see ``Observed``."""
        stats = self._loop.stats()
        return replace(stats, gauges={**stats.gauges, **self._gauges()})

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        """Yield the segment's sound, then one SpeechEnd; closing stops at the next step.

        Raises:
            UnknownVoice: If there is no reference and the voice is not this engine's.
            InvalidField: If a field is out of range.
            ContextOverflow: If text, reference, history and speech do not fit the model.
            Overloaded, DeadlineTooShort: If too many wait, or too long for ``due_at`` of a first segment; a later one
                then ends as DEADLINE.
            EngineFailed: If the model failed.
        """
        if job.voice != VOICE and not job.reference:
            raise UnknownVoice(f"voice {job.voice[:64]!r} is not {VOICE}", field="voice")
        asked, began_at = self._asking.ask(job), time.perf_counter()
        try:
            async with aclosing(self._steps.generate(asked.ask)) as items:
                async for item in items:
                    if isinstance(item, Sequence):
                        self._asking.note_spoken(asked, item)
                        yield _end(item, job, time.perf_counter() - began_at)
                        return
                    for at in range(0, len(item), _CHUNK_BYTES):
                        yield SpeechChunk(item[at : at + _CHUNK_BYTES])
        except DeadlineTooShort:
            if job.is_first:
                raise
            yield SpeechEnd("DEADLINE")  # what was said before it stands; there is only no time for this

    async def warm_up(self) -> None:
        """Speak a few rows, which foretells the first sound of a whole speech, and encode a second of sound."""
        job = SpeechJob("Ready.", VOICE, "warm-up", continuity="NONE", max_new_tokens=_WARM_UP_ROWS)
        async with aclosing(self.speak(job)) as items:
            async for _ in items:
                pass
        first_ms = (await self.stats()).gauges["predicted_first_audio_ms"]
        self._info = replace(self._info, first_output_ms=first_ms)
        await self.encode(ReferenceClip(_second_of_sound(), SAMPLE_RATE_HZ))


def _end(sequence: Sequence, job: SpeechJob, engine_s: float) -> SpeechEnd:
    assert sequence.finish is not None
    num_frames = sum(len(each.codes) // FRAME_BYTES for each in (*job.reference, *job.previous))
    return SpeechEnd(
        finish_reason=sequence.finish.value,
        engine_ms=engine_s * 1000,
        input_tokens=sum(isinstance(position, int) for position in sequence.ask.prompt),
        output_tokens=len(sequence.rows),
        input_audio_ms=num_frames * SAMPLES_PER_FRAME * 1000 // SAMPLE_RATE_HZ,
    )


def _second_of_sound() -> bytes:
    return struct.pack(f"<{SAMPLE_RATE_HZ}h", *(index * 7919 % 2000 - 1000 for index in range(SAMPLE_RATE_HZ)))


async def create(options: Mapping[str, object]) -> HiggsSynthesizer:
    """Load and warm up the synthesizer.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the checkpoint is not there, not whole, or of another model.
    """
    loaded = await asyncio.to_thread(load, parse_options(options, HiggsOptions))
    engine = HiggsSynthesizer(loaded)
    await engine.warm_up()
    return engine
