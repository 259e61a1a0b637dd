"""Fields of a request that are not read, and whose sender should hear of it.

A field nobody here knows is ignored without a word, as OpenAI does. A field of another speech server, and a name that
is almost one of ours, gets a warning.
"""

import difflib
from collections.abc import Collection, Iterable, Iterator, Mapping

from antiphon.speech.v1 import report_pb2

_SIMILARITY = 0.8  # max_tokens is as near as that to max_new_tokens
_MAX_NAME_CHARS = 40


def unknown_fields(
    names: Iterable[str], known: Collection[str], meant: Mapping[str, str], foreign: Collection[str]
) -> Iterator[report_pb2.CallWarning]:
    """Warn of names that their sender expects something of.

    Args:
        names: What was given and is not read.
        known: What is read.
        meant: Names that other servers have for these.
        foreign: Names that other servers have for what is not offered.
    """
    for name in names:
        if name in foreign:
            yield ignored(name, f"{name} is a field of another server and has no effect here.")
        elif near := meant.get(name) or _near(name, known):
            yield ignored(name, f"This field is not known; did you mean {near}?")


def ignored(name: str, message: str) -> report_pb2.CallWarning:
    """Warn that a field has no effect."""
    return report_pb2.CallWarning(code=report_pb2.WARNING_CODE_FIELD_IGNORED, field=name, message=message)


def _near(name: str, known: Collection[str]) -> str:
    if len(name) > _MAX_NAME_CHARS:
        return ""
    folded = name.lower().replace("-", "_")
    return next(iter(difflib.get_close_matches(folded, known, n=1, cutoff=_SIMILARITY)), "")
