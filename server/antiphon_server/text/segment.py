"""Segments: what is given to an engine at once, with the delivery that holds for it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from antiphon_server.errors import InvalidField
from antiphon_server.text.language_tag import primary_subtag
from antiphon_server.text.sentences import Piece, SentenceCutter
from antiphon_server.text.tags import Tag, TagPolicy, TagScanner, UnknownTag, nearest

_PAUSES_MS = {"pause": 550, "long_pause": 1_100}
_SPEEDS = {"speed_very_slow": 0.65, "speed_slow": 0.85, "speed_fast": 1.2, "speed_very_fast": 1.4}
_READ_SIGNS = frozenset("%&@#$€£¢+=×÷±°©§")  # noqa: RUF001 - the sign of multiplication is meant
_RULER = re.compile(r"(\S)\1{2,}")
_PITCHES_SEMITONES = {"pitch_low": -3.0, "pitch_high": 2.5}


class Mode(StrEnum):
    """When text becomes segments."""

    SENTENCE = "SENTENCE"
    """Each sentence, as soon as it is complete."""
    MESSAGE = "MESSAGE"
    """Each sentence, and the end of each push is one too."""
    FLUSH = "FLUSH"
    """Each sentence, all at flush."""
    NONE = "NONE"
    """Nothing is cut but at pauses and changes of delivery."""
    SPEAKER = "SPEAKER"
    """As NONE, and at changes of speaker."""
    WORD = "WORD"
    """After so many words."""


_UNCUT_MODES = (Mode.NONE, Mode.SPEAKER)
_DEFAULT_MAX_WORDS = 100


@dataclass(frozen=True, slots=True)
class Segment:
    """One stretch of text for one run of an engine."""

    text: str
    """Without tags. May be empty, for a pause or a sound at the end; may hold nothing that can be spoken."""
    tags: tuple[str, ...] = ()
    """Tags in effect, as written; pauses are not among them."""
    pause_before_ms: int = 0
    """Exact silence before it."""
    speed_factor: float = 1.0
    """Of tags alone."""
    pitch_semitones: float = 0.0
    """Of tags alone."""
    speaker: int = 0
    text_offset: int = 0
    """Of its first character in the text since the last flush, in characters, tags counted."""


class Segmenter:
    """Cuts text into segments while it is being written; the same text gives the same segments however it came.

    A tag of delivery holds from its place until one of its kind replaces it, the speaker changes or the turn ends.
    """

    def __init__(
        self,
        language: str = "en",
        policy: TagPolicy = TagPolicy.CATALOGUE,
        mode: str = Mode.SENTENCE,
        max_words: int | None = None,
    ) -> None:
        """Begin a turn.

        Args:
            language: BCP 47 tag of the text; decides what is an abbreviation.
            policy: What ``<|...|>`` means.
            mode: A Mode, or its name.
            max_words: Most words of a segment, with Mode.WORD; None means 100.
        """
        self._policy = TagPolicy(policy)
        self._mode = Mode(mode)
        self._scanner = TagScanner(self._policy)
        words = (max_words or _DEFAULT_MAX_WORDS) if self._mode is Mode.WORD else None
        self._cutter = SentenceCutter(
            primary_subtag(language) or "en", is_cutting=self._mode not in _UNCUT_MODES, max_words=words
        )
        self._warnings: list[tuple[str, str]] = []
        self._ready: list[Segment] = []
        self._speaker = 0
        self._begin_turn()

    def _begin_turn(self) -> None:
        self._offset = 0
        self._pause_ms = 0
        self._delivery: dict[str, Tag] = {}
        self._sounds: list[tuple[int, Tag]] = []

    def push(self, text: str, speaker: int = 0) -> list[Segment]:
        """Take text of a speaker; returns the segments it completes.

        Raises:
            InvalidField: Under STRICT, if a tag is not of the catalogue.
        """
        if speaker != self._speaker:
            self._end_speech()
            self._delivery.clear()
            self._speaker = speaker
        self._take(self._scanner.push(text))
        if self._mode is Mode.MESSAGE:
            self._end_speech()
        return [] if self._mode is Mode.FLUSH else self._hand_over()

    def end_message(self) -> list[Segment]:
        """Return everything left, complete or not; delivery goes on to hold."""
        self._end_speech()
        return self._hand_over()

    def flush(self) -> list[Segment]:
        """Return everything left, and end the turn: no delivery holds any more, and offsets begin anew."""
        self._end_speech()
        if self._pause_ms:
            self._emit(Piece("", self._offset, self._offset), ())
        self._begin_turn()
        return self._hand_over()

    def drain_warnings(self) -> list[tuple[str, str]]:
        """Hand over what was odd since the last time, as (code, message)."""
        warnings, self._warnings = self._warnings, []
        return warnings

    def _hand_over(self) -> list[Segment]:
        ready, self._ready = self._ready, []
        return ready

    def _end_speech(self) -> None:
        """Let all text go, complete or not."""
        self._take(self._scanner.flush())
        self._close()

    def _take(self, items: list[str | Tag | UnknownTag]) -> None:
        for item in items:
            if isinstance(item, Tag):
                self._take_tag(item)
                self._offset += len(item.written)
                continue
            text = item
            if isinstance(item, UnknownTag):
                self._note_unknown(item)
                text = item.written
            self._emit_all(self._cutter.feed(str(text), self._offset))
            self._offset += len(str(text))

    def _take_tag(self, tag: Tag) -> None:
        if tag.category == "sfx":
            self._sounds.append((self._offset, tag))
            # A tag separates words, as it would if it were read.
            self._emit_all(self._cutter.feed(" ", self._offset))
            return
        self._close()
        if tag.value in _PAUSES_MS:
            self._pause_ms += _PAUSES_MS[tag.value]
        else:
            self._delivery.pop(tag.kind, None)
            self._delivery[tag.kind] = tag

    def _note_unknown(self, tag: UnknownTag) -> None:
        close = nearest(tag.written[2:-2])
        hint = f"; the nearest are {', '.join(close)}" if close else ""
        if self._policy is TagPolicy.STRICT:
            raise InvalidField(f"text has a tag at character {self._offset} that is not known{hint}", field="text")
        why = "is a control token" if tag.is_structural else "is not known"
        self._warnings.append(("UNKNOWN_TAG", f"the tag at character {self._offset} {why} and was read as text{hint}"))

    def _close(self) -> None:
        """End the segment here; sounds after its last word are its own, for no word follows them."""
        pieces = self._cutter.close()
        self._emit_all(pieces[:-1])
        if pieces or self._sounds:
            last = pieces[-1] if pieces else Piece("", self._sounds[0][0], self._sounds[0][0])
            self._emit(last, tuple(tag for _, tag in self._sounds))
            self._sounds.clear()

    def _emit_all(self, pieces: list[Piece]) -> None:
        """Emit pieces, each with the sounds that stand before its end."""
        for piece in pieces:
            sounds = tuple(tag for offset, tag in self._sounds if offset < piece.end_offset)
            self._sounds = self._sounds[len(sounds) :]
            self._emit(piece, sounds)

    def _emit(self, piece: Piece, sounds: tuple[Tag, ...]) -> None:
        delivery = self._delivery
        speed, pitch = delivery.get("prosody:speed"), delivery.get("prosody:pitch")
        self._ready.append(
            Segment(
                text=piece.text,
                tags=tuple(tag.written for tag in (*delivery.values(), *sounds)),
                pause_before_ms=self._pause_ms,
                speed_factor=_SPEEDS[speed.value] if speed else 1.0,
                pitch_semitones=_PITCHES_SEMITONES[pitch.value] if pitch else 0.0,
                speaker=self._speaker,
                text_offset=piece.offset,
            )
        )
        self._pause_ms = 0


def has_speech(text: str) -> bool:
    """Whether there is anything to say: a letter or a digit of any script, or a sign that has a name when read aloud.

    Three equal signs in a row are a line drawn for the eye.
    """
    return any(map(str.isalnum, text)) or not _READ_SIGNS.isdisjoint(_RULER.sub("", text))
