"""How much of Whisper's window is computed for partials.

The model was trained on windows of 30 s, whose end is silence where the audio is short, and encoding that silence is
most of the work on a CPU. A window of 15 or 20 s with enough silence behind the audio gives almost the same words, a
little worse in some languages: good enough to be read while somebody speaks. Where they are doubtful, they are written
again from the whole window.
"""

from typing import Any

from antiphon_server.engine.doubt import COMPRESSION_LIMIT, LOG_PROB_LIMIT, NO_SPEECH_LIMIT

WINDOW_FRAMES = 3_000
"""30 s, 10 ms each."""
_SHORTER_FRAMES = (1_500, 2_000)
_SILENCE_FRAMES = 500
"""Behind the audio: with less the model does not notice where it ends, and goes on writing."""


def fitted_frames(num_frames: int) -> int:
    """Return the shortest window that has enough silence behind audio of ``num_frames``."""
    return next((each for each in _SHORTER_FRAMES if num_frames + _SILENCE_FRAMES <= each), WINDOW_FRAMES)


def is_doubtful(result: Any, average_log_prob: float, compression_ratio: float) -> bool:  # noqa: ANN401 - the library has no types
    """Whether what was decoded from a shorter window should be written again from the whole one.

    Args:
        result: The library's, of one window.
        average_log_prob: Of its ids.
        compression_ratio: Of its text.
    """
    is_silence = result.no_speech_prob > NO_SPEECH_LIMIT and average_log_prob < LOG_PROB_LIMIT
    is_unsure = average_log_prob < LOG_PROB_LIMIT or compression_ratio > COMPRESSION_LIMIT
    return not result.sequences_ids[0] or (is_unsure and not is_silence)
