"""Public implementations that ours are compared with, built to the sizes of a checkpoint and given its weights."""

import importlib
import importlib.machinery
import json
import sys
import types
from pathlib import Path

import torch
import transformers.utils.import_utils as imports
from safetensors.torch import load_file
from transformers import Qwen3Config, Qwen3Model

from antiphon_server.codec import sinc
from antiphon_server.codec.sizes import STRIDES, CodecSizes

EMBEDDINGS = ("text_embedding", "modality_embeddings.0.embedding")


class HiggsReference:
    """transformers' Qwen3 between a checkpoint's embeddings and head; nothing of it is read or computed by our code.

    The rotation's table is rounded to bf16 as in training.
    """

    def __init__(self, folder: Path, *, dtype=torch.float32):
        stored = load_file(folder / "model.safetensors")
        self.text, self.codes = (stored[f"tied.embedding.{name}.weight"].to(dtype) for name in EMBEDDINGS)
        self._model = _qwen3(json.loads((folder / "config.json").read_text())["text_config"], stored, dtype)

    def embed(self, positions):
        """Look text ids up, and sum the embeddings of rows of eight codes: ``[N, E]``."""
        return torch.stack([self._place(position) for position in positions])

    def hidden(self, embedded):
        """Run the layers over ``[N, E]``: the normed output of every position."""
        with torch.inference_mode():
            return self._model(inputs_embeds=embedded[None]).last_hidden_state[0]

    def logits(self, hidden):
        """Score all codes of the rows behind ``[N, E]``: ``[N, 8, 1026]`` in fp32."""
        return (hidden @ self.codes.T).view(-1, 8, 1026).float()

    def _place(self, position):
        if isinstance(position, int):
            return self.text[position]
        return self.codes[torch.tensor(position) + 1026 * torch.arange(8)].sum(0)


def _qwen3(config, stored, dtype):
    config = {name: value for name, value in config.items() if name != "rope_theta"}  # null: rope_parameters has it
    model = Qwen3Model(Qwen3Config(**config | {"vocab_size": 16}))  # text is given as embeddings
    weights = {name.removeprefix("body."): tensor for name, tensor in stored.items() if name.startswith("body.")}
    model.load_state_dict(weights | {"embed_tokens.weight": torch.zeros(16, config["hidden_size"])})
    model = model.to(dtype).eval()
    plain = model.rotary_emb.forward

    def rounded(hidden, positions):
        cos, sin = plain(hidden.float(), positions)
        return cos.bfloat16().to(hidden.dtype), sin.bfloat16().to(hidden.dtype)

    model.rotary_emb.forward = rounded
    return model


def higgs_tokenizer(sizes: CodecSizes, weights: dict[str, torch.Tensor]):
    """transformers' HiggsAudioV2Tokenizer with our weights; its missing torchaudio is our resampler."""
    modeling = _tokenizer_module()
    acoustic = {
        "model_type": "dac",
        "encoder_hidden_size": sizes.encoder_width,
        "decoder_hidden_size": sizes.decoder_width,
        "hidden_size": sizes.acoustic_width,
        "downsampling_ratios": list(STRIDES),
        "upsampling_ratios": list(STRIDES),
    }
    semantic = {
        "model_type": "hubert",
        "hidden_size": sizes.semantic_width,
        "num_hidden_layers": sizes.semantic_layers,
        "num_attention_heads": sizes.semantic_width // 64,
        "intermediate_size": sizes.semantic_inner,
        "conv_dim": [sizes.semantic_conv_width] * 7,
        "num_conv_pos_embeddings": sizes.position_kernel,
        "num_conv_pos_embedding_groups": sizes.position_groups,
        "mask_time_prob": 0.0,
    }
    config = modeling.HiggsAudioV2TokenizerConfig(
        target_bandwidths=(0.5, 1, 1.5, 2),
        codebook_dim=sizes.codebook_dim,
        acoustic_model_config=acoustic,
        semantic_model_config=semantic,
    )
    model = modeling.HiggsAudioV2TokenizerModel(config).eval()
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not missing
    assert unexpected == ["semantic_model.masked_spec_embed"]
    return model


def _tokenizer_module():
    """Import the module, which wants torchaudio at its top; there is no build of that for a CPU-only torch."""
    stand_in = types.ModuleType("torchaudio")
    stand_in.__spec__ = importlib.machinery.ModuleSpec("torchaudio", None)
    stand_in.functional = types.SimpleNamespace(
        resample=lambda samples, rate_in, rate_out: sinc.resample(samples[:, 0], rate_in, rate_out)[:, None]
    )
    sys.modules.setdefault("torchaudio", stand_in)
    imports.is_torchaudio_available = lambda: True
    imports.BACKENDS_MAPPING["torchaudio"] = (imports.is_torchaudio_available, "")
    return importlib.import_module("transformers.models.higgs_audio_v2_tokenizer.modeling_higgs_audio_v2_tokenizer")
