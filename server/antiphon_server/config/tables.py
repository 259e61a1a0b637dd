"""Built-in tables: the model names clients know from elsewhere, and the scenarios of conversations."""

from dataclasses import dataclass

MODEL_ALIASES: dict[str, str] = {
    "tts-1": "tts",
    "tts-1-1106": "tts",
    "tts-1-hd": "tts",
    "tts-1-hd-1106": "tts",
    "gpt-4o-mini-tts": "tts",
    "gpt-4o-mini-tts-2025-03-20": "tts",
    "gpt-4o-mini-tts-2025-12-15": "tts",
    "higgs-audio-v3-tts": "tts",
    "higgs-tts-3": "tts",
    "higgs2p5": "tts",
    "chatterbox": "tts",
    "qwen3-tts": "tts",
    "boson-audio-multimodal-checkpoint-1200": "tts",
    "whisper-1": "stt",
    "gpt-4o-transcribe": "stt",
    "gpt-4o-mini-transcribe": "stt",
    "gpt-4o-mini-transcribe-2025-03-20": "stt",
    "gpt-4o-mini-transcribe-2025-12-15": "stt",
    "gpt-transcribe": "stt",
    "higgs-stt": "stt",
    "higgs-stt-3.1": "stt",
    "whisper_v3_turbo": "stt",
}
"""Alias to the role that answers; ``started.model`` says what really did."""


@dataclass(frozen=True, slots=True)
class Scenario:
    """What a conversation is about."""

    instructions: str = ""
    """Directions for the chat model."""
    delivery: str = ""
    """Delivery of replies that bring none: "key=value" pairs of emotion, style, speed, expressive, pitch, sfx."""


SCENARIOS: dict[str, Scenario] = {
    "daily": Scenario(
        "You are a friendly companion in a spoken everyday conversation. Answer in one to three short, plain "
        "sentences. Never use lists, headings or emoji.",
        "emotion=contentment",
    ),
    "assistant": Scenario(
        "You are a helpful assistant that is heard, not read. Answer briefly and concretely, in plain sentences "
        "without lists, headings or emoji.",
    ),
    "story": Scenario(
        "You tell short stories aloud. Speak vividly, in plain sentences without headings or emoji.",
        "emotion=amusement expressive=high",
    ),
}
