"""faster-whisper called directly, with the model, threads and options that our server gives it."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
from faster_whisper import WhisperModel

from antiphon_server.embedded.weights import joined_whisper
from antiphon_server.embedded.whisper import FALLBACK_TEMPERATURES, WhisperOptions

CACHE = Path.home() / ".cache" / "antiphon"


def direct_model() -> WhisperModel:
    """Load the server's default model."""
    threads = WhisperOptions().threads
    return WhisperModel(
        str(joined_whisper(CACHE)), device="cpu", compute_type="int8", cpu_threads=threads, local_files_only=True
    )


def direct_text(
    model: WhisperModel,
    audio: npt.NDArray[np.float32] | str,
    language: str,
    *,
    word_times: bool = False,
    is_long: bool = False,
    uses_vad: bool = False,
) -> str:
    """Transcribe samples of 16 000 Hz, or a file.

    Args:
        model: From :func:`direct_model`.
        audio: What to hear.
        language: Code, or empty to have it detected.
        word_times: Whether words get times.
        is_long: Whether it may be longer than the model's window; the library then needs times to go on.
        uses_vad: Whether the library takes out what has no voice before.
    """
    segments, _ = model.transcribe(
        audio,
        language=language or None,
        beam_size=WhisperOptions().beam_size,
        best_of=1,
        temperature=FALLBACK_TEMPERATURES,
        condition_on_previous_text=False,
        without_timestamps=not (word_times or is_long),
        word_timestamps=word_times,
        vad_filter=uses_vad,
    )
    return "".join(segment.text for segment in segments).strip()


def samples_of(pcm: bytes) -> npt.NDArray[np.float32]:
    """Samples as the library takes them."""
    return np.frombuffer(pcm, "<i2").astype(np.float32) / 32768
