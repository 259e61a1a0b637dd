"""Transcribes many recordings, several at once, and writes what was said beside them."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from antiphon.speech.v1.transcription_service_pb2 import TranscribeResponse
from antiphon_client.cli.failure import CommandFailed
from antiphon_client.cli.listening_options import is_about_options
from antiphon_client.cli.recordings import Recording
from antiphon_client.cli.transcript_files import rendered, write_whole
from antiphon_client.errors import AntiphonError, Unavailable
from antiphon_client.transcription import Transcript

SOME_FAILED = 3
_NOT_AUDIO = frozenset({"BAD_AUDIO", "UNSUPPORTED_FORMAT"})

Listen = Callable[[Path], Awaitable[Transcript]]


@dataclass(slots=True)
class Tally:
    """What became of the recordings."""

    num_written: int = 0
    num_kept: int = 0
    """Had all their transcripts already."""
    num_not_audio: int = 0
    num_failed: int = 0

    @property
    def exit_code(self) -> int:
        """0 without failures, 1 if nothing went well, else 3."""
        if not self.num_failed:
            return 0
        return SOME_FAILED if self.num_written or self.num_kept else 1

    def __str__(self) -> str:
        """One line for people."""
        parts = [f"{self.num_written} transcribed"]
        parts += [f"{self.num_kept} had their transcripts already"] if self.num_kept else []
        parts += [f"{self.num_not_audio} not audio"] if self.num_not_audio else []
        parts += [f"{self.num_failed} failed"] if self.num_failed else []
        return ", ".join(parts)


@dataclass(slots=True)
class Transcribing:
    """One run over many recordings. Everything it says goes to stderr; on a terminal a bar stands below it."""

    listen: Listen
    may_replace: bool
    tally: Tally = field(default_factory=Tally)
    _bar: Progress = field(default_factory=lambda: _new_bar(Console(stderr=True)))
    _task: TaskID | None = None

    async def run(self, recordings: Sequence[Recording], *, num_at_once: int) -> Tally:
        """Transcribe all of them; one that fails does not stop the others.

        Raises:
            AntiphonError: If nobody answers, or an option is refused: the next recording would meet the same.
        """
        waiting = iter(recordings)
        self._task = self._bar.add_task("transcribing", total=len(recordings))
        with self._bar:
            workers = [asyncio.create_task(self._work(waiting)) for _ in range(min(num_at_once, len(recordings)))]
            try:
                await asyncio.gather(*workers)
            finally:
                for worker in workers:
                    worker.cancel()
                await asyncio.gather(*workers, return_exceptions=True)
        self._say(str(self.tally))
        return self.tally

    async def _work(self, waiting: Iterator[Recording]) -> None:
        for recording in waiting:
            await self._one(recording)
            if self._task is not None:
                self._bar.advance(self._task)

    async def _one(self, recording: Recording) -> None:
        wanted = [(kind, path) for kind, path in recording.outputs if self.may_replace or not path.exists()]
        if not wanted:
            self.tally.num_kept += 1
            names = ", ".join(path.name for _, path in recording.outputs)
            self._say(f"{recording.path}: skipped, {names} is there already (--overwrite replaces it)")
            return
        try:
            _check_not_itself(recording, wanted)
            transcript = await self.listen(recording.path)
            await asyncio.to_thread(self._write, recording, wanted, transcript)
            self._tell_written(recording, wanted, transcript)
        except Unavailable:
            raise
        except (AntiphonError, CommandFailed, OSError) as error:
            if isinstance(error, AntiphonError) and is_about_options(error):
                raise
            self._fail(recording, error)

    def _write(self, recording: Recording, wanted: list[tuple[str, Path]], transcript: Transcript) -> None:
        texts = [(path, rendered(transcript, kind, source=str(recording.path))) for kind, path in wanted]
        for path, text in texts:
            write_whole(path, text, may_replace=self.may_replace)

    def _tell_written(self, recording: Recording, wanted: list[tuple[str, Path]], transcript: Transcript) -> None:
        """Count and tell; on the loop, where no other line gets between the parts of this one."""
        self.tally.num_written += 1
        speech = "" if transcript.text else " (no speech)"
        self._say(f"{recording.path}: {', '.join(path.name for _, path in wanted)}{speech}")
        for warning in transcript.warnings:
            self._say(f"{recording.path}: warning: {warning.message}")

    def _fail(self, recording: Recording, error: AntiphonError | CommandFailed | OSError) -> None:
        if isinstance(error, AntiphonError) and error.reason in _NOT_AUDIO and not recording.must_be_audio:
            self.tally.num_not_audio += 1
            self._say(f"{recording.path}: skipped, not audio: {error.message} ({error.reason})")
            return
        self.tally.num_failed += 1
        self._say(f"antiphon: {recording.path}: {explained(error)}")

    def _say(self, line: str) -> None:
        if self._bar.console.is_terminal:
            self._bar.console.print(line, markup=False, highlight=False, soft_wrap=True)
        else:
            print(line, file=sys.stderr)


def heard_so_far(response: TranscribeResponse) -> str:
    """Say how far into a recording the server has heard, where a response tells."""
    kind = response.WhichOneof("response")
    if kind not in ("speech_started", "speech_stopped"):
        return ""
    seconds = getattr(response, kind).at_ms // 1000
    return f", heard {seconds // 60}:{seconds % 60:02}"


def explained(error: AntiphonError | CommandFailed | OSError) -> str:
    """Say in one line what went wrong with a file."""
    match error:
        case AntiphonError():
            return f"{error.message} ({error.reason})"
        case OSError():
            return error.strerror or type(error).__name__
        case _:
            return str(error)


def _check_not_itself(recording: Recording, wanted: list[tuple[str, Path]]) -> None:
    for _, path in wanted:
        if path.exists() and path.samefile(recording.path):
            raise CommandFailed("the transcript would replace the recording itself")


def _new_bar(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
