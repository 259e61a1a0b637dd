"""Fields of a transcription form that will not do what their sender expects, reported."""

import re
from collections.abc import Collection

from antiphon.speech.v1 import report_pb2
from antiphon_compat.openai.unknown_fields import unknown_fields

_SINGLE = (
    "file",
    "model",
    "language",
    "prompt",
    "response_format",
    "stream",
    "temperature",
    "thinking",
    "options",
    "report",
)
_LISTS = (
    "languages",
    "keywords",
    "timestamp_granularities",
    "include",
    "known_speaker_names",
    "known_speaker_references",
)
_OBJECTS = ("chunking_strategy",)
_KNOWN = (*_SINGLE, *_LISTS, *_OBJECTS)
_READ = re.compile(rf"{'|'.join(_SINGLE)}|({'|'.join(_LISTS)})(\[\d*\])?|({'|'.join(_OBJECTS)})(\[.*\])?", re.DOTALL)

_MEANT = {
    "format": "response_format",
    "output_format": "response_format",
    "lang": "language",
    "hotwords": "keywords[]",
    "initial_prompt": "prompt",
    "word_timestamps": "timestamp_granularities[]",
    "task": "the route /v1/audio/translations",
}
_FOREIGN = (
    "diarize",
    "diarization",
    "num_speakers",
    "vad_filter",
    "vad_parameters",
    "beam_size",
    "best_of",
    "without_timestamps",
    "punctuate",
    "translate",
    "seed",
    "max_new_tokens",
)


def transcription_notices(names: Collection[str]) -> tuple[report_pb2.CallWarning, ...]:
    """Name the given fields that have no effect.

    Args:
        names: All fields of the form that are not empty.
    """
    unread = (name for name in names if not _READ.fullmatch(name))
    return tuple(unknown_fields(unread, _KNOWN, _MEANT, _FOREIGN))
