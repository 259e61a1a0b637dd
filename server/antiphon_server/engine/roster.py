"""The engines of a server by role: which model a name leads to, which voice, and whether it answers now."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from antiphon_server.engine.chat import ChatModel
from antiphon_server.engine.protocol import (
    EngineInfo,
    EngineVoice,
    LiveTranscriber,
    Synthesizer,
    Transcriber,
    VoiceActivity,
)
from antiphon_server.engine.spec import Role
from antiphon_server.errors import SpeechError, UnknownModel, UnknownVoice, UnsupportedFeature

ROLE_NAMES: dict[str, Role] = {
    "tts": "synthesizer",
    "stt": "transcriber",
    "chat": "chat",
    "vad": "voice_activity",
}
"""Short names that settings use."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How one engine is now."""

    state: str
    """starting, ready, restarting, failed or stopped."""
    info: EngineInfo | None
    """What it said when it was last warm; None if it never was."""
    refusal: SpeechError | None
    """What a call would be refused with; None while it answers."""


@dataclass(frozen=True, slots=True)
class SecondSynthesizer:
    """Another speech model, for callers that name it or one of its voices."""

    name: str
    """What it is called before it has said so itself."""
    synthesizer: Synthesizer
    standing: Callable[[], Standing]

    def info(self) -> EngineInfo:
        """Return what it is.

        Raises:
            NotReady, EngineRestarting, ModelNotInstalled: If it does not answer.
        """
        return _ready_info(self.standing())


@dataclass(frozen=True, slots=True)
class Roster:
    """The engines, and the names that lead to them."""

    synthesizer: Synthesizer
    transcriber: Transcriber
    voice_activity: VoiceActivity
    chat: ChatModel
    standing: Callable[[Role], Standing]
    """How the default engine of a role is; asked anew for every call."""
    model_aliases: Mapping[str, str]
    voice_aliases: Mapping[str, str]
    default_voice: str = ""
    is_strict: bool = False
    """Refuse aliases of models."""
    second: SecondSynthesizer | None = None
    live: LiveTranscriber | None = None
    """Writes partials; None where no such engine was added. No call fails because it does not answer."""

    def standings(self, role: Role) -> tuple[Standing, ...]:
        """How all engines of a role are, the default first; none where nothing was added for the role."""
        if role == "live_transcriber" and self.live is None:
            return ()
        seconds = (self.second.standing(),) if self.second is not None and role == "synthesizer" else ()
        return (self.standing(role), *seconds)

    def synthesizer_of(self, info: EngineInfo) -> Synthesizer:
        """The engine that an info came from."""
        default = self.standing("synthesizer").info
        is_default = self.second is None or (default is not None and default.model == info.model)
        return self.synthesizer if is_default or self.second is None else self.second.synthesizer

    def info(self, role: Role) -> EngineInfo:
        """Return what the role's engine is.

        Raises:
            NotReady, EngineRestarting, ModelNotInstalled: If it does not answer.
        """
        return _ready_info(self.standing(role))

    def live_info(self, language: str) -> EngineInfo | None:
        """What writes partials of a language now; None where the main model has to.

        Args:
            language: ISO 639-1; empty where it has to be detected: then it must write all that the main model may hear.
        """
        live = next(iter(self.standings("live_transcriber")), None)
        if live is None or live.info is None or live.refusal is not None:
            return None
        main = self.standing("transcriber").info
        wanted = (language,) if language else main.languages if main is not None else ()
        return live.info if wanted and set(wanted) <= set(live.info.languages) else None

    def resolve_model(self, name: str, role: Role, *, field: str = "config.model") -> EngineInfo:
        """Find the engine that answers to a model's name in a role; an empty name is the default.

        Raises:
            UnknownModel: If no model or alias of that role has the name.
            NotReady, EngineRestarting, ModelNotInstalled: If it does not answer.
        """
        target = name if self.is_strict else self.model_aliases.get(name, name)
        if role == "synthesizer" and self.second is not None and self._is_second(target):
            return self.second.info()
        info = self.info(role)
        if not name or target == info.model or (name != target and ROLE_NAMES.get(target) == role):
            return info
        installed = [each.info.model for each in self.standings(role) if each.info]
        close = difflib.get_close_matches(name, [*installed, *self.model_names(role)], n=3)
        offered = ", ".join(dict.fromkeys([*close, *installed]))
        raise UnknownModel(
            f"{field}: no model that can do this is named {_shown(name)}; there is {offered}", field=field
        )

    def resolve_speech(self, model: str, voice: str, *, field: str = "config.model") -> EngineInfo:
        """Find the speech model for a call: the one it names, else the one that has its voice, else the default.

        Raises:
            UnknownModel: If no speech model or alias has the name.
            NotReady, EngineRestarting, ModelNotInstalled: If it does not answer.
        """
        info = self.resolve_model(model, "synthesizer", field=field)
        is_open = not model or ROLE_NAMES.get(self.model_aliases.get(model, "")) == "synthesizer"
        if not is_open or self.second is None or not voice or self._find_voice(voice, info):
            return info
        second = self.second.standing().info
        return self.second.info() if second is not None and self._find_voice(voice, second) else info

    def _is_second(self, name: str) -> bool:
        if self.second is None:
            return False
        info = self.second.standing().info
        return name == (self.second.name if info is None else info.model)

    def model_names(self, role: Role) -> list[str]:
        """Aliases that lead to a role's engines."""
        infos = [standing.info for standing in self.standings(role) if standing.info]
        names = [name for n, info in enumerate(infos) for name in self.names_of(info, role, is_default=n == 0)]
        return sorted(set(names) | set(self._role_aliases(role)))

    def names_of(self, info: EngineInfo, role: Role, *, is_default: bool) -> list[str]:
        """Aliases that lead to one engine; those of its role lead to the default."""
        own = [] if self.is_strict else [alias for alias, target in self.model_aliases.items() if target == info.model]
        return sorted({*own, *(self._role_aliases(role) if is_default else ())})

    def _role_aliases(self, role: Role) -> list[str]:
        if self.is_strict:
            return []
        return [alias for alias, target in self.model_aliases.items() if ROLE_NAMES.get(target) == role]

    def resolve_voice(self, name: str, info: EngineInfo, *, field: str = "config.voice") -> str:
        """Find the engine's voice of that name or alias; empty and "default" are the default voice.

        Raises:
            UnknownVoice: If there is none.
            UnsupportedFeature: If its language cannot be spoken here.
        """
        voice = self.find_voice(name, info, field=field)
        if not voice.languages:
            raise UnsupportedFeature(f"{field}: {voice.id} cannot speak here: {voice.description}", field=field)
        return voice.id

    def find_voice(self, name: str, info: EngineInfo, *, field: str = "voice") -> EngineVoice:
        """Find a voice as ``resolve_voice`` does, whether it can speak here or not.

        Raises:
            UnknownVoice: If there is none.
        """
        found = self._find_voice(name, info)
        if found is not None:
            return found
        voices = [voice.id for voice in info.voices]
        close = difflib.get_close_matches(name.lower(), [*voices, *self.aliases_of_voices(info)], n=3) or voices[:3]
        raise UnknownVoice(
            f"{field} is no voice of {info.model}: {_shown(name)}; there is {', '.join(close)}", field=field
        )

    def _find_voice(self, name: str, info: EngineInfo) -> EngineVoice | None:
        voices = {voice.id: voice for voice in info.voices}
        if not name or name == "default":
            name = self.default_voice if self._knows_default(info) else info.voices[0].id
        return voices.get(name) or voices.get(self.aliases_of_voices(info).get(name.lower(), name.lower()))

    def _knows_default(self, info: EngineInfo) -> bool:
        """Whether the default voice of the settings is meant for this engine: it is, for the default engine."""
        default = self.standing("synthesizer").info
        return bool(self.default_voice) and (default is None or default.model == info.model)

    def aliases_of_voices(self, info: EngineInfo) -> dict[str, str]:
        """All aliases of an engine's voices, in lower case."""
        merged = {**info.voice_aliases, **self.voice_aliases}
        return {alias.lower(): voice for alias, voice in merged.items()}


def _ready_info(standing: Standing) -> EngineInfo:
    if standing.refusal is not None:
        raise standing.refusal
    assert standing.info is not None, "a ready engine has said what it is"
    return standing.info


def _shown(name: str) -> str:
    return repr(name if len(name) <= 64 else f"{name[:64]}...")
