"""The same model in plain transformers: eager, bf16, one clip, a Python loop as anybody would write it."""

import statistics
import time

import torch
from torch import Tensor
from transformers import DynamicCache, Qwen3Config, Qwen3Model

from antiphon_server.codec.delay import NUM_CODEBOOKS
from antiphon_server.model.higgs_config import CODE_VOCABULARY, HiggsConfig
from antiphon_server.model.make import SIZES
from bench.gpu.model import noise
from bench.gpu.record import Record
from bench.gpu.setting import Setting
from bench.gpu.timing import wait_for

_TOP_K = 50


def measure(setting: Setting, record: Record) -> None:
    """Speak one clip of the usual length a few times, without the codec."""
    config = SIZES[setting.size].backbone
    torch.set_default_dtype(torch.bfloat16)
    with torch.device(setting.device):
        model = Qwen3Model(_config(config)).eval()
    made = noise("peer", setting.seed, setting.device)
    for tensor in model.parameters():
        if tensor.dim() > 1:
            torch.nn.init.normal_(tensor, 0.0, tensor.shape[1] ** -0.5, generator=made)
    table = torch.randn(NUM_CODEBOOKS * CODE_VOCABULARY, config.hidden_size, generator=made, device=setting.device)
    table = table * config.hidden_size**-0.5
    prompt = torch.randn(1, setting.scale.context - setting.scale.clip_rows // 2, config.hidden_size,
                         generator=made, device=setting.device) if setting.size == "full" else torch.randn(
        1, 20, config.hidden_size, generator=made, device=setting.device)  # fmt: skip
    rows = setting.scale.clip_rows
    clips_s, steps_ms = [], []
    for _ in range(3):
        wait_for(setting.device)
        began_at = time.perf_counter()
        own_ms = _clip(model, table, prompt, rows, made)
        clips_s.append(time.perf_counter() - began_at)
        steps_ms += own_ms
    audio_s = setting.scale.clip_frames / 25
    record.figure("transformers, one step", steps_ms, "ms")
    factor = statistics.median(clips_s) / audio_s
    record.figure("transformers, one clip without codec", clips_s, "s", real_time_factor=factor)


def _config(config: HiggsConfig) -> Qwen3Config:
    return Qwen3Config(
        vocab_size=8,  # text is not embedded here
        hidden_size=config.hidden_size,
        intermediate_size=config.intermediate_size,
        num_hidden_layers=config.num_layers,
        num_attention_heads=config.num_heads,
        num_key_value_heads=config.num_kv_heads,
        head_dim=config.head_dim,
        max_position_embeddings=8192,
        rms_norm_eps=config.rms_eps,
    )


@torch.inference_mode()
def _clip(model: Qwen3Model, table: Tensor, prompt: Tensor, num_rows: int, made: torch.Generator) -> list[float]:
    """Generate rows; milliseconds of each step, its read of the codes included."""
    cache, times = DynamicCache(config=model.config), []
    offsets = torch.arange(NUM_CODEBOOKS, device=table.device) * CODE_VOCABULARY
    hidden = model(inputs_embeds=prompt, past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
    for _ in range(num_rows):
        began_at = time.perf_counter()
        logits = (hidden @ table.T).view(NUM_CODEBOOKS, CODE_VOCABULARY).float()
        best = logits.topk(_TOP_K)
        chosen = torch.multinomial(best.values.softmax(-1), 1, generator=made)
        codes = best.indices.gather(-1, chosen)[:, 0]
        codes.tolist()  # whether it was the last one
        embedded = table[codes + offsets].sum(0)[None, None]
        hidden = model(inputs_embeds=embedded, past_key_values=cache, use_cache=True).last_hidden_state[:, -1]
        times.append((time.perf_counter() - began_at) * 1000)
    return times
