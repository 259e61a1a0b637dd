"""Speech by Higgs Audio v3 TTS: the Synthesizer over checkpoint, backbone, codec and step loop."""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from antiphon_server.codec.sizes import SAMPLE_RATE_HZ
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import EngineInfo, SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask, Finish, Sequence
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.errors import UnknownVoice
from antiphon_server.model.prompt import build_prompt
from antiphon_server.model.tokenizer import TextTokenizer, tag_ids
from antiphon_server.runtime.higgs_start import VOICE, HiggsOptions, load
from antiphon_server.runtime.step_thread import StepThread

MAX_ROWS = 2048
_CHUNK_BYTES = SAMPLE_RATE_HZ * 80 // 1000 * 2
# About four times as long as anybody takes to say it: 25 rows a second, 14 characters a second.
_ROWS_PER_CHARACTER = 7
_ROWS_AT_LEAST = 150


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


async def create(options: Mapping[str, object]) -> HiggsSynthesizer:
    """Load and warm up the synthesizer.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the checkpoint is not there, not whole, or of another model.
    """
    known = parse_options(options, HiggsOptions)
    loaded = await asyncio.to_thread(load, known)
    steps = StepThread(StepLoop(loaded.runner, time.monotonic))
    engine = HiggsSynthesizer(loaded.tokenizer, steps, loaded.info, caps_rows=known.caps_rows)
    await engine.warm_up()
    return engine
