"""Voice names of other services, mapped to voices of the embedded synthesizer.

The embedded model has one natural voice, so names that mean different people get different variants of it.
"""

OPENAI_VOICES = {
    "alloy": "heart",
    "ash": "heart-low",
    "ballad": "heart-calm",
    "cedar": "heart-deep",
    "coral": "heart-bright",
    "echo": "heart-bass",
    "fable": "heart-slow",
    "marin": "heart-high",
    "nova": "heart-brisk",
    "onyx": "heart-bass",
    "sage": "heart-calm",
    "shimmer": "heart-youthful",
    "verse": "heart-low",
}

BOSON_VOICES = {
    "default": "heart",
    "chloe": "heart-bright",
    "eleanor": "heart-calm",
    "nora": "heart-slow",
    "jake": "heart-low",
    "marcus": "heart-deep",
    "oliver": "heart-bass",
    "linda": "heart-high",
    "jack": "heart-deep",
    "belinda": "heart-brisk",
    "broom_salesman": "heart-bass",
}

QWEN_VOICES = {
    "vivian": "heart-bright",
    "serena": "heart-calm",
    "uncle_fu": "heart-bass",
    "dylan": "heart-low",
    "eric": "heart-deep",
    "ryan": "heart-brisk",
    "aiden": "heart-slow",
    "ono_anna": "heart-youthful",
    "sohee": "heart-high",
}

VOICE_ALIASES: dict[str, str] = {**OPENAI_VOICES, **BOSON_VOICES, **QWEN_VOICES}
"""Lower-case foreign name to voice id."""
