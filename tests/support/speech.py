"""Speech to test with: how many words were heard wrong, WAV files and rates."""

import io
import wave
from collections.abc import Sequence

import jiwer
import numpy as np
import soxr
from whisper_normalizer.basic import BasicTextNormalizer
from whisper_normalizer.english import EnglishTextNormalizer

LISTENING_RATE_HZ = 16_000

_english = EnglishTextNormalizer()
_basic = BasicTextNormalizer(remove_diacritics=True)


def normalized(text: str, language: str = "en") -> str:
    """Text as words are compared: without case, punctuation and, except in English, accents."""
    return str((_english if language == "en" else _basic)(text))


def word_error_rate(reference: str | Sequence[str], hypothesis: str | Sequence[str]) -> float:
    """Errors per reference word after English normalisation; lists count as one corpus."""
    references = [reference] if isinstance(reference, str) else list(reference)
    hypotheses = [hypothesis] if isinstance(hypothesis, str) else list(hypothesis)
    return float(jiwer.wer(list(map(normalized, references)), list(map(normalized, hypotheses))))


def word_errors(reference: str, hypothesis: str, language: str) -> tuple[int, int]:
    """Words wrong, missing or too many; and the words of the reference. Both after normalisation."""
    said, heard = normalized(reference, language), normalized(hypothesis, language)
    if not said.split():
        raise ValueError("the reference has no words")
    counts = jiwer.process_words(said, heard)
    return counts.substitutions + counts.deletions + counts.insertions, len(said.split())


def pcm_from_wav(wav: bytes) -> tuple[bytes, int]:
    """Return samples and rate of a 16-bit mono WAV file."""
    with wave.open(io.BytesIO(wav)) as file:
        assert file.getnchannels() == 1
        assert file.getsampwidth() == 2
        return file.readframes(file.getnframes()), file.getframerate()


def wav_of(pcm: bytes, rate_hz: int = LISTENING_RATE_HZ) -> bytes:
    """A WAV file of 16-bit mono samples."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(pcm)
    return file.getvalue()


def resampled(pcm: bytes, from_hz: int, to_hz: int = LISTENING_RATE_HZ) -> bytes:
    """Change the rate of 16-bit mono samples."""
    return soxr.resample(np.frombuffer(pcm, "<i2"), from_hz, to_hz).astype("<i2").tobytes()
