"""A transcriber that computes nothing, keeps its jobs, and says of itself what a test wants."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from antiphon_server.engine.protocol import (
    LISTENING_RATE_HZ,
    EngineInfo,
    FiredCheck,
    HeardSegment,
    ListenJob,
    Transcript,
)
from support.scripted import ListenScript, ScriptedTranscriber, _script, create_transcriber

CALL_OPTIONS: Mapping[str, object] = {"beams": 1, "patience": 1.0, "style": "plain", "punctuate": True}
CHECK = FiredCheck("average_log_prob", value=-1.25, limit=-1.0, start_ms=0, end_ms=200)


@dataclass(frozen=True, slots=True)
class EarScript:
    word_times: bool = True
    thinks: bool = True
    translates: bool = True
    heeds_hints: bool = True
    """Prompt, key words, language and temperature."""
    languages: tuple[str, ...] = ("en", "de", "no", "he")
    log_prob: float | None = -0.5
    checks: bool = True
    """Report a doubt about the first 200 ms of every job."""
    tokens: bool = True
    """Count a token for every 80 ms read and for every word written."""
    jobs_path: str = ""
    """File that gets each job as a line of JSON, without its sound."""


@dataclass
class ScriptedEars:
    """Hears as scripted; ``jobs`` are what it was given."""

    scripted: ScriptedTranscriber
    script: EarScript
    jobs: list[ListenJob] = field(default_factory=list)

    async def info(self) -> EngineInfo:
        script = self.script
        heeds = dict.fromkeys(
            ("uses_prompt", "uses_key_words", "uses_language", "uses_temperature"), script.heeds_hints
        )
        return replace(
            await self.scripted.info(),
            languages=tuple(script.languages),
            supports_word_times=script.word_times,
            supports_thinking=script.thinks,
            supports_translation=script.translates,
            call_options=CALL_OPTIONS,
            **heeds,
        )

    async def transcribe(self, job: ListenJob) -> Transcript:
        self.jobs.append(job)
        self._log(job)
        heard = await self.scripted.transcribe(job)
        num_read = len(job.pcm) // (LISTENING_RATE_HZ * 2 * 80 // 1000)
        return replace(
            heard,
            segments=tuple(self._segment(segment) for segment in heard.segments),
            checks=(CHECK,) if self.script.checks else (),
            input_tokens=num_read if self.script.tokens else 0,
            output_tokens=len(heard.text.split()) if self.script.tokens else 0,
        )

    def _segment(self, segment: HeardSegment) -> HeardSegment:
        words = segment.words if self.script.word_times else ()
        return replace(segment, words=words, average_log_prob=self.script.log_prob)

    def _log(self, job: ListenJob) -> None:
        if self.script.jobs_path:
            row = {key: value for key, value in asdict(replace(job, pcm=b"")).items() if key != "pcm"}
            with Path(self.script.jobs_path).open("a") as file:
                file.write(json.dumps(row) + "\n")


def scripted_ears(listen: ListenScript | None = None, **script: Any) -> ScriptedEars:
    return ScriptedEars(ScriptedTranscriber(listen or ListenScript()), EarScript(**script))


async def create(options: Mapping[str, object]) -> ScriptedEars:
    """Factory, ``support.scripted_ears:create``; options of the scripted transcriber are options of this one too."""
    return ScriptedEars(await create_transcriber(options), _script(EarScript, options))
