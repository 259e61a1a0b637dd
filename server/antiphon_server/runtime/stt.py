"""Transcripts by Higgs Audio v3 STT: the Transcriber over checkpoint, encoder, decoder and step loop."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import replace

import numpy as np

from antiphon_server.audio.floats import to_floats, to_pcm
from antiphon_server.engine.doubt import SILENT_PEAK
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import LISTENING_RATE_HZ, EngineInfo, FiredCheck, ListenJob, Transcript
from antiphon_server.engine.sequence import Finish, Sequence
from antiphon_server.engine.stats import EngineStats
from antiphon_server.engine.step_loop import StepLoop
from antiphon_server.engine.text_sequence import TextSequence
from antiphon_server.errors import DeadlineTooShort, EngineFailed
from antiphon_server.model.stt.prompt import Thinking
from antiphon_server.runtime.cuda.device import is_lost
from antiphon_server.runtime.step_thread import StepThread
from antiphon_server.runtime.stt_answer import written
from antiphon_server.runtime.stt_ask import ask_for
from antiphon_server.runtime.stt_options import SttOptions, check_job
from antiphon_server.runtime.stt_start import LoadedStt, load


class HiggsTranscriber:
    """A Transcriber, and Observed."""

    def __init__(self, loaded: LoadedStt) -> None:
        """Begin to step."""
        self._info: EngineInfo = loaded.info
        self._tokenizer, self._thinking, self._gauges = loaded.tokenizer, loaded.thinking, loaded.gauges
        self._loop = StepLoop(loaded.runner, time.monotonic, kind=TextSequence)
        self._steps = StepThread(self._loop, is_lost=is_lost)

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def stats(self) -> EngineStats:
        """Read the figures of step loop and runner; see ``Observed``."""
        stats = self._loop.stats()
        return replace(stats, gauges={**stats.gauges, **self._gauges()})

    async def transcribe(self, job: ListenJob) -> Transcript:
        """Write the audio down; silence gives empty text.

        Raises:
            InvalidField: If there are no samples, or half a one, or a field or option is not this model's.
            ContextOverflow: If sound and answer do not fit the model.
            Overloaded, DeadlineTooShort: If too many wait, or too long for ``due_at``.
            EngineFailed: If the model failed.
        """
        options = check_job(job, self._info)
        if (peak := _peak(job.pcm)) < SILENT_PEAK:
            silence = FiredCheck("peak", peak, SILENT_PEAK, 0, _length_ms(job))
            return Transcript((), self._info.languages[0], None, 0.0, checks=(silence,))
        ask = ask_for(
            job,
            self._tokenizer,
            thinking=self._thinking if job.thinking == "AUTO" else Thinking[job.thinking],
            instruction=str(options["instruction"]),
        )
        began_at = time.perf_counter()
        async with aclosing(self._steps.generate(ask)) as items:
            async for item in items:
                assert isinstance(item, Sequence)  # a text has no sound
                if item.finish is Finish.DEADLINE:
                    raise DeadlineTooShort("the deadline passed before the transcript was complete")
                engine_ms = (time.perf_counter() - began_at) * 1000
                answer = self._tokenizer.decode(row[0] for row in item.rows)
                heard = written(item, answer, audio_ms=_length_ms(job), is_guarded=bool(options["guard"]))
                return replace(heard, language=self._info.languages[0], engine_ms=engine_ms)
        raise EngineFailed("the engine ended without saying how")

    async def warm_up(self) -> None:
        """Listen twice to a second of sound; the second time says how long a transcript takes."""
        job = ListenJob(pcm=_second_of_sound(), options={"guard": False})
        for _ in range(2):
            heard = await self.transcribe(job)
        self._info = replace(self._info, first_output_ms=heard.engine_ms)


def _length_ms(job: ListenJob) -> int:
    return len(job.pcm) // 2 * 1000 // LISTENING_RATE_HZ


def _peak(pcm: bytes) -> float:
    return float(np.abs(to_floats(pcm)).max())


def _second_of_sound() -> bytes:
    return to_pcm(np.sin(np.arange(LISTENING_RATE_HZ, dtype=np.float32) * np.float32(0.1)) / 4)


async def create(options: Mapping[str, object]) -> HiggsTranscriber:
    """Load and warm up the transcriber.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the checkpoint is not there, not whole, or of another model.
    """
    loaded = await asyncio.to_thread(load, parse_options(options, SttOptions))
    engine = HiggsTranscriber(loaded)
    await engine.warm_up()
    return engine
