"""Pieces of an utterance that are being written down for good: several at a time, settled in order."""

import asyncio
from collections import deque
from dataclasses import dataclass, replace

from antiphon_server.engine.protocol import FiredCheck, LeftOut, Transcript
from antiphon_server.session.hearing import UtteranceHearing
from antiphon_server.session.partials import Guess, outcome
from antiphon_server.session.scribe import Scribe
from antiphon_server.session.second_hearing import heard_again
from antiphon_server.session.stretch import BYTES_PER_MS, Stretch

_LONG_PAUSE_MS = 3_000
"""A model that need not say when words are said may take such a pause for the end, and never write what follows."""
_MUCH_VOICE_MS = 5_000
_LEAST_CHARACTERS = 1.0
"""For each second of voice: a quarter of what is written of it in the densest scripts. Fewer are missed words, or voice
without any."""


@dataclass(frozen=True, slots=True)
class _Piece:
    task: asyncio.Task[tuple[Transcript, bool]]
    """Gives the transcript, and whether it is a partial's."""
    start_ms: float
    end_ms: float
    end: str


class Pieces:
    """Writes an utterance down piece by piece. What is under way is bounded, and so is the audio that is held."""

    def __init__(self, scribe: Scribe, hearing: UtteranceHearing, padding_ms: int) -> None:
        """Begin without a piece.

        Args:
            scribe: Writes down.
            hearing: Takes what was written, in order.
            padding_ms: Audio kept before the first voice of a piece.
        """
        self._scribe = scribe
        self._hearing = hearing
        self._padding_ms = padding_ms
        self._pieces: deque[_Piece] = deque()

    async def add(self, stretch: Stretch, end: str, guess: Guess | None = None) -> None:
        """Begin to write a stretch down, as soon as there is a place for it.

        Args:
            stretch: Nothing more comes to it.
            end: Why it ends there: PAUSE, LENGTH or AUDIO.
            guess: Its newest partial; one that heard all of the voice is as good as a new run.

        Raises:
            SpeechError: If a piece failed; all others are ended.
        """
        start_ms, pcm = stretch.voiced(self._padding_ms)
        if not pcm:
            await outcome(guess, None)
            return
        await self.settle(num_left=(await self._scribe.info()).num_pieces_at_once - 1)
        task = self._scribe.begin(self._write(stretch, start_ms, pcm, guess))
        self._pieces.append(_Piece(task, start_ms, start_ms + len(pcm) / BYTES_PER_MS, end))

    async def settle(self, *, num_left: int = 0) -> None:
        """Wait until at most ``num_left`` pieces are under way, and settle what is written down, in order.

        Raises:
            SpeechError: If a piece failed; all others are ended.
        """
        try:
            while True:
                self._settle_written()
                under_way = [piece.task for piece in self._pieces if not piece.task.done()]
                if len(under_way) <= max(0, num_left):
                    return
                await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
        except BaseException:
            self.drop()
            raise

    def drop(self) -> None:
        """End what is under way."""
        for piece in self._pieces:
            piece.task.cancel()
        self._pieces.clear()

    def _settle_written(self) -> None:
        for piece in self._pieces:
            if piece.task.done():
                piece.task.result()
        while self._pieces and self._pieces[0].task.done():
            piece = self._pieces.popleft()
            transcript, is_partial = piece.task.result()
            self._hearing.settle(transcript, piece.start_ms, piece.end_ms, piece.end, is_partial=is_partial)

    async def _write(
        self, stretch: Stretch, start_ms: float, pcm: bytes, guess: Guess | None
    ) -> tuple[Transcript, bool]:
        guessed = await outcome(guess, stretch)
        if guessed is not None and not guessed.left_out:  # a final tries again where a partial gives up
            again = await heard_again(guessed, stretch, start_ms, self._scribe)
            return again, again is guessed
        transcript = await heard_again(await self._heard(stretch, pcm), stretch, start_ms, self._scribe)
        return _doubted(transcript, stretch, len(pcm) // BYTES_PER_MS), False

    async def _heard(self, stretch: Stretch, pcm: bytes) -> Transcript:
        has_pause = stretch.longest_pause_ms >= _LONG_PAUSE_MS
        transcript = await self._scribe.transcribe(pcm, is_partial=False, segment_times=has_pause)
        if not (has_pause or self._scribe.has_times) and _is_short(transcript, stretch):
            again = await self._scribe.transcribe(pcm, is_partial=False, segment_times=True)
            transcript = max(transcript, again, key=lambda each: len(each.text))
        return transcript


def _is_short(transcript: Transcript, stretch: Stretch) -> bool:
    """Whether a model has written hardly anything of much voice, and has not said why."""
    is_told = bool(transcript.left_out)
    return not is_told and stretch.voice_ms >= _MUCH_VOICE_MS and _density(transcript, stretch) < _LEAST_CHARACTERS


def _density(transcript: Transcript, stretch: Stretch) -> float:
    return len("".join(transcript.text.split())) * 1000 / stretch.voice_ms


def _doubted(transcript: Transcript, stretch: Stretch, audio_ms: int) -> Transcript:
    if not _is_short(transcript, stretch):
        return transcript
    check = FiredCheck("characters_per_s", _density(transcript, stretch), _LEAST_CHARACTERS, 0, audio_ms)
    left_out = LeftOut(0, audio_ms, "FEW_WORDS")
    return replace(transcript, left_out=(left_out,), checks=(*transcript.checks, check))
