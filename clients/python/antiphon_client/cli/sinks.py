"""Where audio of the command line goes: a WAV file with a true header, a file as it comes, or standard output."""

import contextlib
import sys
import wave
from collections.abc import Callable, Iterator
from pathlib import Path

Write = Callable[[bytes], object]


@contextlib.contextmanager
def wav_file(path: Path, sample_rate_hz: int) -> Iterator[Write]:
    """Write 16-bit mono PCM into a WAV file whose header states its real size."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(sample_rate_hz)
        yield file.writeframesraw


@contextlib.contextmanager
def plain_file(path: Path) -> Iterator[Write]:
    """Write bytes as they come."""
    with path.open("wb") as file:
        yield file.write


@contextlib.contextmanager
def standard_output() -> Iterator[Write]:
    """Write bytes to standard output, each chunk at once."""

    def write(data: bytes) -> None:
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()

    yield write
