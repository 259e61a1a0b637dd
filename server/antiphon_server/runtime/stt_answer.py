"""From what Higgs Audio v3 STT has written to a transcript: cleaned, its loops cut, and doubted where it is unsure."""

from antiphon_server.engine.doubt import believed
from antiphon_server.engine.protocol import FiredCheck, HeardSegment, LeftOut, Transcript
from antiphon_server.engine.sequence import Finish, Sequence
from antiphon_server.model.stt.transcript import read_answer


def written(sequence: Sequence, answer: str, *, audio_ms: int, is_guarded: bool) -> Transcript:
    """Read an answer.

    Args:
        sequence: The ended text.
        answer: Its ids decoded, special tokens with them.
        audio_ms: Length of the audio; the model gives no times within it.
        is_guarded: Whether words that the model is very unsure of are left out.
    """
    said = read_answer(answer)
    ids = tuple(row[0] for row in sequence.rows)
    segment = HeardSegment(said.text, 0, audio_ms, _average_log_prob(sequence), temperature=0.0, tokens=ids)
    segments = (segment,) if said.text else ()
    belief = believed(segments)
    left_out, checks = list(belief.left_out) if is_guarded else [], list(belief.checks)
    if said.num_cut_words:
        checks.append(FiredCheck("repeated_words", said.num_cut_words, 0, 0, audio_ms))
        left_out.append(LeftOut(0, audio_ms, "REPETITION"))
    if sequence.finish is Finish.LENGTH:
        checks.append(FiredCheck("output_tokens", len(ids), sequence.ask.max_rows, 0, audio_ms))
        left_out.append(LeftOut(0, audio_ms, "UNFINISHED"))
    return Transcript(
        belief.kept if is_guarded else segments,
        "",
        None,
        0.0,
        tuple(left_out),
        tuple(checks),
        input_tokens=len(sequence.ask.prompt),
        output_tokens=len(ids),
    )


def _average_log_prob(sequence: Sequence) -> float | None:
    """Mean natural logarithm of the probabilities of all ids; None without any."""
    rows = sequence.rows
    return sum(row[1] for row in rows) / len(rows) / 1000 if rows else None
