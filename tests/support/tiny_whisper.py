"""Whisper models of noise in the published layouts, made by transformers and by CTranslate2's own converter."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_NUM_TIMES = 1501
_WORDS = 50_257
_TASKS = ("translate", "transcribe", "startoflm", "startofprev", "nospeech", "notimestamps")


@dataclass(frozen=True, slots=True)
class TinyWhisper:
    """Which of the published layouts; the default is large-v3's."""

    num_mels: int = 128
    num_ids: int = 51_866
    """51,866 with Cantonese, 51,865 before, 51,864 of English alone."""
    num_decoder_layers: int = 2
    """Of 2 in the encoder."""

    @property
    def num_words(self) -> int:
        """Ids before those with a meaning of their own."""
        return _WORDS - (self.num_ids == 51_864)

    def make(self, folder: Path, tokenizer: Path) -> None:
        """Write it.

        Args:
            folder: Where to; it must not exist.
            tokenizer: ``tokenizer.json`` of Whisper base, for its words.
        """
        import ctranslate2  # noqa: PLC0415 - heavy, like the others here
        import torch  # noqa: PLC0415
        import transformers  # noqa: PLC0415

        torch.manual_seed(3)
        source = folder.with_name(folder.name + "-source")
        sizes = {f"{side}_{what}": size for side in ("encoder", "decoder") for what, size in _SIZES.items()}
        sizes["decoder_layers"] = self.num_decoder_layers
        config = transformers.WhisperConfig(vocab_size=self.num_ids, num_mel_bins=self.num_mels, d_model=16, **sizes)
        model = transformers.WhisperForConditionalGeneration(config)
        specials = self._specials(json.loads(tokenizer.read_text())["added_tokens"])
        model.generation_config.suppress_tokens = []
        model.generation_config.begin_suppress_tokens = [220, self.num_words]
        model.save_pretrained(source)
        transformers.WhisperFeatureExtractor(feature_size=self.num_mels).save_pretrained(source)
        (source / "tokenizer.json").write_text(json.dumps(self._tokenizer(json.loads(tokenizer.read_text()), specials)))
        copied = ["tokenizer.json", "preprocessor_config.json"]
        ctranslate2.converters.TransformersConverter(str(source), copy_files=copied).convert(str(folder))
        about = json.loads((folder / "config.json").read_text())
        about["lang_ids"] = list(range(self.num_words + 2, self.num_words + len(specials) - len(_TASKS)))
        (folder / "config.json").write_text(json.dumps(about))

    def _specials(self, added: list[dict[str, Any]]) -> list[str]:
        begin = [token["content"] for token in added[: -len(_TASKS)]]
        assert begin[0] == "<|endoftext|>"
        cantonese = ["<|yue|>"] if self.num_ids == 51_866 else []
        return [*begin, *cantonese, *(f"<|{task}|>" for task in _TASKS)]

    def _tokenizer(self, base: dict[str, Any], specials: list[str]) -> dict[str, Any]:
        ids = range(self.num_words, self.num_words + len(specials))
        assert ids.stop + _NUM_TIMES == self.num_ids
        base["added_tokens"] = [
            {**base["added_tokens"][0], "id": number, "content": token}
            for number, token in zip(ids, specials, strict=True)
        ]
        model = base["model"]
        model["vocab"] = {word: number for word, number in model["vocab"].items() if number < self.num_words}
        model["merges"] = [pair for pair in model["merges"] if _joined(pair) in model["vocab"]]
        return {**base, "post_processor": None}


_SIZES = {"layers": 2, "attention_heads": 2, "ffn_dim": 32}


def _joined(merge: str | list[str]) -> str:
    return merge.replace(" ", "") if isinstance(merge, str) else "".join(merge)
