"""How a reply will be spoken: a directive in front of it, or the scenario's, turned into tags of the catalogue."""

import re
from dataclasses import dataclass, field

from antiphon_server.text.tags import CATALOGUE

_KEYS = ("emotion", "style", "speed", "expressive", "pitch", "sfx")
_DIRECTIVE = re.compile(r"\s*\[((?:\s*[a-z]+\s*=\s*[a-z_]+\s*,?)+)\]\s*", re.IGNORECASE)
_PAIR = re.compile(r"([a-z]+)\s*=\s*([a-z_]+)", re.IGNORECASE)
MAX_DIRECTIVE_CHARACTERS = 160


@dataclass(frozen=True, slots=True)
class Delivery:
    """Resolved delivery; every value is of the catalogue, or empty."""

    values: dict[str, str] = field(default_factory=dict)

    @property
    def tags(self) -> tuple[str, ...]:
        """The tags as written."""
        return tuple(f"<|{_name(key, self.values[key])}|>" for key in _KEYS if key in self.values)

    @property
    def tokens(self) -> str:
        """The tags in front of the reply."""
        return "".join(self.tags)


def parse_delivery(pairs: str) -> Delivery:
    """Read "key=value" pairs; what the catalogue does not have is left out.

    >>> parse_delivery("emotion=contentment speed=slow mood=odd").tokens
    '<|emotion:contentment|><|prosody:speed_slow|>'
    """
    found = {key.lower(): value.lower() for key, value in _PAIR.findall(pairs)}
    known = {f"{tag.category}:{tag.value}" for tag in CATALOGUE}
    return Delivery({key: value for key, value in found.items() if key in _KEYS and _name(key, value) in known})


def split_directive(text: str) -> tuple[str, str]:
    """Split a directive off the start of a reply: (pairs, rest); pairs is empty if there is none."""
    match = _DIRECTIVE.match(text)
    return (match.group(1), text[match.end() :]) if match else ("", text)


def may_grow_into_directive(text: str) -> bool:
    """Whether the start of a reply could still turn out to be a directive."""
    start = text.lstrip()
    return (not start or start[0] == "[") and "]" not in start and len(start) < MAX_DIRECTIVE_CHARACTERS


def _name(key: str, value: str) -> str:
    if key in ("speed", "expressive", "pitch"):
        return f"prosody:{key}_{value}"
    return f"{key}:{value}"
