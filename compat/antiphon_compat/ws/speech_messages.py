"""What a client of ``/v1/audio/speech/stream`` sends, checked and said in the contract's words."""

import dataclasses

from antiphon.speech.v1 import synthesis_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.body import with_extra_body
from antiphon_compat.openai.fields import Fields, checked_text
from antiphon_compat.openai.speech_request import SpeechPlan, read_plan

MAX_TEXT_BYTES = 128 * 1024
"""Largest ``input.text``, in bytes of UTF-8."""

_DEFAULT_FORMAT = "pcm"  # headerless: every utterance is a file of its own
_MAX_ID_CHARS = 64
_KINDS = ("session.config", "input.text", "input.flush", "input.cancel", "input.done", "session.close")
_MISPLACED = {
    "input": "goes into input.text",
    "stream": "has no place here: audio is always sent as it is made",
    "stream_format": "has no place here: audio is always sent as it is made",
}
_COMMIT: dict[str, synthesis_service_pb2.CommitPolicy.ValueType] = {
    "sentence": synthesis_service_pb2.COMMIT_POLICY_SENTENCE,
    "none": synthesis_service_pb2.COMMIT_POLICY_FLUSH,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Configure:
    """Say how to speak from here on."""

    plan: SpeechPlan


@dataclasses.dataclass(frozen=True, slots=True)
class Say:
    """Text, as it comes."""

    text: str


@dataclasses.dataclass(frozen=True, slots=True)
class Flush:
    """End the utterance here and speak it."""


@dataclasses.dataclass(frozen=True, slots=True)
class Cancel:
    """Drop one utterance, or without an id everything that is there."""

    audio_id: str


@dataclasses.dataclass(frozen=True, slots=True)
class Done:
    """Speak what is left; the session is done after that."""


@dataclasses.dataclass(frozen=True, slots=True)
class Close:
    """End the connection."""


ClientMessage = Configure | Say | Flush | Cancel | Done | Close


def read_message(raw: str) -> ClientMessage:
    """Check one JSON message.

    Raises:
        ApiError: It is not JSON, of an unknown type, or a field is wrong.
    """
    fields = Fields.parse(raw, whole="message")
    kind = fields.choice("type", _KINDS)
    if kind is None:
        raise ApiError.invalid("type", f"type is required: {', '.join(_KINDS)}.")
    match kind:
        case "session.config":
            return Configure(_plan(fields))
        case "input.text":
            return Say(_text(fields))
        case "input.cancel":
            return Cancel(fields.text("id", max_chars=_MAX_ID_CHARS) or "")
        case "input.flush":
            return Flush()
        case "input.done":
            return Done()
        case _:
            return Close()


def _text(fields: Fields) -> str:
    given = fields.raw("text")
    if given is None:
        raise ApiError.invalid("text", "text is required.")
    text = checked_text("text", given, max_chars=MAX_TEXT_BYTES, reason="TEXT_TOO_LONG")
    if len(text.encode()) > MAX_TEXT_BYTES:
        raise ApiError("TEXT_TOO_LONG", f"text must have at most {MAX_TEXT_BYTES} bytes of UTF-8.", param="text")
    return text


def _plan(fields: Fields) -> SpeechPlan:
    merged = Fields(with_extra_body(fields.values()))
    for name, said in _MISPLACED.items():
        if merged.raw(name) is not None:
            raise ApiError.invalid(name, f"{name} {said}.")
    granularity = merged.choice("split_granularity", (*_COMMIT, "clause")) or "sentence"
    if granularity == "clause":
        message = "split_granularity must be sentence or none; this server does not split at clauses."
        raise ApiError("UNSUPPORTED_FEATURE", message, param="split_granularity")
    plan = read_plan(merged, default_format=_DEFAULT_FORMAT)
    plan.config.commit_policy = _COMMIT[granularity]
    return plan
