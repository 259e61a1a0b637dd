"""From a speech job to what the step loop is asked: prompt with voice and history, draw, row cap, ramp."""

from collections.abc import Hashable
from dataclasses import dataclass
from functools import lru_cache

from antiphon_server.engine.codec_plan import ramp_from
from antiphon_server.engine.continuity import Spoken, SpokenMemory, heard
from antiphon_server.engine.protocol import EngineInfo, SpeechJob
from antiphon_server.engine.reference import SpeechReference
from antiphon_server.engine.runner import Draw
from antiphon_server.engine.sequence import Ask, Finish, Sequence
from antiphon_server.engine.silence import MAX_SILENT_FRAMES
from antiphon_server.errors import ContextOverflow, InvalidField
from antiphon_server.model.prompt import Prompt, Reference, build_prompt
from antiphon_server.model.tokenizer import TextTokenizer, tag_ids
from antiphon_server.runtime.job_limits import check_job
from antiphon_server.runtime.reference_rows import FRAME_BYTES, rows_of, voice_key
from antiphon_server.runtime.row_cap import row_cap, rows_of_pauses

DEFAULT_ROWS = 2048
MAX_CONTEXT_SEGMENTS = 4
MAX_CONTEXT_ROWS = 1024
_NUM_VOICES = 32
"""Voices whose rows are kept ready, 0.9 MB at most each: every segment of a call asks for the same one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A job as the step loop takes it, and what to remember of it once it is spoken."""

    ask: Ask
    text: tuple[int, ...]
    sequence: Hashable | None
    """Which sequence is to remember it; None: nothing of it is ever heard again."""


class Asking:
    """Asks for one engine, with the memory of what its sequences have said."""

    def __init__(self, tokenizer: TextTokenizer, info: EngineInfo) -> None:
        """Begin with nothing said.

        Args:
            tokenizer: Of the checkpoint.
            info: Says which options a job may have, which continuity is meant where none is asked, and how much room
                prompt and speech have together.
        """
        self._tokenizer, self._info, self._max_positions = tokenizer, info, info.max_positions
        self._memory = SpokenMemory(info.max_positions)
        self._voice_of = lru_cache(maxsize=_NUM_VOICES)(self._voice)

    def ask(self, job: SpeechJob) -> Asked:
        """Compose what a job asks.

        Raises:
            InvalidField: If a field or a code is out of range.
            ContextOverflow: If prompt and speech do not fit.
        """
        check_job(job, self._info.call_options)
        text = (*tag_ids(job.tags), *self._tokenizer.encode(job.text))
        max_rows, length_finish = self._max_rows(job)
        sequence = (job.sequence, job.voice, voice_key(job.reference))
        prompt = self._prompt(job, text, sequence, max_rows)
        ask = Ask(
            prompt.positions,
            prompt.num_prefix,
            Draw(job.seed, 1.0 if job.temperature is None else job.temperature, job.top_k, job.top_p),
            max_rows,
            length_finish=length_finish,
            caller=job.caller,
            ramp=ramp_from(job.first_chunk_frames),
            due_at=job.due_at,
            max_silent_frames=MAX_SILENT_FRAMES + rows_of_pauses(job.tags) if self._is_guarded(job) else None,
        )
        return Asked(ask, text, None if self._continuity(job) == "NONE" else sequence)

    def note_spoken(self, asked: Asked, sequence: Sequence) -> None:
        """Remember a segment if it was spoken to its end."""
        if sequence.finish is Finish.STOP and asked.sequence is not None:
            self._memory.remember(asked.sequence, Spoken(asked.text, tuple(sequence.rows)))

    def _prompt(self, job: SpeechJob, text: tuple[int, ...], sequence: Hashable, max_rows: int) -> Prompt:
        self._check_turns(job.previous, max_rows)
        reference = self._reference(job)
        previous = [self._previous(f"previous[{at}]", turn) for at, turn in enumerate(job.previous)]
        prompt = build_prompt(text, reference=reference, history=previous)
        room = self._max_positions - max_rows - len(prompt.positions)
        if room < 0:
            raise ContextOverflow(
                f"text, reference and history take {len(prompt.positions)} positions and the speech up to {max_rows} "
                f"rows; together they must fit {self._max_positions}"
            )
        remembered = self._heard(job, sequence, room)
        return build_prompt(text, reference=reference, history=[*previous, *remembered]) if remembered else prompt

    def _check_turns(self, turns: tuple[SpeechReference, ...], max_rows: int) -> None:
        """Refuse by their size alone what would take a second to lay out."""
        num_frames = sum(len(turn.codes) for turn in turns) // FRAME_BYTES
        if num_frames + max_rows > self._max_positions:
            raise ContextOverflow(
                f"earlier turns take {num_frames} frames and the speech up to {max_rows} rows; together they must fit "
                f"{self._max_positions}"
            )

    def _continuity(self, job: SpeechJob) -> str:
        return job.continuity or self._info.continuity

    def _heard(self, job: SpeechJob, sequence: Hashable, room: int) -> tuple[Spoken, ...]:
        match self._continuity(job):
            case "SEQUENCE":
                return heard(self._memory.recall(sequence), max_positions=room)
            case "CONTEXT":
                asked = job.max_context_segments
                num_segments = MAX_CONTEXT_SEGMENTS if asked is None else asked
                return heard(
                    self._memory.recall(sequence),
                    max_positions=room,
                    max_segments=num_segments,
                    max_rows=MAX_CONTEXT_ROWS,
                )
            case _:
                return ()

    def _reference(self, job: SpeechJob) -> Reference | None:
        if len(job.reference) > 1:
            raise InvalidField(f"reference must be one at most, not {len(job.reference)}", field="reference")
        return self._voice_of(job.reference[0]) if job.reference else None

    def _voice(self, reference: SpeechReference) -> Reference:
        return Reference(rows_of("reference", reference), tuple(self._tokenizer.encode(reference.transcript)))

    def _previous(self, field: str, turn: SpeechReference) -> Spoken:
        if not turn.transcript:
            raise InvalidField(f"{field}.transcript must not be empty: the model reads what it hears", field=field)
        return Spoken(tuple(self._tokenizer.encode(turn.transcript)), rows_of(field, turn))

    def _max_rows(self, job: SpeechJob) -> tuple[int, Finish]:
        """Give the most rows, and what it is called to need them all."""
        asked = DEFAULT_ROWS if job.max_new_tokens is None else job.max_new_tokens
        cap = row_cap(job.text, job.tags) if self._is_guarded(job) else asked
        return (cap, Finish.RUNAWAY) if cap < asked else (asked, Finish.LENGTH)

    def _is_guarded(self, job: SpeechJob) -> bool:
        return bool({**self._info.call_options, **job.options}["guard"])
