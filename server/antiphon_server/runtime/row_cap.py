"""How many rows a text can take at most: four times as long as anybody needs to read it, so that only runaways are cut.

The model now and then forgets to end. Rows are counted as a slow reader would speak the characters, by the classes of
Unicode: a digit may be a word ("seventy"), and an emoji a whole description.
"""

import math
import unicodedata
from collections.abc import Sequence

_GENEROSITY = 4
_ROWS_AT_LEAST = 150
"""Six seconds: breaths, and languages this page knows nothing of."""
_ROWS_OF_CLASS = {
    "Ll": 1.8,  # 14 letters a second, 25 rows a second
    "Lt": 4,
    "Lu": 6,  # perhaps spelt: "W" has three syllables
    "Lm": 2,
    "Lo": 6,  # scripts without cases: a syllable or word a character in the longest of them
    "Mn": 1,
    "Mc": 3,
    "Me": 1,
    "Sm": 15,  # "is greater than or equal to"
    "Sc": 15,
    "Sk": 15,
    "So": 40,  # "face with tears of joy"
    "Cc": 10,  # a line break is a pause
}
_ROWS_OF_GROUP = {"N": 12, "P": 10, "Z": 0, "C": 0}
_ROWS_OF_TAG = {"prosody:pause": 18, "prosody:long_pause": 38}
_ROWS_OF_SOUND = 75
"""Three seconds of laughter."""
_SLOWNESS = {"prosody:speed_very_slow": 1 / 0.65, "prosody:speed_slow": 1 / 0.85, "style:singing": 2}


def rows_to_read(text: str, tags: Sequence[str] = ()) -> float:
    """Estimate the rows of a slow reading.

    >>> rows_to_read("two words"), rows_to_read("1234567890"), rows_to_read("你好")
    (14.4, 120.0, 12.0)
    """
    rows = math.fsum(_rows_of(character) for character in text)
    for tag in tags:
        rows = rows * _SLOWNESS.get(tag, 1) + _ROWS_OF_TAG.get(tag, _ROWS_OF_SOUND if tag.startswith("sfx:") else 0)
    return rows


def rows_of_pauses(tags: Sequence[str]) -> int:
    """Count the rows that pause tags may stay silent for, besides what any speech may.

    >>> rows_of_pauses(["prosody:long_pause", "emotion:awe", "prosody:pause"])
    56
    """
    return sum(_ROWS_OF_TAG.get(tag, 0) for tag in tags)


def row_cap(text: str, tags: Sequence[str] = ()) -> int:
    """Count the rows after which the speech of a text is a runaway."""
    return _ROWS_AT_LEAST + math.ceil(_GENEROSITY * rows_to_read(text, tags))


def _rows_of(character: str) -> float:
    category = unicodedata.category(character)
    return _ROWS_OF_CLASS.get(category, _ROWS_OF_GROUP.get(category[0], 2))
