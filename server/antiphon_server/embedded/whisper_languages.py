"""Language codes as callers write them, and as Whisper does."""

import difflib
from collections.abc import Collection

from antiphon_server.errors import InvalidField
from antiphon_server.text.language_tag import primary_subtag

_TO_WHISPER = {"nb": "no", "iw": "he", "fil": "tl", "jv": "jw", "in": "id", "cmn": "zh"}
_FROM_WHISPER = {"jw": "jv"}


def whisper_code(language: str, known: Collection[str]) -> str:
    """Turn a BCP 47 tag ("en-US") into one of Whisper's codes; empty stays empty.

    Raises:
        InvalidField: If Whisper does not know the language; names near ones.
    """
    if not language:
        return ""
    primary = primary_subtag(language)
    code = _TO_WHISPER.get(primary, primary)
    if code in known:
        return code
    near = difflib.get_close_matches(primary, known, n=4, cutoff=0.4) or sorted(known)[:4]
    raise InvalidField(
        f"language {language[:20]!r} is not one of the model's {len(known)}; near: {', '.join(near)}", field="language"
    )


def iso_code(code: str) -> str:
    """Turn one of Whisper's codes into ISO 639-1."""
    return _FROM_WHISPER.get(code, code)
