"""From text to Kokoro's phonemes: English by hibari's front end, other languages by espeak-ng."""

from pathlib import Path
from typing import Protocol

from antiphon_server.embedded import reading, weights
from antiphon_server.embedded.kokoro_espeak import VOICES as ESPEAK_VOICES
from antiphon_server.embedded.kokoro_espeak import Espeak
from antiphon_server.embedded.kokoro_voices import LANGUAGES
from antiphon_server.embedded.verbalize import english

_SCRIPTS = {"hi": ("LATIN", "DEVANAGARI")}
_LATIN = ("LATIN",)
_DASHES = str.maketrans({"\u2013": "\u2014", "\u2012": "\u2014"})


class Spelling(Protocol):
    """Spells a text of one language."""

    def phonemes(self, text: str) -> list[str]:
        """Spell a text, piece by piece."""
        ...

    def num_unreadable(self, text: str) -> int:
        """Count the letters that are left out."""
        ...


class English:
    """hibari's front end, which has the lexicons and the conventions Kokoro was trained with."""

    def __init__(self, *, british: bool) -> None:
        """Load the lexicons and the net for unknown words.

        Raises:
            ModelNotInstalled: If they are missing.
        """
        files = weights.HIBARI_BRITISH if british else weights.HIBARI_AMERICAN
        for file in (*weights.HIBARI_SHARED, *files):
            weights.verified(file)
        self._spell = weights.runtime("hibari.g2p", "hibari-tts").G2P(british=british)
        self._sentences = weights.runtime("hibari", "hibari-tts").Hibari.split_sentences
        self._spell.oov("warm")

    def phonemes(self, text: str) -> list[str]:
        """Spell a text, sentence by sentence."""
        pieces = [piece for s in self._sentences(english(text)) for piece in reading.pieces(s)]
        return [self._spelled(piece) for piece in pieces]

    def num_unreadable(self, text: str) -> int:
        """Count the letters of other scripts."""
        return reading.num_unreadable(text)

    def _spelled(self, piece: str) -> str:
        try:
            phonemes: str = self._spell(piece)
        except (ValueError, IndexError, KeyError):
            phonemes = self._spell(reading.plainest(piece))
        return phonemes


class Foreign:
    """espeak-ng in one language; it reads that language's numbers and signs itself."""

    def __init__(self, espeak: Espeak, language: str) -> None:
        """Spell ``language``, one of ``kokoro_espeak.VOICES``."""
        self._espeak = espeak
        self._language = language
        self._scripts = _SCRIPTS.get(language, _LATIN)

    def phonemes(self, text: str) -> list[str]:
        """Spell a text, line by line."""
        lines = (line for whole in text.splitlines() for line in reading.pieces(reading.cleaned(whole)))
        return [self._espeak.phonemes(self._readable(line), self._language) for line in lines]

    def num_unreadable(self, text: str) -> int:
        """Count the letters of other scripts, whose names espeak-ng would read."""
        return reading.num_unreadable(text, self._scripts)

    def _readable(self, text: str) -> str:
        return reading.without_unreadable(text.translate(_DASHES), self._scripts)


def spellings(espeak_folder: Path | None) -> dict[str, Spelling]:
    """Make what spells each language that can be spoken here, by BCP 47 tag.

    Args:
        espeak_folder: espeak-ng; None if there is none, which leaves English.

    Raises:
        ModelNotInstalled: If a file of the English front end is missing or wrong.
        EngineFailed: If espeak-ng cannot be loaded.
    """
    found: dict[str, Spelling] = {"en-US": English(british=False), "en-GB": English(british=True)}
    if espeak_folder is not None:
        espeak = Espeak(espeak_folder)
        tags = [language.tag for language in LANGUAGES.values()]
        found |= {tag: Foreign(espeak, tag[:2]) for tag in tags if tag[:2] in ESPEAK_VOICES}
    return found
