"""Sounds of Spanish, French, Italian, Portuguese and Hindi by espeak-ng, spelled in Kokoro's alphabet.

espeak-ng is under the GPL-3.0 and no part of Antiphon: it is there if its user added it (``antiphon models add
espeak``), and is loaded only then, by the engine process that speaks with it.
"""

# ruff: noqa: RUF001 - letters of the phonetic alphabet

import ctypes
import re
from collections.abc import Iterator
from pathlib import Path

from antiphon_server.errors import EngineFailed

VOICES = {"es": "es", "fr": "fr", "hi": "hi", "it": "it", "pt": "pt-br"}
"""ISO 639-1 to espeak's own names."""

_SYNCHRONOUS = 2
_DO_NOT_EXIT = 0x8000  # where its data cannot be read, it would end the whole process
_UTF8 = 1
_TIE = "^"
_IPA_WITH_TIES = (ord(_TIE) << 8) | 0x80 | 0x02
_SPELLINGS = {
    "a^ɪ": "I",
    "a^ʊ": "W",
    "d^z": "ʣ",
    "d^ʒ": "ʤ",
    "e^ɪ": "A",
    "o^ʊ": "O",
    "s^s": "S",
    "t^s": "ʦ",
    "t^ʃ": "ʧ",
    "ɔ^ɪ": "Y",
    "ə^ʊ": "Q",
}
"""Double sounds as espeak-ng ties them, and the single letters that the model learned for them."""
_SWITCH = re.compile(r"\(\^?[a-z][a-z^-]*\)")
"""What espeak-ng writes where it reads a word in another language, as in "(en)"."""
_MARKS = re.compile(r"\s*([.!?…,;:—।]+)[\"»”)]*(?:\s+|$)|\s*([()\"«»“”¿¡]+)\s*|\s+[-\u2013]\s+")


class Espeak:
    """The library. It has one state for the whole process: call it from one thread."""

    def __init__(self, folder: Path) -> None:
        """Load the library and its data from ``folder``.

        Raises:
            EngineFailed: If it cannot be loaded.
        """
        try:
            self._library = ctypes.CDLL(str(_library(folder)))
        except (OSError, StopIteration) as error:
            raise EngineFailed("espeak-ng cannot be loaded on this machine") from error
        self._library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
        self._library.espeak_TextToPhonemes.argtypes = [ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int]
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        if self._library.espeak_Initialize(_SYNCHRONOUS, 0, str(folder).encode(), _DO_NOT_EXIT) <= 0:
            raise EngineFailed("espeak-ng cannot read its data")

    def phonemes(self, text: str, language: str) -> str:
        """Spell a text in the model's alphabet; marks stay where they are.

        Args:
            text: Without control characters.
            language: One of ``VOICES``.

        Raises:
            EngineFailed: If espeak-ng has no such voice.
        """
        if self._library.espeak_SetVoiceByName(VOICES[language].encode()) != 0:
            raise EngineFailed(f"espeak-ng has no voice {VOICES[language]}")
        return "".join(self._pieces(text)).strip()

    def _pieces(self, text: str) -> Iterator[str]:
        begin = 0
        for match in _MARKS.finditer(text):
            yield self._spell(text[begin : match.start()])
            yield f"{_mark(match)} "
            begin = match.end()
        yield self._spell(text[begin:])

    def _spell(self, text: str) -> str:
        left, parts = ctypes.c_char_p(text.encode("utf-8", "ignore")), []
        while left.value:
            part = self._library.espeak_TextToPhonemes(ctypes.byref(left), _UTF8, _IPA_WITH_TIES)
            parts.append((part or b"").decode("utf-8", "ignore"))
        return in_alphabet(" ".join(parts))


def in_alphabet(ipa: str) -> str:
    """Rewrite espeak-ng's tied IPA as the model was taught it."""
    ipa = _SWITCH.sub("", ipa)
    for tied, letter in _SPELLINGS.items():
        ipa = ipa.replace(tied, letter)
    return " ".join(ipa.replace(_TIE, "").replace("-", "").split())


def _mark(match: re.Match[str]) -> str:
    if not match[1]:
        return "" if match[2] else " —"
    return "…" if match[1].startswith(("...", "…")) else match[1][0].replace("।", ".")  # the full stop of Hindi


def _library(folder: Path) -> Path:
    names = ("libespeak-ng.so", "libespeak-ng.dylib", "espeak-ng.dll")
    return next(folder / name for name in names if (folder / name).is_file())
