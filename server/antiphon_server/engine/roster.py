"""The engines of a server by role: which model a name leads to, which voice, and whether it answers now."""

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from antiphon_server.engine.protocol import (
    ChatModel,
    EngineInfo,
    Synthesizer,
    Transcriber,
    VoiceActivity,
)
from antiphon_server.engine.spec import Role
from antiphon_server.errors import SpeechError, UnknownModel, UnknownVoice

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
class Roster:
    """The engines, and the names that lead to them."""

    synthesizer: Synthesizer
    transcriber: Transcriber
    voice_activity: VoiceActivity
    chat: ChatModel
    standing: Callable[[Role], Standing]
    """Asked anew for every call."""
    model_aliases: Mapping[str, str]
    voice_aliases: Mapping[str, str]
    default_voice: str = ""
    is_strict: bool = False
    """Refuse aliases of models."""

    def info(self, role: Role) -> EngineInfo:
        """Return what the role's engine is.

        Raises:
            NotReady, EngineRestarting, ModelNotInstalled: If it does not answer.
        """
        standing = self.standing(role)
        if standing.refusal is not None:
            raise standing.refusal
        assert standing.info is not None, "a ready engine has said what it is"
        return standing.info

    def resolve_model(self, name: str, role: Role, *, field: str = "config.model") -> EngineInfo:
        """Find the engine that answers to a model's name in a role; an empty name is the default.

        Raises:
            UnknownModel: If no model or alias of that role has the name.
            NotReady, EngineRestarting, ModelNotInstalled: If it does not answer.
        """
        info = self.info(role)
        if not name or name == info.model:
            return info
        target = None if self.is_strict else self.model_aliases.get(name)
        if target is not None and (ROLE_NAMES.get(target) == role or target == info.model):
            return info
        known = [info.model, *self.model_names(role)]
        close = difflib.get_close_matches(name, known, n=3) or known[:1]
        raise UnknownModel(
            f"{field} is no model here that can do this: {_shown(name)}; there is {', '.join(close)}", field=field
        )

    def model_names(self, role: Role) -> list[str]:
        """Aliases that lead to a role's engine."""
        if self.is_strict:
            return []
        info = self.standing(role).info
        targets = {short for short, long in ROLE_NAMES.items() if long == role} | ({info.model} if info else set())
        return sorted(alias for alias, target in self.model_aliases.items() if target in targets)

    def resolve_voice(self, name: str, info: EngineInfo, *, field: str = "config.voice") -> str:
        """Find the engine's voice of that name or alias; empty and "default" are the default voice.

        Raises:
            UnknownVoice: If there is none.
        """
        voices = [voice.id for voice in info.voices]
        if not name or name == "default":
            name = self.default_voice or voices[0]
        if name in voices:
            return name
        aliases = self.aliases_of_voices(info)
        found = aliases.get(name.lower(), name.lower())
        if found in voices:
            return found
        close = difflib.get_close_matches(name.lower(), [*voices, *aliases], n=3) or voices[:3]
        raise UnknownVoice(
            f"{field} is no voice of {info.model}: {_shown(name)}; there is {', '.join(close)}", field=field
        )

    def aliases_of_voices(self, info: EngineInfo) -> dict[str, str]:
        """All aliases of an engine's voices, in lower case."""
        merged = {**info.voice_aliases, **self.voice_aliases}
        return {alias.lower(): voice for alias, voice in merged.items()}


def _shown(name: str) -> str:
    return repr(name if len(name) <= 64 else f"{name[:64]}...")
