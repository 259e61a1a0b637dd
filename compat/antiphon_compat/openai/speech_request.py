"""Fields of a speech request into the contract's config; the same for HTTP, batches and the socket."""

import asyncio
import dataclasses
from collections.abc import Iterable, Mapping
from typing import Literal

from antiphon.speech.v1 import audio_pb2, report_pb2, synthesis_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, checked_text, kind_of
from antiphon_compat.openai.options import read_options
from antiphon_compat.openai.references import has_references, read_references
from antiphon_compat.openai.reports import from_server
from antiphon_compat.openai.speech_notices import refuse_word_times, speech_notices

ENCODINGS = {
    "mp3": audio_pb2.AUDIO_ENCODING_MP3,
    "opus": audio_pb2.AUDIO_ENCODING_OGG_OPUS,
    "aac": audio_pb2.AUDIO_ENCODING_AAC,
    "flac": audio_pb2.AUDIO_ENCODING_FLAC,
    "wav": audio_pb2.AUDIO_ENCODING_WAV,
    "pcm": audio_pb2.AUDIO_ENCODING_PCM_S16LE,
}
"""The formats of the API and the contract's names for them."""

Delivery = Literal["whole", "chunked", "sse"]
"""How the audio goes out: in one piece, as it is made, or as it is made inside of events."""

DEFAULT_VOICE = "default"
"""The name that stands for no choice."""

_MAX_INPUT_CHARS = 5000
_MAX_NAME_CHARS = 256
_MAX_INSTRUCTIONS_CHARS = 4096


@dataclasses.dataclass(frozen=True, slots=True)
class SpeechPlan:
    """How to speak, checked."""

    config: synthesis_service_pb2.SynthesisConfig
    response_format: str
    notices: tuple[report_pb2.CallWarning, ...]
    """Fields that have no effect, known before the server is asked."""
    reference_names: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Paths of references in the contract and the fields that the caller wrote them into."""

    def named(self, error: ApiError) -> ApiError:
        """Let an error of the server name the field that the caller wrote."""
        error.param, error.message = self._as_written(error.param, error.message)
        return error

    def reported(self, warnings: Iterable[report_pb2.CallWarning]) -> list[report_pb2.CallWarning]:
        """Say the server's warnings with the names of the fields that the caller wrote."""
        found = from_server(warnings)
        for warning in found:
            param, warning.message = self._as_written(warning.field, warning.message)
            warning.field = param or ""
        return found

    def _as_written(self, param: str | None, message: str) -> tuple[str | None, str]:
        path = param or ""
        while path and path not in self.reference_names:
            path = path.rpartition(".")[0]
        if not path or not param:
            return param, message
        name = self.reference_names[path]
        return name, name + message.removeprefix(param) if message.startswith(param) else message


@dataclasses.dataclass(frozen=True, slots=True)
class SpeechJob:
    """What to say, how to say it and how to send it, checked."""

    plan: SpeechPlan
    text: str
    delivery: Delivery

    @property
    def request(self) -> synthesis_service_pb2.SynthesizeOnceRequest:
        """The same in the contract's words."""
        return synthesis_service_pb2.SynthesizeOnceRequest(config=self.plan.config, text=self.text)


async def parse_speech(fields: Fields, *, default_format: str) -> SpeechJob:
    """Check a request; in a thread where it holds a clip, since ten MiB of base64 would hold up everyone else's audio.

    Raises:
        ApiError: The request is wrong.
    """
    if has_references(fields):
        return await asyncio.to_thread(read_speech, fields, default_format=default_format)
    return read_speech(fields, default_format=default_format)


def read_speech(fields: Fields, *, default_format: str) -> SpeechJob:
    """Check every field of a request.

    Raises:
        ApiError: A field is missing, out of range or of the wrong kind.
    """
    text = _input(fields)
    return SpeechJob(read_plan(fields, default_format=default_format), text, _delivery(fields))


def read_plan(fields: Fields, *, default_format: str) -> SpeechPlan:
    """Check every field but the text and the way it is sent.

    Raises:
        ApiError: A field is out of range or of the wrong kind.
    """
    response_format = fields.choice("response_format", ENCODINGS, reason="UNSUPPORTED_FORMAT") or default_format
    refuse_word_times(fields)
    voice, references = _voice(fields), read_references(fields)
    is_voice_named = voice not in (None, DEFAULT_VOICE)
    if fields.raw("ref_audio") is not None and is_voice_named:
        message = "voice and ref_audio exclude each other; leave one out, or name the voice default."
        raise ApiError.invalid("voice", message)
    config = synthesis_service_pb2.SynthesisConfig(
        model=fields.text("model", max_chars=_MAX_NAME_CHARS) or "",
        voice="" if references.clips else voice or "",
        references=references.clips,
        format=audio_pb2.AudioFormat(
            encoding=ENCODINGS[response_format], sample_rate_hz=fields.whole("sample_rate", 8000, 48000) or 0
        ),
        language=fields.text("language", max_chars=_MAX_NAME_CHARS) or "",
        speed=fields.number("speed", 0.25, 4.0),
        instructions=fields.text("instructions", max_chars=_MAX_INSTRUCTIONS_CHARS) or "",
        sampling=_sampling(fields),
        initial_codec_chunk_frames=fields.whole("initial_codec_chunk_frames", 0, 8192),
        options=read_options(fields),
    )
    notices = speech_notices(fields, is_voice_ignored=bool(references.clips) and is_voice_named)
    return SpeechPlan(config, response_format, (*notices, *references.notices), references.names)


def _input(fields: Fields) -> str:
    given = fields.raw("input")
    if given is None:
        raise ApiError.invalid("input", "input is required: a string of 1 to 5000 characters.")
    text = checked_text("input", given, max_chars=_MAX_INPUT_CHARS, reason="TEXT_TOO_LONG")
    if not text.strip():
        raise ApiError("TEXT_EMPTY", "input must have 1 to 5000 characters that are not all blank.", param="input")
    return text


def _delivery(fields: Fields) -> Delivery:
    is_streamed = fields.flag("stream")
    stream_format = fields.choice("stream_format", ("audio", "sse"))
    if stream_format == "sse":
        return "sse"
    return "chunked" if is_streamed or stream_format == "audio" else "whole"


def _voice(fields: Fields) -> str | None:
    given = fields.raw("voice")
    if isinstance(given, dict):
        voice_id = given.get("id")
        if voice_id is None:
            raise ApiError.invalid("voice", "voice must be a string or an object with an id.")
        given = voice_id
    if given is None:
        return None
    if not isinstance(given, str):
        raise ApiError.invalid("voice", f"voice must be a string or an object with an id, not {kind_of(given)}.")
    return checked_text("voice", given, max_chars=_MAX_NAME_CHARS, reason="UNKNOWN_VOICE")


def _sampling(fields: Fields) -> synthesis_service_pb2.SamplingParams:
    return synthesis_service_pb2.SamplingParams(
        temperature=fields.number("temperature", 0, 2),
        top_p=fields.number("top_p", 0, 1, is_low_open=True),
        top_k=fields.whole("top_k", 1, 1026),
        seed=fields.whole("seed", 0, 2**63 - 1),
        max_new_tokens=fields.whole("max_new_tokens", 1, 8192),
    )
