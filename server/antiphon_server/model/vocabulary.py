"""The 84 added tokens of Higgs Audio v3 TTS, and tokenizer files that hold them or another model's at their ids.

Ids and names: the published ``tokenizer.json`` of bosonai/higgs-audio-v3-tts-4b.
"""

import json
from collections.abc import Mapping, Sequence

FIRST_ADDED_ID = 151_643
_QWEN = (
    "endoftext im_start im_end object_ref_start object_ref_end box_start box_end quad_start quad_end vision_start "
    "vision_end vision_pad image_pad video_pad"
)
_QWEN_CODE = "fim_prefix fim_middle fim_suffix fim_pad repo_name file_sep"
_HIGGS = (
    "asr streaming_asr tts streaming_tts audio_cont_txt audio audio_end text text_end eoc user assistant system "
    "await_audio ref_audio ref_text"
)
_EMOTIONS = (
    "elation amusement enthusiasm determination pride contentment affection relief contemplation confusion surprise "
    "awe longing arousal anger fear disgust bitterness sadness shame helplessness"
)
_PROSODY = "speed_very_slow speed_slow speed_fast speed_very_fast pitch_low pitch_high pause long_pause"
_CATEGORIES = (
    ("emotion", _EMOTIONS),
    ("env", "music noise"),
    ("style", "singing shouting whispering"),
    ("sfx", "cough laughter crying screaming burping humming sigh sniff sneeze"),
    ("prosody", _PROSODY),
)
# How Qwen2 cuts text before merging bytes: contractions, words, single digits, runs of signs, line ends, blanks.
_WORDS = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def added_tokens() -> dict[str, int]:
    """Map every added token to its id, 151643 to 151726."""
    names = qwen_tokens() + [f"<|{name}|>" for name in _HIGGS.split()]
    names += [f"<|{category}:{value}|>" for category, values in _CATEGORIES for value in values.split()]
    names += ["<|chatml|>", "<|prosody:expressive_high|>", "<|prosody:expressive_low|>"]
    return {name: FIRST_ADDED_ID + offset for offset, name in enumerate(names)}


def qwen_tokens() -> list[str]:
    """Name the 22 added tokens of Qwen2.5, which come first, 151643 to 151664."""
    names = [f"<|{name}|>" for name in _QWEN.split()] + ["<tool_call>", "</tool_call>"]
    return names + [f"<|{name}|>" for name in _QWEN_CODE.split()]


def byte_tokenizer(added: Mapping[str, int] | None = None) -> bytes:
    """Write a ``tokenizer.json`` with one token per byte; what can be had without the published vocabulary."""
    # The library numbers added tokens after the vocabulary, unless the vocabulary already has them.
    vocabulary = {char: token_id for token_id, char in enumerate(byte_characters().values())}
    return tokenizer_json(vocabulary, [], added)


def tokenizer_json(
    vocabulary: Mapping[str, int], merges: Sequence[tuple[str, str]], added: Mapping[str, int] | None = None
) -> bytes:
    """Write a ``tokenizer.json`` of a byte-level BPE with Qwen2's rules and ``added`` tokens, by default TTS's."""
    added = added_tokens() if added is None else added
    entries = [
        {"id": token_id, "content": name, "single_word": False, "lstrip": False, "rstrip": False}
        | {"normalized": False, "special": True}
        for name, token_id in added.items()
    ]
    byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
    words = {"type": "Split", "pattern": {"Regex": _WORDS}, "behavior": "Isolated", "invert": False}
    all_ids = {**vocabulary, **added}
    model = {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": "", "fuse_unk": False}
    content = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": entries,
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [words, byte_level]},
        "post_processor": byte_level,
        "decoder": byte_level,
        "model": {
            **model,
            "end_of_word_suffix": "",
            "vocab": all_ids,
            "merges": [list(m) for m in merges],
        },
    }
    return json.dumps(content, ensure_ascii=False).encode()


def tokenizer_config() -> dict[str, object]:
    """Content of ``tokenizer_config.json``."""
    return {
        "tokenizer_class": "Qwen2Tokenizer",
        "model_max_length": 131_072,
        "add_prefix_space": False,
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
    }


def byte_characters() -> dict[int, str]:
    """Map bytes to the printable characters that stand for them in vocabularies, in the order of their ids."""
    plain = [*range(ord("!"), ord("~") + 1), *range(0xA1, 0xAC + 1), *range(0xAE, 0xFF + 1)]
    shifted = [byte for byte in range(256) if byte not in plain]
    return {byte: chr(byte) for byte in plain} | {byte: chr(256 + offset) for offset, byte in enumerate(shifted)}
