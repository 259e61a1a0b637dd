"""Delivery tags ``<|category:value|>``: the catalogue, and finding them in text that is still arriving."""

import difflib
import re
from dataclasses import dataclass
from enum import StrEnum

MAX_TAG_CHARACTERS = 64
"""A ``<|`` not closed within this many characters is text."""

_EMOTIONS = (
    "elation amusement enthusiasm determination pride contentment affection relief contemplation confusion surprise "
    "awe longing arousal anger fear disgust bitterness sadness shame helplessness"
)
_STYLES = "singing shouting whispering"
_SOUNDS = "cough laughter crying screaming burping humming sigh sniff sneeze"
_PROSODY = (
    "speed_very_slow speed_slow speed_fast speed_very_fast pitch_low pitch_high pause long_pause expressive_high "
    "expressive_low"
)
_STRUCTURAL = frozenset({
    "audio", "ref_audio", "ref_text", "text", "im_start", "im_end", "begin_of_text", "end_of_text", "endoftext",
    "start_header_id", "end_header_id", "eot_id", "audio_bos", "audio_eos", "audio_out_bos", "AUDIO", "AUDIO_OUT",
})  # fmt: skip
_STRUCTURAL_CATEGORIES = ("env:", "speaker_", "scene_desc_")

_BODY = rf"[^<|>\n]{{0,{MAX_TAG_CHARACTERS - 4}}}"
_WHOLE = re.compile(rf"<\|({_BODY})\|>")
_BEGUN = re.compile(rf"<(?:\|(?:{_BODY}\|?)?)?")


class TagPolicy(StrEnum):
    """What ``<|...|>`` in a text means; the names are the contract's."""

    CATALOGUE = "CATALOGUE"
    """Tags of the catalogue steer, anything else is text."""
    TEXT = "TEXT"
    """All of it is text."""
    STRICT = "STRICT"
    """Anything outside the catalogue is an error."""


@dataclass(frozen=True, slots=True)
class Tag:
    """One tag of the catalogue."""

    category: str
    """emotion, style, sfx or prosody."""
    value: str

    @property
    def name(self) -> str:
        """The tag without its brackets, as engines list it."""
        return f"{self.category}:{self.value}"

    @property
    def written(self) -> str:
        """The tag as it stands in a text."""
        return f"<|{self.name}|>"

    @property
    def kind(self) -> str:
        """What it sets: of each kind at most one holds at a time. Empty for what happens at one spot."""
        if self.category != "prosody":
            return "" if self.category == "sfx" else self.category
        return "" if self.value.endswith("pause") else f"prosody:{self.value.partition('_')[0]}"


@dataclass(frozen=True, slots=True)
class UnknownTag:
    """``<|...|>`` that is not of the catalogue."""

    written: str

    @property
    def is_structural(self) -> bool:
        """Whether some model takes it for a control token; such are text under every policy."""
        return is_structural(self.written[2:-2])


CATALOGUE: tuple[Tag, ...] = tuple(
    Tag(category, value)
    for category, values in (("emotion", _EMOTIONS), ("style", _STYLES), ("sfx", _SOUNDS), ("prosody", _PROSODY))
    for value in values.split()
)
"""The 43 tags."""

_BY_NAME = {tag.name: tag for tag in CATALOGUE}


def is_structural(name: str) -> bool:
    """Whether ``<|name|>`` is a control token of some model rather than a delivery tag."""
    return name in _STRUCTURAL or name.startswith(_STRUCTURAL_CATEGORIES)


def nearest(name: str) -> list[str]:
    """Return up to three tags, as written, whose names are like ``name``; best first, maybe none."""
    value = name.rpartition(":")[2].strip().lower()
    by_value = {tag.value: tag.name for tag in CATALOGUE}
    close = difflib.get_close_matches(name.strip().lower(), _BY_NAME, n=3)
    close += [by_value[found] for found in difflib.get_close_matches(value, by_value, n=3)]
    return [_BY_NAME[found].written for found in dict.fromkeys(close)][:3]


class TagScanner:
    """Splits text that is still arriving into text and tags; how it was cut makes no difference."""

    def __init__(self, policy: TagPolicy = TagPolicy.CATALOGUE) -> None:
        """Begin a text; under TEXT nothing is a tag and nothing is held back."""
        self._policy = policy
        self._held = ""

    def push(self, text: str) -> list[str | Tag | UnknownTag]:
        """Take text; what may become a tag with the next characters is held back, 63 characters at most."""
        if self._policy is TagPolicy.TEXT:
            return [text] if text else []
        text, self._held = self._held + text, ""
        found: list[str | Tag | UnknownTag] = []
        begin = position = 0
        while (position := text.find("<", position)) >= 0:
            whole = _WHOLE.match(text, position)
            if whole is not None:
                _add_text(found, text[begin:position])
                found.append(_BY_NAME.get(whole[1]) or UnknownTag(whole[0]))
                begin = position = whole.end()
            elif _BEGUN.fullmatch(text, position):
                self._held = text[position:]
                break
            else:
                position += 1
        _add_text(found, text[begin : len(text) - len(self._held)])
        return found

    def flush(self) -> list[str | Tag | UnknownTag]:
        """Return what was held back, as text."""
        held, self._held = self._held, ""
        return [held] if held else []


def _add_text(found: list[str | Tag | UnknownTag], text: str) -> None:
    if text:
        found.append(text)
