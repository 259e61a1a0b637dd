"""The voices of hibari: one natural, the rest labelled changes of it."""

from dataclasses import dataclass

from antiphon_server.engine.protocol import EngineVoice

LANGUAGES = ("en-US",)


@dataclass(frozen=True, slots=True)
class VoiceShape:
    """What turns the natural voice into another."""

    name: str
    description: str
    pitch_semitones: float = 0.0
    speed: float = 1.0


NATURAL_VOICE = "heart"

SHAPES = {
    NATURAL_VOICE: VoiceShape("Heart", "Warm American English voice; the natural voice of the model"),
    "heart-low": VoiceShape("Heart, low", "Variant of heart, 2 semitones lower", -2.0),
    "heart-deep": VoiceShape("Heart, deep", "Variant of heart, 3.5 semitones lower", -3.5, 1.02),
    "heart-bass": VoiceShape("Heart, bass", "Variant of heart, 5 semitones lower, a little slower", -5.0, 0.96),
    "heart-high": VoiceShape("Heart, high", "Variant of heart, 1.5 semitones higher", 1.5),
    "heart-bright": VoiceShape("Heart, bright", "Variant of heart, 2.5 semitones higher, brisk", 2.5, 1.06),
    "heart-youthful": VoiceShape("Heart, youthful", "Variant of heart, 4 semitones higher", 4.0, 1.02),
    "heart-slow": VoiceShape("Heart, slow", "Variant of heart at 0.85 of its pace", 0.0, 0.85),
    "heart-calm": VoiceShape("Heart, calm", "Variant of heart, 1 semitone lower at 0.92 of its pace", -1.0, 0.92),
    "heart-brisk": VoiceShape("Heart, brisk", "Variant of heart at 1.15 of its pace", 0.5, 1.15),
}


def engine_voices() -> tuple[EngineVoice, ...]:
    """All voices, the natural one first."""
    return tuple(
        EngineVoice(
            id=voice,
            name=shape.name,
            description=shape.description,
            is_variant=voice != NATURAL_VOICE,
            languages=LANGUAGES,
        )
        for voice, shape in SHAPES.items()
    )
