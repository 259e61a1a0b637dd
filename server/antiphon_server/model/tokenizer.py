"""Text to token ids, with the model's own tokens out of the reach of whatever the text says."""

import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from tokenizers import Tokenizer

from antiphon_server.errors import ModelNotInstalled
from antiphon_server.model.vocabulary import added_tokens

_IDS = added_tokens()
TTS, TEXT, AUDIO = _IDS["<|tts|>"], _IDS["<|text|>"], _IDS["<|audio|>"]
REF_AUDIO, REF_TEXT = _IDS["<|ref_audio|>"], _IDS["<|ref_text|>"]
DELIVERY_TAGS = {
    name[2:-2]: token_id
    for name, token_id in _IDS.items()
    if name.startswith(("<|emotion:", "<|style:", "<|sfx:", "<|prosody:"))
}
"""Tags that change the delivery, as "category:value", with their ids."""


class TextTokenizer:
    """Encodes plain text; only tags that are handed over as tags become the model's tokens."""

    def __init__(self, path: Path, added: Mapping[str, int] = _IDS) -> None:
        """Load a ``tokenizer.json`` that has to hold ``added`` tokens at their ids.

        Raises:
            ModelNotInstalled: If it cannot be read, or lacks an added token or has it at another id.
        """
        try:
            content = json.loads(path.read_bytes())
            stored = {token["content"]: token["id"] for token in content["added_tokens"]}
            # The text meets a tokenizer that knows no added token, so "<|audio|>" in it is nine ordinary characters.
            self._plain = Tokenizer.from_str(json.dumps({**content, "added_tokens": []}))
        except Exception as error:  # the library raises nothing narrower
            raise ModelNotInstalled(
                "the checkpoint's tokenizer.json cannot be read; it may be half downloaded"
            ) from error
        self._added = {token_id: name for name, token_id in stored.items()}
        wrong = [name for name, token_id in added.items() if stored.get(name) != token_id]
        if wrong:
            raise ModelNotInstalled(
                f"tokenizer.json has {len(wrong)} tokens missing or at other ids: {', '.join(wrong[:4])}"
            )

    def encode(self, text: str) -> list[int]:
        """Encode plain text; no start or end token, nothing stripped. Empty text has no ids."""
        return list(self._plain.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Iterable[int]) -> str:
        """Decode ids; added tokens become their names, ids of nothing become nothing."""
        runs = groupby(ids, key=self._added.get)
        return "".join((name * len(list(run))) if name else self._plain.decode(list(run)) for name, run in runs)


def tag_ids(tags: Sequence[str]) -> list[int]:
    """Ids of catalogue tags, as "category:value"; tags the model does not have are left out."""
    return [DELIVERY_TAGS[tag] for tag in tags if tag in DELIVERY_TAGS]
