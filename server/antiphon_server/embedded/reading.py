"""Text made safe and readable for an English front end that trusts its input.

hibari reads ``[word](/phonemes/)`` as markup, fails on very long numbers and takes minutes for a long word of many
parts ("a-b-a-b-…"). None of that may be reachable from a caller's text.
"""

import re
import unicodedata

MAX_PIECE_CHARACTERS = 180
"""A piece is what the model speaks at once; about 11 s of sound."""
MAX_WORD_CHARACTERS = 32
MAX_NUMBER_DIGITS = 15

_BRACKETS = str.maketrans("[]", "()")
_NUMBER = re.compile(r"\d[\d,.]*\d")
_LONG_WORD = re.compile(rf"\S{{{MAX_WORD_CHARACTERS + 1},}}")
_PART = re.compile(
    rf"[$€£]?(?:\w|(?<=\d)[.,](?=\d)|(?<=\w)['\u2019](?=\w)){{1,{MAX_WORD_CHARACTERS - 1}}}|[$€£]"
    rf"|[^\w\s$€£]{{1,{MAX_WORD_CHARACTERS}}}"
)
"""A part of a long word; prices, decimals and "you'll" stay whole."""
_BREAKS = (re.compile(r"[,;:\u2013\u2014)]\s"), re.compile(r"\s"))
_POWERS = "\u00b2\u00b3"
_PLAIN = re.compile(r"[^A-Za-z',.!? ]+")
_JOINERS = {"\u200b", "\u200c", "\u200d", "\u2060", "\ufeff", "\u00ad"}


def cleaned(text: str) -> str:
    """Return ``text`` with the same words and nothing the front end would take for anything else."""
    text = "".join(_readable(character) for character in unicodedata.normalize("NFC", text))
    text = _NUMBER.sub(digit_by_digit, text.translate(_BRACKETS))
    return _LONG_WORD.sub(lambda match: " ".join(_PART.findall(match.group())), text).strip()


def digit_by_digit(number: re.Match[str], point: str = "") -> str:
    """Read out a number that the front end would fail on; ``point`` is the word for a decimal point, if it is said."""
    if sum(map(str.isdigit, number[0])) <= MAX_NUMBER_DIGITS:
        return number[0]
    said = (point if character == "." else character for character in number[0] if character != ",")
    return " ".join(filter(None, said))


def _readable(character: str) -> str:
    if character in _JOINERS:
        return ""
    if character.isdigit() and not character.isdecimal() and character not in _POWERS:
        return (
            f" {unicodedata.digit(character)} "  # the front end takes circled and lowered digits for numbers, and fails
        )
    kind = unicodedata.category(character)
    return " " if kind in {"Cc", "Cs", "Co", "Cn", "Zl", "Zp"} else "" if kind == "Cf" else character


def plainest(text: str) -> str:
    """Keep English letters and marks only: the second try where the front end failed."""
    return _PLAIN.sub(" ", text)


def num_unreadable(text: str, scripts: tuple[str, ...] = ("LATIN",)) -> int:
    """Count the letters of scripts that are not among ``scripts``, by default those English cannot spell."""
    return sum(1 for character in unicodedata.normalize("NFC", text) if _is_foreign_letter(character, scripts))


def without_unreadable(text: str, scripts: tuple[str, ...] = ("LATIN",)) -> str:
    """Leave out what ``num_unreadable`` counts, so that what is told as left out was not spoken either."""
    letters = unicodedata.normalize("NFC", text)
    return "".join(" " if _is_foreign_letter(letter, scripts) else letter for letter in letters)


def _is_foreign_letter(character: str, scripts: tuple[str, ...]) -> bool:
    if character.isascii() or not unicodedata.category(character).startswith("L"):
        return False
    name = unicodedata.name(unicodedata.normalize("NFKC", character)[0], "")
    return not any(script in name for script in scripts)


def pieces(sentence: str) -> list[str]:
    """Cut a sentence where a speaker would breathe, so that no piece is longer than the model should see."""
    parts = []
    while len(sentence) > MAX_PIECE_CHARACTERS:
        cut = _last_break(sentence)
        parts.append(sentence[:cut].strip())
        sentence = sentence[cut:].strip()
    return [part for part in (*parts, sentence) if part]


def _last_break(sentence: str) -> int:
    for kind in _BREAKS:
        ends = [match.end() for match in kind.finditer(sentence, 0, MAX_PIECE_CHARACTERS)]
        if ends and ends[-1] > MAX_PIECE_CHARACTERS // 3:
            return ends[-1]
    return MAX_PIECE_CHARACTERS
