"""Amounts, ranges and addresses in English words, where hibari's front end would say another amount or leave marks out.

What that front end reads right (plain prices, percentages, dates, times, ordinals, units) is left to it.
"""

import re
import unicodedata
from collections.abc import Callable
from functools import partial

from antiphon_server.embedded.reading import cleaned, digit_by_digit, without_unreadable

# ruff: noqa: RUF001 - the dashes, primes and minus signs of real texts are meant

_MONEY = "[$€£]"
_NUMBER = r"\d+(?:[.,]\d+)*"
_TIME = r"\d{1,2}:\d\d(?: ?[ap]\.?m\.?)?"
_SCALE = "(?:[kKmMbB]|[mbt]n| (?:thousand|[mbtr]+illion))?"
_SCALES = {"k": "thousand", "m": "million", "mn": "million", "bn": "billion", "b": "billion", "tn": "trillion"}
_BEFORE_NUMBERS = {
    "No": "number",
    "Nos": "numbers",
    "Fig": "figure",
    "fig": "figure",
    "Figs": "figures",
    "figs": "figures",
    "Vol": "volume",
    "vol": "volume",
    "Ch": "chapter",
    "Sec": "section",
    "Eq": "equation",
    "p": "page",
    "pp": "pages",
}
"""In this case only: "Wait a sec. 5 came" is about no section."""
_ENDINGS = "com|org|net|edu|gov|info|io|dev|ai|app|co|uk|de|fr|eu|nl|ca|js|ts|py|txt|pdf|csv|json|html"
"""Any other word behind a full stop may be a sentence whose space was forgotten."""
_MARKS = {".": " dot ", "@": " at ", "_": " underscore ", "-": " dash ", "+": " plus "}
_IP_PARTS = 4
_YEAR_DIGITS = 4
Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def english(text: str) -> str:
    """Make a text ready for hibari's front end: amounts in words, no letters it cannot spell, no markup."""
    return cleaned(verbalized(without_unreadable(text)))


def verbalized(text: str) -> str:
    """Return ``text`` with what would be misread in words; the rest as it is."""
    for pattern, words in _RULES:
        text = pattern.sub(words, text)
    return text


def _address(found: re.Match[str]) -> str:
    return "".join(_MARKS.get(character, character) for character in found[0])


def _from(found: re.Match[str]) -> str:
    return f"{found[1]} to "


def _scaled(found: re.Match[str]) -> str:
    return f"{found[1]} {_SCALES[found[2].lower()]}"


def _price(found: re.Match[str]) -> str:
    """``49,90 €`` as ``€49.90``: a mark before two digits or fewer begins the decimals, all others group thousands."""
    amount = re.sub(r"[.,](?!\d{1,2}$)", "", found[1])
    return found[2] + amount.replace(",", ".")


def _fraction(found: re.Match[str]) -> str:
    words = unicodedata.name(found[2]).removeprefix("VULGAR FRACTION ").lower()
    return f"{found[1]} and {words}" if found[1] else words


def _dotted(found: re.Match[str]) -> str:
    parts = found[2].split(".")
    if len(parts[-1]) == _YEAR_DIGITS and len(parts) < _IP_PARTS:
        return found[0]  # a date
    return (found[1] and f"{found[1]} ") + (" dot " if len(parts) == _IP_PARTS else " point ").join(parts)


def _list(found: re.Match[str]) -> str:
    """``1,2,3`` as three numbers; groups of three digits are one."""
    first, *groups = found[0].split(",")
    return found[0] if len(first) <= 3 and all(len(group) == 3 for group in groups) else ", ".join((first, *groups))


_RULES: tuple[Rule, ...] = (
    (re.compile(r"[\w.+-]{0,63}\w@\w[\w-]{0,62}(?:\.\w[\w-]{0,62}){1,8}"), _address),
    (re.compile(rf"\b[A-Za-z0-9-]{{2,63}}(?:\.[a-z0-9-]{{2,63}}){{0,8}}\.(?:{_ENDINGS})\b(?!\.\w)"), _address),
    (re.compile(rf"({_TIME})\s?[-–—]\s?(?={_TIME})", re.IGNORECASE), _from),
    (re.compile(rf"({_MONEY}{_NUMBER}{_SCALE})(?:[-–—](?=\d)|\s?[-–—]\s?(?={_MONEY}))"), _from),
    (re.compile(rf"(?<![\w.,–-])({_NUMBER})\s?%?[-–](?={_NUMBER}\s?%)"), _from),
    (re.compile(rf"(?<![\w.,–-])({_NUMBER})–(?={_NUMBER}(?![\w–-]))"), _from),
    (re.compile(rf"(?:(?<![\w.,)%])-|−\s?)(?={_MONEY}?\.?\d)"), lambda _: "minus "),
    (re.compile(rf"(?<![\w.,])({_NUMBER})\s?({_MONEY})(?!\w)"), _price),
    (re.compile(rf"({_MONEY}{_NUMBER})(?:\s(?=[mbt]n))?([kKmMbB]|[mbt]n)\b"), _scaled),
    (re.compile(r"(?<![\w.,])(\d+(?:\.\d+)?)([bt]n)\b"), _scaled),
    (re.compile(r"(?:(\d+)\s?)?([¼-¾⅐-⅞])"), _fraction),
    (re.compile(r"(\d)['’′](\d{1,2})(?:[\"”″]|'')"), lambda found: f"{found[1]} feet {found[2]} inches"),
    (re.compile(rf"\b({'|'.join(_BEFORE_NUMBERS)})\.\s?(?=\d)"), lambda found: f"{_BEFORE_NUMBERS[found[1]]} "),
    (re.compile(r"(?<![\w.,])(v?)(\d+(?:\.\d+){2,})(?!\w|\.\d)", re.IGNORECASE), _dotted),
    (re.compile(r"(?<![\w.,)])\.(?=\d)"), lambda _: "0."),
    (re.compile(r"(?<![\w.,])\d+(?:,\d+)+(?![\w,]|\.\d)"), _list),
    (re.compile(r"(?<![\w.,:/+-])0\d+(?!\w|[.,:/-]\d)"), lambda found: " ".join(found[0])),
    (re.compile(_NUMBER), partial(digit_by_digit, point="point")),
)
"""In this order: an address is none any more when numbers are looked for."""
