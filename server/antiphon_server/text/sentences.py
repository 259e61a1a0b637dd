"""Sentences cut from text that arrives character by character.

A boundary is judged once, at a point that depends on the text alone: when the word after it is complete. So the same
text gives the same sentences however it was cut on the way.
"""

# ruff: noqa: RUF001 - the marks of other scripts are meant

import bisect
import re
import unicodedata
from dataclasses import dataclass

import sentencex

MAX_SENTENCE_CHARACTERS = 300
_MIN_CLAUSE_CHARACTERS = 100
_MAX_AWAITED_CHARACTERS = 16
"""A next word this long tells as much about the boundary as a complete one."""

_COUNTED = re.compile(r"[\[(\"“]*(?:apt|approx|chaps?|chs?|eqs?|figs|n|pag|paras?|pág|rm|tel|vols?)\.", re.IGNORECASE)
"""What a full stop and a number may follow within a sentence; sentencex knows others in each language, not these."""
_NEWLINES = frozenset("\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029")
_TIGHT_ENDS = frozenset("。！？｡︒﹒﹗﹖")
"""Ends that need no space after them."""
_ENDS = _TIGHT_ENDS | frozenset(".!?…‽⁇⁈⁉．։۔؟॥।။៕།༎።፧፨᙮᠃᠉᭞᭟꘎꘏꛳꛷꩝꯫")
_CLOSERS = frozenset("\"'”’»›)]}」』）】〉》*_")
_CLAUSE_ENDS = frozenset(",;:—–")
_TIGHT_CLAUSE_ENDS = frozenset("，、；：،؛")


@dataclass(frozen=True, slots=True)
class Piece:
    """A sentence, or what was cut from one."""

    text: str
    """Without white space at its ends, and single spaces inside."""
    offset: int
    """Of its first character, in the text as given."""
    end_offset: int
    """One past its last character, in the text as given."""


class SentenceCutter:
    """Collects characters and lets whole sentences go."""

    def __init__(self, language: str, *, is_cutting: bool = True, max_words: int | None = None) -> None:
        """Begin a text.

        Args:
            language: BCP 47 tag; unknown ones are cut as English.
            is_cutting: False: newlines, sentence ends and length mean nothing; only ``close`` ends a piece.
            max_words: Cut after so many words instead of at sentence ends.
        """
        self._language = language
        self._is_cutting = is_cutting and max_words is None
        self._max_words = max_words
        self._clear()

    def _clear(self) -> None:
        self._characters: list[str] = []
        self._offsets: list[int] = []
        self._num_words = 0
        self._open: int | None = None
        """Index after a sentence end that stands at the very end of the text so far."""
        self._pending: int | None = None
        """Index after a sentence end, followed by a space, that awaits its judgement."""

    def feed(self, text: str, offset: int) -> list[Piece]:
        """Take characters; ``offset`` is the first one's in the text as given. Returns the pieces that are complete."""
        pieces: list[Piece] = []
        for index, character in enumerate(text, offset):
            if character <= " " or "\x7f" <= character <= "\xa0" or character.isspace():
                self._feed_space(character, index, pieces)
            else:
                self._feed_visible(character, index, pieces)
        return pieces

    def close(self) -> list[Piece]:
        """Let go what is left: the judgement of an end still pending comes with it."""
        pieces = self._judge() if self._pending is not None else []
        if self._characters:
            pieces.append(self._piece(len(self._characters)))
        self._clear()
        return pieces

    def _feed_space(self, character: str, offset: int, pieces: list[Piece]) -> None:
        if self._is_cutting and character in _NEWLINES:
            pieces += self.close()
            return
        if not self._characters or self._characters[-1] == " ":
            return
        if self._pending is not None:
            pieces += self._judge()
        self._append(" ", offset)
        self._num_words += 1
        self._pending, self._open = self._open, None

    def _feed_visible(self, character: str, offset: int, pieces: list[Piece]) -> None:
        if self._num_words == self._max_words:
            pieces += self.close()
        if self._is_tight_end(character):
            self._pending, self._open = self._open, None
            self._append(character, offset)
            pieces += self._judge()
        else:
            self._append(character, offset)
        if self._is_cutting:
            self._watch(character, pieces)

    def _is_tight_end(self, character: str) -> bool:
        """Whether a sentence may have ended right before this character, without a space."""
        is_after_end = self._open is not None and character not in _ENDS and character not in _CLOSERS
        return is_after_end and self._pending is None and not _TIGHT_ENDS.isdisjoint(self._characters[-2:])

    def _watch(self, character: str, pieces: list[Piece]) -> None:
        """Note what the last character says about sentence ends, and cut what is too long."""
        if character in _ENDS or (self._open is not None and character in _CLOSERS):
            self._open = len(self._characters)
        else:
            self._open = None
        if self._pending is not None and len(self._characters) - self._pending > _MAX_AWAITED_CHARACTERS:
            pieces += self._judge()
        if len(self._characters) > MAX_SENTENCE_CHARACTERS:
            pieces += self._cut(self._long_cut())

    def _judge(self) -> list[Piece]:
        """Ask whether the pending end ends a sentence, and cut there if it does."""
        end, self._pending = self._pending, None
        assert end is not None
        total, cuts = 0, []
        for sentence in sentencex.segment(self._language, "".join(self._characters)):
            total += len(sentence)
            cuts.append(total)
        nearest = bisect.bisect_left(cuts, end)
        is_end = nearest < len(cuts) and cuts[nearest] < len(self._characters) and cuts[nearest] <= end + 1
        return self._cut(end) if is_end and not self._is_counted(end) else []

    def _is_counted(self, end: int) -> bool:
        """Whether a word such as "vol." and its number stand around an end."""
        words = "".join(self._characters[:end]).split()
        after = "".join(self._characters[end:]).lstrip()
        return _COUNTED.fullmatch(words[-1]) is not None and after[:1].isdecimal()

    def _long_cut(self) -> int:
        """Find the best place to cut what is too long: a likely sentence end, a clause, a word."""
        if self._pending is not None:
            return self._pending
        text = self._characters
        ends = range(len(text) - 1, 0, -1)
        for end in ends[: len(text) - _MIN_CLAUSE_CHARACTERS]:
            is_clause = text[end - 1] in _CLAUSE_ENDS and text[end] == " "
            if is_clause or text[end - 1] in _TIGHT_CLAUSE_ENDS:
                return end
        spaces = (end for end in ends if text[end] == " ")
        whole = (end for end in ends if not unicodedata.category(text[end]).startswith("M"))
        return next(spaces, None) or next(whole, MAX_SENTENCE_CHARACTERS)

    def _cut(self, end: int) -> list[Piece]:
        """Let go the first ``end`` characters; the rest is taken in once more, as a text of its own."""
        pieces = [self._piece(end)]
        rest = list(zip(self._characters[end:], self._offsets[end:], strict=True))
        self._clear()
        for character, offset in rest:
            pieces += self.feed(character, offset)
        return pieces

    def _piece(self, end: int) -> Piece:
        text = "".join(self._characters[:end]).rstrip()
        return Piece(text, self._offsets[0], self._offsets[len(text) - 1] + 1)

    def _append(self, character: str, offset: int) -> None:
        self._characters.append(character)
        self._offsets.append(offset)
