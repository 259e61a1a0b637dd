"""Public implementations that ours are compared with, built to the sizes of a checkpoint and given its weights."""

import importlib
import importlib.machinery
import sys
import types

import torch
import transformers.utils.import_utils as imports
from transformers import Qwen3Config, Qwen3Model

from antiphon_server.codec import sinc
from antiphon_server.codec.sizes import STRIDES, CodecSizes
from antiphon_server.model.backbone import Backbone


def qwen3(ours: Backbone, *, dtype=torch.float32, rounds_rotation=True, edit=None):
    """transformers' Qwen3 with our weights, and the rotation rounded to bf16 as in training."""
    config = ours.config
    model = Qwen3Model(
        Qwen3Config(
            vocab_size=16,  # text is given as embeddings
            hidden_size=config.hidden_size,
            intermediate_size=config.intermediate_size,
            num_hidden_layers=config.num_layers,
            num_attention_heads=config.num_heads,
            num_key_value_heads=config.num_kv_heads,
            head_dim=config.head_dim,
            rms_norm_eps=config.rms_eps,
            rope_parameters={"rope_theta": config.rope_theta, "rope_type": "default"},
        )
    )
    weights = {name.removeprefix("body."): tensor.clone() for name, tensor in ours.named() if name.startswith("body.")}
    if edit is not None:
        edit(weights)
    weights["embed_tokens.weight"] = torch.zeros(16, config.hidden_size)
    model.load_state_dict(weights)
    model = model.to(dtype).eval()
    plain = model.rotary_emb.forward

    def rounded(hidden, positions):
        cos, sin = plain(hidden.float(), positions)
        return cos.bfloat16().to(hidden.dtype), sin.bfloat16().to(hidden.dtype)

    if rounds_rotation:
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
