"""A speech model that computes nothing and takes all there is to take: clips, earlier turns, options, deadlines.

``support.scripted_cloning:create``; options of the scripted synthesizer are options of this one too.
"""

import array
import asyncio
import json
import zlib
from collections.abc import AsyncGenerator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from antiphon_server.engine.protocol import EngineInfo, SpeechChunk, SpeechEnd, SpeechJob
from antiphon_server.engine.reference import ReferenceClip, SpeechReference
from antiphon_server.errors import BadAudio
from support.scripted import ScriptedSynthesizer, SpeechScript, _script, create_synthesizer

FRAMES_PER_S, NUM_CODEBOOKS = 25, 8
CALL_OPTIONS: Mapping[str, object] = {"fast": False, "steps": 10, "warmth": 0.5, "style": "plain"}


@dataclass(frozen=True, slots=True)
class CloningScript:
    clones: bool = True
    hears_history: bool = True
    heeds_delivery: bool = True
    uses_language: bool = True
    ends: tuple[str, ...] = ()
    """Finish reasons of the jobs in order; STOP for all that follow."""
    waits_to_encode: bool = False
    """Wait for ever, but cancellably, with a clip."""
    is_mute: bool = False
    """Make no sound."""
    max_positions: int = 0
    jobs_path: str = ""
    """File that gets each job as a line of JSON, codes in hexadecimal."""


class CloningSynthesizer:
    """Speaks as scripted; ``jobs`` and ``clips`` are what it was given."""

    def __init__(self, scripted: ScriptedSynthesizer, script: CloningScript) -> None:
        self._scripted, self._script = scripted, script
        self.jobs: list[SpeechJob] = []
        self.clips: list[ReferenceClip] = []

    async def info(self) -> EngineInfo:
        script = self._script
        return replace(
            await self._scripted.info(),
            supports_cloning=script.clones,
            supports_history=script.hears_history,
            supports_delivery=script.heeds_delivery,
            uses_language=script.uses_language,
            supports_sampling=True,
            supports_seed=True,
            has_codec_frames=True,
            counts_tokens=True,
            num_codebooks=NUM_CODEBOOKS,
            frames_per_s=FRAMES_PER_S,
            max_positions=script.max_positions,
            continuity="CONTEXT" if script.hears_history else "NONE",
            call_options=CALL_OPTIONS,
        )

    async def speak(self, job: SpeechJob) -> AsyncGenerator[SpeechChunk | SpeechEnd, None]:
        number = len(self.jobs)
        self.jobs.append(job)
        self._log(job)
        async for item in self._scripted.speak(job):
            if isinstance(item, SpeechEnd) and number < len(self._script.ends):
                yield replace(item, finish_reason=self._script.ends[number])
            elif isinstance(item, SpeechEnd) or not self._script.is_mute:
                yield item

    async def encode(self, clip: ReferenceClip) -> SpeechReference:
        """Give 8 codes for every 40 ms, made of its samples."""
        self.clips.append(clip)
        if self._script.waits_to_encode:
            await asyncio.get_running_loop().create_future()
        if not any(clip.pcm):
            raise BadAudio("the reference is silent", field="reference")
        return SpeechReference(codes_of(clip))

    async def count_tokens(self, texts: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(len(text.split()) for text in texts)

    def _log(self, job: SpeechJob) -> None:
        if self._script.jobs_path:
            with Path(self._script.jobs_path).open("a") as file:
                file.write(json.dumps(asdict(job), default=bytes.hex) + "\n")


def codes_of(clip: ReferenceClip) -> bytes:
    num_bytes = clip.rate_hz // FRAMES_PER_S * 2
    frames = range(len(clip.pcm) // num_bytes)
    codes = [
        zlib.crc32(clip.pcm[frame * num_bytes : (frame + 1) * num_bytes], codebook) % 1024
        for frame in frames
        for codebook in range(NUM_CODEBOOKS)
    ]
    return array.array("H", codes).tobytes()


def cloning_synthesizer(speech: SpeechScript | None = None, **script: object) -> CloningSynthesizer:
    return CloningSynthesizer(ScriptedSynthesizer(speech or SpeechScript()), CloningScript(**script))  # type: ignore[arg-type]


async def create(options: Mapping[str, object]) -> CloningSynthesizer:
    return CloningSynthesizer(await create_synthesizer(options), _script(CloningScript, options))
