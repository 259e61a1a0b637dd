"""Body of ``POST /v1/audio/speech`` into the contract's config."""

import dataclasses

from antiphon.speech.v1 import audio_pb2, synthesis_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.fields import Fields, checked_text, kind_of
from antiphon_compat.openai.references import read_references

ENCODINGS = {
    "mp3": audio_pb2.AUDIO_ENCODING_MP3,
    "opus": audio_pb2.AUDIO_ENCODING_OGG_OPUS,
    "aac": audio_pb2.AUDIO_ENCODING_AAC,
    "flac": audio_pb2.AUDIO_ENCODING_FLAC,
    "wav": audio_pb2.AUDIO_ENCODING_WAV,
    "pcm": audio_pb2.AUDIO_ENCODING_PCM_S16LE,
}
"""The formats of the API and the contract's names for them."""

_MAX_INPUT_CHARS = 5000
_MAX_NAME_CHARS = 256
_MAX_INSTRUCTIONS_CHARS = 4096
_DEFAULT_VOICE = "default"


@dataclasses.dataclass(frozen=True, slots=True)
class SpeechJob:
    """One request, checked."""

    request: synthesis_service_pb2.SynthesizeOnceRequest
    response_format: str
    is_streamed: bool
    ignored_voice: bool
    """Whether a voice was named beside ``references``, which win."""

    @property
    def model(self) -> str:
        """The model asked for; empty for the server's default."""
        return self.request.config.model


def read_speech(fields: Fields, *, default_format: str) -> SpeechJob:
    """Check every field and say it in the contract's words.

    Raises:
        ApiError: A field is missing, out of range or of the wrong kind.
    """
    text = _input(fields)
    response_format = fields.choice("response_format", ENCODINGS, reason="UNSUPPORTED_FORMAT") or default_format
    _check_stream_format(fields)
    voice, references = _voice(fields), read_references(fields)
    if fields.raw("ref_audio") is not None and voice not in (None, _DEFAULT_VOICE):
        raise ApiError.invalid("voice", "voice and ref_audio exclude each other; leave one out.")
    config = synthesis_service_pb2.SynthesisConfig(
        model=fields.text("model", max_chars=_MAX_NAME_CHARS) or "",
        voice="" if references else voice or "",
        references=references,
        format=audio_pb2.AudioFormat(encoding=ENCODINGS[response_format]),
        language=fields.text("language", max_chars=_MAX_NAME_CHARS) or "",
        speed=fields.number("speed", 0.25, 4.0),
        instructions=fields.text("instructions", max_chars=_MAX_INSTRUCTIONS_CHARS) or "",
        sampling=_sampling(fields),
        initial_codec_chunk_frames=fields.whole("initial_codec_chunk_frames", 0, 2**31 - 1),
    )
    return SpeechJob(
        request=synthesis_service_pb2.SynthesizeOnceRequest(config=config, text=text),
        response_format=response_format,
        is_streamed=fields.flag("stream"),
        ignored_voice=bool(references) and voice not in (None, _DEFAULT_VOICE),
    )


def _input(fields: Fields) -> str:
    given = fields.raw("input")
    if given is None:
        raise ApiError.invalid("input", "input is required: a string of 1 to 5000 characters.")
    text = checked_text("input", given, max_chars=_MAX_INPUT_CHARS, reason="TEXT_TOO_LONG")
    if not text.strip():
        raise ApiError("TEXT_EMPTY", "input must have 1 to 5000 characters that are not all blank.", param="input")
    return text


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


def _check_stream_format(fields: Fields) -> None:
    if fields.choice("stream_format", ("audio", "sse")) == "sse":
        message = "stream_format sse is not offered by this server; leave it out, or ask for audio."
        raise ApiError("UNSUPPORTED_FEATURE", message, param="stream_format")
