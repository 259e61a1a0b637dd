"""The language of a call: which of the model's a tag means."""

import difflib
from collections.abc import Collection

from antiphon_server.errors import InvalidField
from antiphon_server.text.language_tag import primary_subtag

_SAME = {"cmn": "zh", "fil": "tl", "in": "id", "iw": "he", "ji": "yi", "jw": "jv", "mo": "ro", "nb": "no"}
"""Codes that were replaced, or name one form of a language, and the codes that models have."""
_MAX_SHOWN = 20


def resolve_language(tag: str, offered: Collection[str], *, model: str, field: str) -> str:
    """Turn a BCP 47 tag into one of the model's languages; empty where it is to be found out.

    Raises:
        InvalidField: If the model does not know it; names near ones, or all if none is near.
    """
    code = primary_subtag(tag)
    if code in ("", "auto"):
        return ""
    known = sorted({primary_subtag(language) for language in offered})
    found = code if code in known else _SAME.get(code, "")
    if found in known:
        return found
    near = difflib.get_close_matches(code, known, n=4, cutoff=0.5)
    raise InvalidField(
        f"{field}: {model} does not know the language {tag[:_MAX_SHOWN]!r}; there is {', '.join(near or known)}",
        field=field,
    )
