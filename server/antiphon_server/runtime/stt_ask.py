"""From a job to what the step loop is asked: instruction, chunks of sound, the beginning of the answer, and its cap."""

from antiphon_server.engine.protocol import LISTENING_RATE_HZ, ListenJob
from antiphon_server.engine.runner import Draw, Heard, Position
from antiphon_server.engine.sequence import Ask
from antiphon_server.model.stt.chunks import CHUNK_SAMPLES, LEAST_SAMPLES, num_rows
from antiphon_server.model.stt.prompt import INSTRUCTION, Thinking, prefix_ids, suffix_ids
from antiphon_server.model.stt.vocabulary import STOP_IDS
from antiphon_server.model.tokenizer import TextTokenizer

MAX_IDS = 1024
"""Of an answer, as published."""
CHUNKS_AT_ONCE = 8
"""Of one prompt that are heard and computed in one step: 32 s. Others get their next row between two such steps."""
IDS_PER_S = 25
"""The densest scripts need half of it."""
_IDS_AT_LEAST = 64
_ROWS_PER_S = 12.5
_SIGN_POSITIONS = 26  # of the published instruction, and what stands around the sound
_GREEDY = Draw(seed=0, temperature=0.0)


def ask_for(job: ListenJob, tokenizer: TextTokenizer, *, thinking: Thinking, instruction: str = INSTRUCTION) -> Ask:
    """Compose what a job asks; ``job.pcm`` holds one sample or more."""
    prefix = prefix_ids(tokenizer, instruction)
    chunks = cut_pcm(job.pcm)
    prompt: list[Position] = list(prefix)
    ends = []
    for chunk in chunks:
        prompt += [chunk] * num_rows(len(chunk.pcm) // 2)
        ends.append(len(prompt))
    prompt += suffix_ids(tokenizer, thinking)
    return Ask(
        prompt,
        len(prefix),
        _GREEDY,
        max_ids(job, thinking),
        caller=job.caller,
        due_at=job.due_at,
        cuts=ends[CHUNKS_AT_ONCE - 1 : -1 : CHUNKS_AT_ONCE],  # the last part has the suffix with its chunks
        stop_ids=STOP_IDS,
    )


def cut_pcm(pcm: bytes) -> list[Heard]:
    """Cut samples into 4 s each; a rest under 160 ms is filled with zeros. See ``model.stt.chunks.cut``."""
    size, least = 2 * CHUNK_SAMPLES, 2 * LEAST_SAMPLES
    return [Heard(pcm[at : at + size].ljust(least, b"\0")) for at in range(0, len(pcm), size)]


def max_ids(job: ListenJob, thinking: Thinking) -> int:
    """Cap an answer by the length of what was said; thoughts have no such length."""
    if thinking is Thinking.ON:
        return MAX_IDS
    return min(MAX_IDS, _IDS_AT_LEAST + IDS_PER_S * (len(job.pcm) // 2) // LISTENING_RATE_HZ)


def positions_of(seconds: float) -> int:
    """Count the positions of a piece: instruction, sound, and the longest answer without thoughts."""
    return round(seconds * _ROWS_PER_S) + min(MAX_IDS, _IDS_AT_LEAST + round(seconds * IDS_PER_S)) + _SIGN_POSITIONS


def seconds_in(num_positions: int) -> int:
    """Say how long a piece may be that has so many positions, in whole seconds."""
    num_free = num_positions - _SIGN_POSITIONS
    return max(int((num_free - _IDS_AT_LEAST) / (_ROWS_PER_S + IDS_PER_S)), int((num_free - MAX_IDS) / _ROWS_PER_S))
