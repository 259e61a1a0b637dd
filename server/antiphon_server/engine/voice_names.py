"""Names of voices that callers of other services bring along, in lower case: each engine says whom it has for them."""

OPENAI = (
    *("alloy", "ash", "ballad", "cedar", "coral", "echo", "fable"),
    *("marin", "nova", "onyx", "sage", "shimmer", "verse"),
)
BOSON = ("chloe", "eleanor", "nora", "jake", "marcus", "oliver", "linda", "jack", "belinda", "broom_salesman")
QWEN = ("vivian", "serena", "uncle_fu", "dylan", "eric", "ryan", "aiden", "ono_anna", "sohee")

FOREIGN_VOICES = (*OPENAI, *BOSON, *QWEN)
