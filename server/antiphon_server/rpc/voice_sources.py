"""References and earlier turns of a config: which of them are heard, and what becomes of the others."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from antiphon.speech.v1 import synthesis_service_pb2 as pb
from antiphon_server.engine.protocol import EngineInfo
from antiphon_server.errors import InvalidField, UnsupportedFeature
from antiphon_server.rpc.checks import at_most, ignored, without_effect
from antiphon_server.rpc.reference_config import MAX_TRANSCRIPT, read_reference
from antiphon_server.session.cloning import ReferenceSource
from antiphon_server.session.events import Notice

_MAX_REFERENCES, _MAX_TURNS = 8, 64


@dataclass(frozen=True, slots=True)
class VoiceSources:
    """What is to be encoded before a call can speak."""

    reference: ReferenceSource | None = None
    speakers: Mapping[int, ReferenceSource | None] = field(default_factory=dict)
    """Of those speakers that have a reference of their own, or None for a voice in place of the config's reference."""
    previous: tuple[ReferenceSource, ...] = ()
    """With the turns' texts for transcripts."""
    notices: tuple[Notice, ...] = ()

    def all(self) -> Iterable[ReferenceSource]:
        """All that is heard."""
        own = (source for source in self.speakers.values() if source is not None)
        return (*([self.reference] if self.reference else []), *own, *self.previous)


def read_sources(config: pb.SynthesisConfig, info: EngineInfo, path: str) -> VoiceSources:
    """Check references and earlier turns against the model that will answer.

    Raises:
        UnsupportedFeature: If it cannot clone, or a reference is an address.
        SpeechError: For the first field that cannot be used.
    """
    at_most(f"{path}.references", config.references, _MAX_REFERENCES, "clips")
    at_most(f"{path}.previous_turns", config.previous_turns, _MAX_TURNS, "turns")
    if config.references:
        _check_may_clone(config.voice, info, f"{path}.references", f"{path}.voice")
    found = [read_reference(each, info, f"{path}.references[{n}]") for n, each in enumerate(config.references)]
    notices = [
        without_effect(f"{path}.references[{n}]", f"{info.model} hears one reference, the first")
        for n in range(1, len(found))
    ]
    previous, of_turns = _read_turns(config, info, f"{path}.previous_turns")
    speakers = _read_speakers(config, info, path)
    return VoiceSources(found[0] if found else None, speakers, previous, (*notices, *of_turns))


def _read_speakers(config: pb.SynthesisConfig, info: EngineInfo, path: str) -> dict[int, ReferenceSource | None]:
    found: dict[int, ReferenceSource | None] = {}
    for index, speaker in enumerate(config.speakers):
        field = f"{path}.speakers[{index}]"
        if speaker.HasField("reference"):
            _check_may_clone(speaker.voice, info, f"{field}.reference", f"{field}.voice")
            found[speaker.speaker] = read_reference(speaker.reference, info, f"{field}.reference")
        elif speaker.voice:
            found[speaker.speaker] = None
    return found


def _check_may_clone(voice: str, info: EngineInfo, field: str, voice_field: str) -> None:
    if not info.supports_cloning:
        raise UnsupportedFeature(f"{field}: {info.model} cannot clone voices", field=field)
    if voice not in ("", "default"):
        raise InvalidField(f"{voice_field} must be absent or 'default' beside a reference", field=voice_field)


def _read_turns(
    config: pb.SynthesisConfig, info: EngineInfo, path: str
) -> tuple[tuple[ReferenceSource, ...], list[Notice]]:
    sources, notices = [], []
    for index, turn in enumerate(config.previous_turns):
        field = f"{path}[{index}]"
        at_most(f"{field}.text", turn.text, MAX_TRANSCRIPT, "characters")
        if not turn.text.strip():
            raise InvalidField(f"{field}.text must not be blank", field=f"{field}.text")
        if not info.supports_history:
            continue
        if not turn.HasField("audio"):
            notices.append(without_effect(field, f"{info.model} hears only earlier turns that have audio"))
            continue
        if turn.speaker:
            notices.append(ignored(f"{field}.speaker", info.model))
        sources.append(_read_turn(turn, info, f"{field}.audio"))
    if config.previous_turns and not info.supports_history:
        notices.append(ignored(path, info.model))
    return tuple(sources), notices


def _read_turn(turn: pb.PreviousTurn, info: EngineInfo, path: str) -> ReferenceSource:
    source = read_reference(turn.audio, info, path)
    if source.clip and not info.supports_cloning:
        raise UnsupportedFeature(f"{path}.audio: {info.model} cannot encode clips; send codes", field=f"{path}.audio")
    if source.transcript not in ("", turn.text):
        raise InvalidField(f"{path}.transcript must be absent, or be the turn's text", field=f"{path}.transcript")
    return ReferenceSource(source.field, turn.text, source.codes, source.clip, source.format)
