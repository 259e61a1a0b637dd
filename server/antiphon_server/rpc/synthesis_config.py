"""SynthesisConfig in, SpeechSettings out: every field checked, every default filled in, every surprise reported."""

import difflib
import secrets
from dataclasses import dataclass
from typing import Any

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon_server.engine.protocol import EngineInfo, EngineVoice
from antiphon_server.engine.roster import Roster
from antiphon_server.errors import InvalidField, UnsupportedFeature
from antiphon_server.rpc.call_options import option_message, read_options
from antiphon_server.rpc.checks import at_most, ignored, in_range, known_enum, optional_in_range
from antiphon_server.rpc.formats import format_message, output_format
from antiphon_server.rpc.voice_sources import VoiceSources, read_sources
from antiphon_server.session.events import Notice
from antiphon_server.session.settings import SpeechSettings
from antiphon_server.text.language_tag import primary_subtag
from antiphon_server.text.tags import TagPolicy

_MAX_SEED = 2**63 - 1
_SAMPLING_RANGES = {
    "temperature": (0.0, 2.0),
    "top_k": (1, 1026),
    "max_new_tokens": (1, 8192),
    "ras_window_frames": (0, 1024),
    "ras_max_repeats": (1, 1024),
    "seed": (0, _MAX_SEED),
}
_SAMPLING_USED = frozenset({"temperature", "top_p", "top_k", "max_new_tokens"})
"""Sampling parameters that reach a model that says it has such."""


@dataclass(frozen=True, slots=True)
class SpeechPlan:
    """What was decided about a synthesis."""

    settings: SpeechSettings
    info: EngineInfo
    effective: pb.SynthesisConfig
    """The config with every default filled in and every alias resolved; without references and earlier turns."""
    notices: tuple[Notice, ...]
    sources: VoiceSources
    """References that have to be encoded before the settings are complete."""


def plan_speech(config: pb.SynthesisConfig, roster: Roster, path: str = "config") -> SpeechPlan:
    """Check a config against the model that will answer.

    Raises:
        SpeechError: For the first field that cannot be used; its path begins with ``path``.
    """
    model, voice_name = _short(config.model, f"{path}.model"), _short(config.voice, f"{path}.voice")
    info = roster.resolve_speech(model, voice_name, field=f"{path}.model")
    _check_fields(config, path)
    _check_features(config, info, path)
    voice = roster.resolve_voice(voice_name, info, field=f"{path}.voice")
    settings = _settings(config, roster, info, voice, path)
    sources = read_sources(config, info, path)
    notices = (*_notices(config, info, settings, path), *sources.notices)
    return SpeechPlan(settings, info, _effective(config, info, settings), notices, sources)


def check_delivery(message: pb.SynthesisConfig | pb.SynthesisUpdate, path: str) -> None:
    """Check pace and pitch, of a config or an update.

    Raises:
        InvalidField: If one is out of range.
    """
    optional_in_range(message, "speed", f"{path}.speed", 0.25, 4.0)
    optional_in_range(message, "pitch_semitones", f"{path}.pitch_semitones", -12.0, 12.0)
    at_most(f"{path}.instructions", message.instructions, 4096, "characters")


def notices_of_update(message: pb.SynthesisUpdate, roster: Roster, info: EngineInfo, path: str) -> list[Notice]:
    """Report the fields of an update that have no effect, and a voice that is not the one named.

    Raises:
        UnknownVoice: If the model has no such voice.
    """
    found = []
    if message.HasField("voice"):
        voice_id = roster.resolve_voice(message.voice, info, field=f"{path}.voice")
        found = voice_notices(message.voice, voice_id, info, f"{path}.voice")
    names = _unused_instructions(message, info) + (["start_policy"] if message.start_policy else [])
    return found + [ignored(f"{path}.{name}", info.model) for name in names]


def voice_notices(name: str, voice_id: str, info: EngineInfo, field: str) -> list[Notice]:
    """Report who speaks where a voice was asked for by a name that is not its own.

    Args:
        name: As asked; no name, and "default", ask for nobody.
        voice_id: What it led to.
        info: Of the model that has the voice.
        field: Where the name stood.
    """
    if name.lower() in ("", "default", voice_id.lower()):
        return []
    about = next(voice.description for voice in info.voices if voice.id == voice_id)
    return [Notice("SUBSTITUTED", field, f"{field}: {voice_id} speaks in place of {name[:64]!r}; it is: {about}")]


def _unused_instructions(message: pb.SynthesisConfig | pb.SynthesisUpdate, info: EngineInfo) -> list[str]:
    return ["instructions"] if message.instructions and not info.supports_instructions else []


def _short(name: str, field: str) -> str:
    at_most(field, name, 256, "characters")
    return name


def _check_fields(config: pb.SynthesisConfig, path: str) -> None:
    check_delivery(config, path)
    _check_sampling(config.sampling, f"{path}.sampling")
    for name, enum in (
        ("commit_policy", pb.CommitPolicy),
        ("start_policy", pb.StartPolicy),
        ("continuity", pb.Continuity),
        ("tag_policy", pb.TagPolicy),
    ):
        known_enum(f"{path}.{name}", getattr(config, name), enum)
    _check_segmentation(config.segmentation, f"{path}.segmentation")
    optional_in_range(config, "initial_codec_chunk_frames", f"{path}.initial_codec_chunk_frames", 0, 8192)
    optional_in_range(config, "segment_gap_ms", f"{path}.segment_gap_ms", 0, 10_000)
    at_most(f"{path}.language", config.language, 35, "characters")


def _check_sampling(sampling: pb.SamplingParams, path: str) -> None:
    for name, (low, high) in _SAMPLING_RANGES.items():
        optional_in_range(sampling, name, f"{path}.{name}", low, high)
    if sampling.HasField("top_p") and not 0.0 < sampling.top_p <= 1.0:
        raise InvalidField(f"{path}.top_p must be above 0 and at most 1, not {sampling.top_p:g}", field=f"{path}.top_p")


def _check_segmentation(segmentation: pb.SegmentationParams, path: str) -> None:
    known_enum(f"{path}.mode", segmentation.mode, pb.Segmentation)
    optional_in_range(segmentation, "max_words_per_chunk", f"{path}.max_words_per_chunk", 1, 2000)
    optional_in_range(segmentation, "max_turns_per_chunk", f"{path}.max_turns_per_chunk", 1, 64)
    optional_in_range(segmentation, "max_context_chunks", f"{path}.max_context_chunks", 0, 64)
    at_most(f"{path}.scene", segmentation.scene, 4096, "characters")


def _check_features(config: pb.SynthesisConfig, info: EngineInfo, path: str) -> None:
    if config.word_times and not info.supports_word_times:
        raise UnsupportedFeature(f"{path}.word_times: {info.model} has no word times", field=f"{path}.word_times")


def _settings(config: pb.SynthesisConfig, roster: Roster, info: EngineInfo, voice: str, path: str) -> SpeechSettings:
    sampling = config.sampling
    return SpeechSettings(
        model=info.model,
        revision=info.revision,
        native_rate_hz=info.sample_rate_hz,
        voice=voice,
        speaker_voices=_speakers(config, roster, info, path),
        format=output_format(config.format, f"{path}.format"),
        language=_language(config.language, info, path),
        speed=config.speed if config.HasField("speed") else 1.0,
        pitch_semitones=config.pitch_semitones,
        has_own_delivery=info.supports_delivery,
        seed=sampling.seed if sampling.HasField("seed") else secrets.randbelow(_MAX_SEED),
        temperature=sampling.temperature if sampling.HasField("temperature") else None,
        top_p=sampling.top_p if sampling.HasField("top_p") else None,
        top_k=sampling.top_k if sampling.HasField("top_k") else None,
        max_new_tokens=sampling.max_new_tokens if sampling.HasField("max_new_tokens") else None,
        commit=_name(config.commit_policy, pb.CommitPolicy, "COMMIT_POLICY_", "SENTENCE"),
        segmentation=_name(config.segmentation.mode, pb.Segmentation, "SEGMENTATION_", "SENTENCE"),
        max_words=config.segmentation.max_words_per_chunk or None,
        tag_policy=TagPolicy(_name(config.tag_policy, pb.TagPolicy, "TAG_POLICY_", "CATALOGUE")),
        rendered_tags=frozenset(info.rendered_tags),
        markdown=config.normalization.markdown,
        emoji=config.normalization.emoji,
        urls=config.normalization.urls,
        segment_gap_ms=config.segment_gap_ms,
        options=read_options(config.options, info, f"{path}.options"),
        **_context(config, info),
    )


def _context(config: pb.SynthesisConfig, info: EngineInfo) -> dict[str, Any]:
    """Read what carries over between segments, and how sound begins, where the model has such."""
    found: dict[str, Any] = {}
    if info.supports_history:
        found["continuity"] = _name(config.continuity, pb.Continuity, "CONTINUITY_", info.continuity)
        if config.segmentation.HasField("max_context_chunks") and found["continuity"] == "CONTEXT":
            found["max_context_segments"] = config.segmentation.max_context_chunks
    if info.has_codec_frames and config.HasField("initial_codec_chunk_frames"):
        found["first_chunk_frames"] = config.initial_codec_chunk_frames
    return found


def _speakers(config: pb.SynthesisConfig, roster: Roster, info: EngineInfo, path: str) -> dict[int, str]:
    at_most(f"{path}.speakers", config.speakers, 16, "speakers")
    voices: dict[int, str] = {}
    for index, speaker in enumerate(config.speakers):
        field = f"{path}.speakers[{index}]"
        in_range(f"{field}.speaker", speaker.speaker, 0, 15)
        if speaker.speaker in voices:
            raise InvalidField(
                f"{field}.speaker must be there once; {speaker.speaker} is there twice", field=f"{field}.speaker"
            )
        name = speaker.voice or config.voice
        voices[speaker.speaker] = roster.resolve_voice(_short(name, f"{field}.voice"), info, field=f"{field}.voice")
    return voices


def _language(tag: str, info: EngineInfo, path: str) -> str:
    """Keep a language the model speaks; refuse another, since it would be read wrongly without a word."""
    code = primary_subtag(tag)
    if code in ("", "auto"):
        return ""
    if code in set(map(primary_subtag, info.languages)):
        return code
    spoken = ", ".join(difflib.get_close_matches(tag, info.languages, n=3) or info.languages[:5])
    offered = f"the {len(info.languages)} that {info.model} speaks, such as {spoken}"
    raise InvalidField(f"{path}.language must be one of {offered}, not {tag[:35]!r}", field=f"{path}.language")


def _name(number: int, enum: object, prefix: str, default: str) -> str:
    name: str = enum.Name(number).removeprefix(prefix)  # type: ignore[attr-defined]
    return default if name == "UNSPECIFIED" else name


def _effective(config: pb.SynthesisConfig, info: EngineInfo, settings: SpeechSettings) -> pb.SynthesisConfig:
    effective = pb.SynthesisConfig()
    effective.CopyFrom(config)
    effective.ClearField("references")
    effective.ClearField("previous_turns")
    for name in _unused_sampling(config, info):
        effective.sampling.ClearField(name)  # type: ignore[arg-type]
    effective.model, effective.voice, effective.language = settings.model, settings.voice, settings.language
    if settings.max_context_segments is None:
        effective.segmentation.ClearField("max_context_chunks")
    effective.format.CopyFrom(format_message(settings.format))
    effective.speed, effective.pitch_semitones = settings.speed, settings.pitch_semitones
    effective.sampling.seed = settings.seed
    effective.commit_policy = pb.CommitPolicy.Value(f"COMMIT_POLICY_{settings.commit}")
    effective.segmentation.mode = pb.Segmentation.Value(f"SEGMENTATION_{settings.segmentation}")
    effective.tag_policy = pb.TagPolicy.Value(f"TAG_POLICY_{settings.tag_policy}")
    effective.start_policy = pb.START_POLICY_IMMEDIATE
    effective.continuity = pb.Continuity.Value(f"CONTINUITY_{settings.continuity or 'NONE'}")
    for name, value in settings.options.items():
        effective.options[name].CopyFrom(option_message(value))
    effective.segment_gap_ms = settings.segment_gap_ms
    for speaker in effective.speakers:
        speaker.ClearField("reference")
        speaker.voice = settings.speaker_voices[speaker.speaker]
    return effective


def _notices(config: pb.SynthesisConfig, info: EngineInfo, settings: SpeechSettings, path: str) -> list[Notice]:
    notices = []
    if config.model and config.model != info.model:
        message = f"{path}.model: {info.model} answers in place of {config.model[:64]!r}"
        notices.append(Notice("SUBSTITUTED", f"{path}.model", message))
    notices += voice_notices(config.voice, settings.voice, info, f"{path}.voice")
    for index, speaker in enumerate(config.speakers):
        found = settings.speaker_voices[speaker.speaker]
        notices += voice_notices(speaker.voice, found, info, f"{path}.speakers[{index}].voice")
    if settings.language and not info.uses_language:
        notices.append(_heard_from_text(info, f"{path}.language"))
    elif settings.language:
        used = {settings.voice, *settings.speaker_voices.values()}
        notices += [
            _accent(voice, f"{path}.language")
            for voice in info.voices
            if voice.id in used and not _speaks(voice, settings.language)
        ]
    if settings.continuity in ("NONE", "SEQUENCE") and config.segmentation.HasField("max_context_chunks"):
        notices.append(_not_context(settings, f"{path}.segmentation.max_context_chunks"))
    return notices + [ignored(f"{path}.{name}", info.model) for name in _without_effect(config, info)]


def _speaks(voice: EngineVoice, language: str) -> bool:
    return language in set(map(primary_subtag, voice.languages))


def _accent(voice: EngineVoice, field: str) -> Notice:
    return Notice("LANGUAGE_MISMATCH", field, f"{field}: {voice.id} is {voice.description}, and speaks with an accent")


def _heard_from_text(info: EngineInfo, field: str) -> Notice:
    message = f"{field} has no effect on {info.model}, which reads the language off the text; it only helps to cut it"
    return Notice("FIELD_IGNORED", field, message)


def _not_context(settings: SpeechSettings, field: str) -> Notice:
    message = f"{field} has no effect with CONTINUITY_{settings.continuity}, only with CONTINUITY_CONTEXT"
    return Notice("FIELD_IGNORED", field, message)


def _without_effect(config: pb.SynthesisConfig, info: EngineInfo) -> list[str]:
    """Fields that were given and that the model has no use for."""
    names = [f"sampling.{name}" for name in _unused_sampling(config, info)]
    names += _unused_instructions(config, info)
    if config.HasField("initial_codec_chunk_frames") and not info.has_codec_frames:
        names.append("initial_codec_chunk_frames")
    if config.continuity and not info.supports_history:
        names.append("continuity")
    if config.start_policy == pb.START_POLICY_CONTINUOUS:
        names.append("start_policy")
    if config.segmentation.scene:
        names.append("segmentation.scene")
    if config.segmentation.max_turns_per_chunk > 1:
        names.append("segmentation.max_turns_per_chunk")
    if config.segmentation.HasField("max_context_chunks") and not info.supports_history:
        names.append("segmentation.max_context_chunks")
    return names


def _unused_sampling(config: pb.SynthesisConfig, info: EngineInfo) -> list[str]:
    given = {field.name for field, _ in config.sampling.ListFields()}
    useful = (_SAMPLING_USED if info.supports_sampling else set()) | ({"seed"} if info.supports_seed else set())
    return sorted(given - useful)
