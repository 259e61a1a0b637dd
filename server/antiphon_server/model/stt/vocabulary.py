"""The 31 added tokens of Higgs Audio v3 STT: Qwen3's, and five for sound."""

from antiphon_server.model.vocabulary import FIRST_ADDED_ID, qwen_tokens

_OWN = "<tool_response> </tool_response> <think> </think>"
_SOUND = "audio_bos audio_eos audio_out_bos AUDIO AUDIO_OUT"


def stt_tokens() -> dict[str, int]:
    """Map every added token to its id, 151643 to 151673."""
    names = [*qwen_tokens(), *_OWN.split(), *(f"<|{name}|>" for name in _SOUND.split())]
    return {name: FIRST_ADDED_ID + offset for offset, name in enumerate(names)}


_IDS = stt_tokens()
END_OF_TEXT, TURN_BEGIN, TURN_END = _IDS["<|endoftext|>"], _IDS["<|im_start|>"], _IDS["<|im_end|>"]
THINK, THINK_END = _IDS["<think>"], _IDS["</think>"]
AUDIO_BEGIN, AUDIO_END, AUDIO = _IDS["<|audio_bos|>"], _IDS["<|audio_eos|>"], _IDS["<|AUDIO|>"]
STOP_IDS = frozenset({TURN_END, END_OF_TEXT})
"""What ends an answer. The published generation config has the second alone."""
