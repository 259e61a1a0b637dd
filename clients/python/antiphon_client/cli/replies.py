"""Shows one reply of a conversation while it comes, and keeps or plays its sound."""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

from antiphon.speech.v1.conversation_service_pb2 import ConverseResponse, ReplyDone
from antiphon.speech.v1.report_pb2 import FinishReason
from antiphon_client.cli import sinks
from antiphon_client.cli.options import DEFAULT_SAMPLE_RATE_HZ
from antiphon_client.cli.player import Player, player
from antiphon_client.cli.progress import note
from antiphon_client.conversation import ConversationStream
from antiphon_client.errors import ServerFailed
from antiphon_client.speech import reason_name


@dataclasses.dataclass(frozen=True, slots=True)
class ReplySound:
    """What becomes of the sound of replies."""

    folder: Path | None
    """Where a WAV file a reply goes; ``None`` keeps none."""
    is_played: bool

    def path(self, turn_index: int) -> Path | None:
        """File of one reply; turns count from 0."""
        return self.folder / f"reply-{turn_index + 1:03}.wav" if self.folder else None


class Reply:
    """One reply that is coming in."""

    def __init__(self, sound: ReplySound, turn_index: int) -> None:
        """Prepare; files and players are opened with the first sound."""
        self._sound = sound
        self._path = sound.path(turn_index)
        self._exits = contextlib.AsyncExitStack()
        self._write: sinks.Write = len
        self._loud: Player | None = None
        self._show: dict[str, Callable[[ConverseResponse], None]] = {
            "final": lambda entry: print(f"you:   {entry.final.text or '(no speech)'}"),
            "reply_delta": lambda entry: print(f"reply: {entry.reply_delta.text.strip()}", flush=True),
            "warning": lambda entry: note(f"warning: {entry.warning.message}"),
        }

    async def read(self, stream: ConversationStream) -> bool:
        """Show the log until the reply is complete; ``False`` if the turn failed.

        Raises:
            AntiphonError: The conversation ended.
        """
        async with self._exits:
            async for entry in stream:
                kind = entry.WhichOneof("event")
                if kind == "failed":
                    note(f"the turn failed: {entry.failed.message}")
                    return False
                if kind == "reply_done":
                    self._report(entry.reply_done)
                    return True
                await self._take(kind, entry)
        raise ServerFailed("The server ended the conversation before the reply was complete.")

    async def _take(self, kind: str | None, entry: ConverseResponse) -> None:
        if kind == "audio_started":
            await self._open(entry.audio_started.sample_rate_hz or DEFAULT_SAMPLE_RATE_HZ)
        elif kind == "audio":
            self._write(entry.audio.data)
            if self._loud is not None:
                await self._loud.write(entry.audio.data)
        elif kind in self._show:
            self._show[kind](entry)

    async def _open(self, sample_rate_hz: int) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._write = self._exits.enter_context(sinks.wav_file(self._path, sample_rate_hz))
        if self._sound.is_played:
            self._loud = await self._exits.enter_async_context(player(sample_rate_hz))

    def _report(self, done: ReplyDone) -> None:
        parts = [] if self._path is None else [str(self._path)]
        if done.timings.HasField("first_output_ms"):
            parts.append(f"first audio {done.timings.first_output_ms:.0f} ms after the turn")
        if done.finish_reason != FinishReason.FINISH_REASON_STOP:
            parts.append(f"ended by {reason_name(done.finish_reason)}")
        if parts:
            note(f"       {', '.join(parts)}")
