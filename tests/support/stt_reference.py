"""A public Higgs Audio v3 STT put together from transformers: Whisper's layers and Qwen3 with given weights."""

import json
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn
from transformers import Qwen3Config, Qwen3ForCausalLM, WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoderLayer

EXTRACTOR = WhisperFeatureExtractor(feature_size=128)
CHUNK = 64_000


def published_mel(samples):
    """The public spectrum of one chunk at its own length: ``[1, 128, frames]``."""
    found = EXTRACTOR(samples.numpy(), sampling_rate=16_000, padding="longest", return_tensors="pt")
    return found.input_features[..., : len(samples) // 160]


class SttReference:
    """Reads the weights by safetensors alone; nothing is computed by our code."""

    def __init__(self, folder: Path, *, dtype=torch.float32):
        index = json.loads((folder / "model.safetensors.index.json").read_text())["weight_map"]
        stored = {}
        for name in sorted(set(index.values())):
            stored |= load_file(folder / name)
        self.stored = {name: tensor.to(dtype) for name, tensor in stored.items()}
        config = json.loads((folder / "config.json").read_text())
        self._layers = self._whisper(config["audio_encoder_config"], dtype)
        self._text = self._qwen3(config["text_config"], dtype)

    def encode(self, mel):
        """``[1, 128, M]`` to ``[1, T, W]``."""
        stored = self.stored
        with torch.inference_mode():
            x = nn.functional.gelu(self._conv("conv1", mel, 1))
            x = nn.functional.gelu(self._conv("conv2", x, 2)).transpose(1, 2)
            x = x + stored["audio_tower.embed_positions.weight"][: x.shape[1]]
            for layer in self._layers:
                x = layer(x, attention_mask=None)
            x = nn.AvgPool1d(2, stride=2)(x.transpose(1, 2)).transpose(1, 2)
            norm = [stored[f"audio_tower.layer_norm.{part}"] for part in ("weight", "bias")]
            return nn.functional.layer_norm(x, x.shape[-1:], *norm)

    def project(self, encoded):
        """``[1, T, W]`` to ``[rows, E]``."""
        part = {name.removeprefix("audio_encoder_proj."): tensor for name, tensor in self.stored.items()}
        with torch.inference_mode():
            width = encoded.shape[-1]
            x = nn.functional.conv1d(
                encoded.transpose(1, 2), part["temporal.weight"], part["temporal.bias"], 2, 1, groups=width
            ).transpose(1, 2)
            x = nn.functional.relu(x @ part["linear1.weight"].T + part["linear1.bias"])
            return (x @ part["linear2.weight"].T + part["linear2.bias"])[0]

    def hear(self, samples):
        """Samples of any length to ``[rows, E]``, chunk by chunk."""
        dtype = self.stored["embed_tokens.weight"].dtype
        mels = [published_mel(chunk).bfloat16().to(dtype) for chunk in samples.split(CHUNK)]
        return torch.cat([self.project(self.encode(mel)) for mel in mels])

    def embed(self, before, heard, after):
        """Ids, what was heard, ids: ``[N, E]``."""
        table = self.stored["embed_tokens.weight"]
        return torch.cat(
            [table[torch.tensor(before, dtype=torch.long)], heard, table[torch.tensor(after, dtype=torch.long)]]
        )

    def logits(self, embedded, num_last=0):
        """Score the ids behind the last positions of ``[N, E]``, 0: all: ``[num_last or N, vocabulary]``."""
        with torch.inference_mode():
            return self._text(inputs_embeds=embedded[None], logits_to_keep=num_last).logits[0].float()

    def _conv(self, name, x, stride):
        weight, bias = (self.stored[f"audio_tower.{name}.{part}"] for part in ("weight", "bias"))
        return nn.functional.conv1d(x, weight, bias, stride=stride, padding=1)

    def _whisper(self, config, dtype):
        sizes = {name: config[name] for name in ("d_model", "encoder_attention_heads", "encoder_ffn_dim")}
        whisper = WhisperConfig(**sizes, num_mel_bins=128, attn_implementation="eager")
        layers = nn.ModuleList(WhisperEncoderLayer(whisper) for _ in range(config["encoder_layers"]))
        prefix = "audio_tower.layers."
        weights = {name.removeprefix(prefix): t for name, t in self.stored.items() if name.startswith(prefix)}
        layers.load_state_dict(weights)
        return layers.to(dtype).eval()

    def _qwen3(self, config, dtype):
        kept = {name: value for name, value in config.items() if name not in ("rope_theta", "tie_word_embeddings")}
        rope = {"rope_theta": config["rope_theta"], "rope_type": "default"}
        qwen3 = Qwen3Config(**kept, rope_parameters=rope, tie_word_embeddings=False, attn_implementation="eager")
        model = Qwen3ForCausalLM(qwen3)
        begins = ("layers.", "norm.", "embed_tokens.")
        weights = {f"model.{name}": tensor for name, tensor in self.stored.items() if name.startswith(begins)}
        model.load_state_dict(weights | {"lm_head.weight": self.stored["audio_decoder_proj.text_lm_head.weight"]})
        return model.to(dtype).eval()
