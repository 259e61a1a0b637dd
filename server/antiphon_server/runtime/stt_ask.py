"""From a job to what the step loop is asked: instruction, chunks of sound, the beginning of the answer, and its cap."""

from antiphon_server.engine.protocol import LISTENING_RATE_HZ, ListenJob
from antiphon_server.engine.runner import Draw, Heard, Position
from antiphon_server.engine.sequence import Ask
from antiphon_server.model.stt.chunks import CHUNK_SAMPLES, CHUNKS_AT_ONCE, LEAST_SAMPLES, MAX_IDS, ids_of, num_rows
from antiphon_server.model.stt.prompt import INSTRUCTION, Thinking, prefix_ids, suffix_ids
from antiphon_server.model.stt.vocabulary import STOP_IDS
from antiphon_server.model.tokenizer import TextTokenizer

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
    """Cut samples into 4 s each; a rest under 160 ms is filled with zeros. No samples have no chunks."""
    size, least = 2 * CHUNK_SAMPLES, 2 * LEAST_SAMPLES
    return [Heard(pcm[at : at + size].ljust(least, b"\0")) for at in range(0, len(pcm), size)]


def max_ids(job: ListenJob, thinking: Thinking) -> int:
    """Cap an answer by the length of what was said; thoughts have no such length."""
    return MAX_IDS if thinking is Thinking.ON else ids_of(len(job.pcm) / 2 / LISTENING_RATE_HZ)
