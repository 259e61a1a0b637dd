"""The 54 voices of Kokoro: a letter for the language, one for woman or man, and a name."""

from collections.abc import Collection
from dataclasses import dataclass

from antiphon_server.engine.protocol import EngineVoice


@dataclass(frozen=True, slots=True)
class VoiceLanguage:
    """A language that some of the voices were made for."""

    tag: str
    """BCP 47."""
    name: str
    missing: str = ""
    """Why it cannot be spoken; empty for a language that needs nothing but the model."""


_NEEDS_ESPEAK = "its language needs espeak-ng: antiphon models add espeak"
_NO_FRONT_END = "nothing here turns the writing of its language into sounds"

LANGUAGES = {
    "a": VoiceLanguage("en-US", "American English"),
    "b": VoiceLanguage("en-GB", "British English"),
    "e": VoiceLanguage("es", "Spanish", _NEEDS_ESPEAK),
    "f": VoiceLanguage("fr-FR", "French", _NEEDS_ESPEAK),
    "h": VoiceLanguage("hi", "Hindi", _NEEDS_ESPEAK),
    "i": VoiceLanguage("it", "Italian", _NEEDS_ESPEAK),
    "j": VoiceLanguage("ja", "Japanese", _NO_FRONT_END),
    "p": VoiceLanguage("pt-BR", "Brazilian Portuguese", _NEEDS_ESPEAK),
    "z": VoiceLanguage("zh", "Mandarin Chinese", _NO_FRONT_END),
}
"""First letter of a voice's id to its language."""

DEFAULT_VOICE = "af_heart"

VOICE_IDS = (
    *("af_heart", "af_alloy", "af_aoede", "af_bella", "af_jessica", "af_kore", "af_nicole", "af_nova", "af_river"),
    *("af_sarah", "af_sky", "am_adam", "am_echo", "am_eric", "am_fenrir", "am_liam", "am_michael", "am_onyx"),
    *("am_puck", "am_santa", "bf_alice", "bf_emma", "bf_isabella", "bf_lily", "bm_daniel", "bm_fable", "bm_george"),
    *("bm_lewis", "ef_dora", "em_alex", "em_santa", "ff_siwis", "hf_alpha", "hf_beta", "hm_omega", "hm_psi"),
    *("if_sara", "im_nicola", "jf_alpha", "jf_gongitsune", "jf_nezumi", "jf_tebukuro", "jm_kumo", "pf_dora"),
    *("pm_alex", "pm_santa", "zf_xiaobei", "zf_xiaoni", "zf_xiaoxiao", "zf_xiaoyi", "zm_yunjian", "zm_yunxi"),
    *("zm_yunxia", "zm_yunyang"),
)
"""The default first, then by language."""

VOICE_ALIASES: dict[str, str] = {
    "heart": "af_heart",
    # OpenAI's
    "alloy": "af_alloy",
    "ash": "am_michael",
    "ballad": "bm_george",
    "cedar": "am_fenrir",
    "coral": "af_bella",
    "echo": "am_echo",
    "fable": "bm_fable",
    "marin": "af_sarah",
    "nova": "af_nova",
    "onyx": "am_onyx",
    "sage": "af_kore",
    "shimmer": "af_sky",
    "verse": "am_puck",
    # Boson's
    "chloe": "af_bella",
    "eleanor": "bf_emma",
    "nora": "af_nicole",
    "jake": "am_liam",
    "marcus": "am_fenrir",
    "oliver": "bm_lewis",
    "linda": "af_aoede",
    "jack": "am_michael",
    "belinda": "af_jessica",
    "broom_salesman": "am_adam",
    # Qwen's
    "vivian": "af_river",
    "serena": "af_kore",
    "uncle_fu": "am_onyx",
    "dylan": "am_puck",
    "eric": "am_eric",
    "ryan": "am_echo",
    "aiden": "am_liam",
    "ono_anna": "af_sky",
    "sohee": "af_sarah",
}
"""Lower-case foreign name to voice id. Foreign names are people who speak English."""


def language_of(voice: str) -> VoiceLanguage:
    """Language that a voice was made for."""
    return LANGUAGES[voice[0]]


def engine_voices(spoken: Collection[str]) -> tuple[EngineVoice, ...]:
    """All voices; one whose language is not among the tags ``spoken`` says why, and has no language."""
    return tuple(_engine_voice(voice, spoken) for voice in VOICE_IDS)


def _engine_voice(voice: str, spoken: Collection[str]) -> EngineVoice:
    language, gender = language_of(voice), "female" if voice[1] == "f" else "male"
    description = f"{language.name}, {gender}"
    is_spoken = language.tag in spoken
    return EngineVoice(
        id=voice,
        name=voice[3:].capitalize(),
        description=description if is_spoken else f"{description}; {language.missing}",
        is_variant=False,
        languages=(language.tag,) if is_spoken else (),
        labels={"gender": gender},
    )
