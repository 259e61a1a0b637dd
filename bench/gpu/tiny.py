"""A tiny checkpoint, read from a file: the same codes and samples on a GPU as on a CPU, however they are made."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from antiphon_server.codec.channels_last import ChannelsLastDecoder
from antiphon_server.codec.delay import BOC, NUM_CODEBOOKS
from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.engine.runner import Draw, Row
from antiphon_server.model.backbone import Backbone
from antiphon_server.model.checkpoint import Checkpoint, open_checkpoint
from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.model.prompt import Prompt
from antiphon_server.runtime.cuda.device import set_numerics
from antiphon_server.runtime.cuda.graph_runner import GraphRunner
from antiphon_server.runtime.higgs_runner import HiggsRunner
from antiphon_server.runtime.paged_kv import PagedKV, PrefillAttention
from bench.gpu.crowd import check_crowd
from bench.gpu.generation import Wanted, generate
from bench.gpu.model import BLOCK_SIZE, make_kernels, make_prompt, make_runner, never_end, noise
from bench.gpu.record import Record
from bench.gpu.setting import Setting

_MARGIN = 1e-3
"""Scores this close to each other may change places between devices."""
_NUM_SENTENCES = 3
_GREEDY = Draw(seed=0, temperature=0.0)


def measure(setting: Setting, record: Record) -> None:
    """Make the checkpoint, and compare."""
    set_numerics()
    checkpoint = _tiny_checkpoint(setting.scratch / "tiny", setting.seed)
    on_cpu, on_device = _backbone(checkpoint, "cpu"), _backbone(checkpoint, setting.device)
    weights = checkpoint.read_codec()
    decoder = ChannelsLastDecoder(weights, device=setting.device, snake=make_kernels(setting.device).snake)
    runner = make_runner(setting, on_device, decoder)
    _check_greedy(setting, record, on_cpu, runner, HiggsCodec(weights))
    check_crowd(setting, record, on_device, decoder, runner)
    _check_codec(setting, record, weights, decoder)


def _tiny_checkpoint(folder: Path, seed: int) -> Checkpoint:
    make_checkpoint(folder, SIZES["tiny"], seed=seed)
    return open_checkpoint(folder)


def _backbone(checkpoint: Checkpoint, device: str) -> Backbone:
    model = Backbone(checkpoint.config, dtype=torch.float32, device=device)
    model.load(checkpoint)
    never_end(model)
    return model


def _check_greedy(setting: Setting, record: Record, model: Backbone, runner: GraphRunner, codec: HiggsCodec) -> None:
    """Compare greedy rows up to the first that differs, which must be one that nearly was another."""
    scale = setting.scale
    wanted = [Wanted(make_prompt(setting, index), _GREEDY) for index in range(_NUM_SENTENCES)]
    plain = HiggsRunner(model, codec, num_blocks=scale.num_blocks, block_size=BLOCK_SIZE)
    expected = generate(plain, wanted, scale.parity_rows)
    found = generate(runner, wanted, scale.parity_rows)
    num_same, worst = 0, 0.0
    for one, rows, theirs in zip(wanted, expected, found, strict=True):
        same = next((at for at, pair in enumerate(zip(rows, theirs, strict=True)) if pair[0] != pair[1]), len(rows))
        num_same += same
        if same < len(rows):
            worst = max(worst, _gap(model, one.prompt, rows[:same], rows[same], theirs[same]))
    distinct = len({row for rows in expected for row in rows})
    total = len(wanted) * scale.parity_rows
    detail = f"{num_same} of {total} rows before a near tie, {distinct} distinct; largest gap {worst:.1e}"
    is_met = worst < _MARGIN and num_same >= total // 2 and distinct > total // 4
    record.check("greedy codes: steps on the device = plain runner on a CPU, fp32", is_met=is_met, detail=detail)


def _gap(model: Backbone, prompt: Prompt, before: list[Row], ours: Row, theirs: Row) -> float:
    """How far apart the scores of two different choices are; the choices are compared where both are free."""
    logits = _last_logits(model, [*prompt.positions, *before])
    return (
        max(
            (
                float(abs(logits[book, ours[book]] - logits[book, theirs[book]]))
                for book in range(NUM_CODEBOOKS)
                if ours[book] != theirs[book]
            ),
            default=0.0,
        )
        if BOC not in (set(ours) ^ set(theirs))
        else float("inf")
    )


def _last_logits(model: Backbone, positions: list[int | Row]) -> Tensor:
    cache = PagedKV(model.config, num_blocks=-(-len(positions) // BLOCK_SIZE), block_size=BLOCK_SIZE,
                    dtype=model.dtype, device="cpu")  # fmt: skip
    attention = PrefillAttention(cache, range(cache.num_blocks), num_cached=0, num_new=len(positions))
    hidden = torch.cat([
        model.embed_text(torch.tensor([one])) if isinstance(one, int) else model.embed_rows(torch.tensor([one]))
        for one in positions
    ])  # fmt: skip
    return model.logits(model.forward(hidden, torch.arange(len(positions)), attention)[-1:])[0]


def _check_codec(setting: Setting, record: Record, weights: dict[str, Tensor], decoder: ChannelsLastDecoder) -> None:
    codes = torch.randint(0, 1024, (1, 45, NUM_CODEBOOKS), generator=noise("codes", setting.seed, "cpu"))
    expected = HiggsCodec(weights).decode(codes)
    found = decoder.decode(codes.to(setting.device)).cpu()
    error = float((found - expected).norm() / expected.norm())
    differing = float(((found * 32767).round() != (expected * 32767).round()).float().mean())
    detail = f"relative error {error:.1e}, {differing:.2%} of the samples differ"
    record.check("codec: decode on the device = on a CPU, fp32", is_met=error < 1e-4, detail=detail)
    clip = torch.from_numpy(np.sin(np.arange(48_000) * 0.05).astype(np.float32))
    clip = clip * 0.3 + 0.05 * torch.randn(len(clip), generator=noise("clip", setting.seed, "cpu"))
    on_device = HiggsCodec({name: tensor.to(setting.device) for name, tensor in weights.items()})
    expected_codes, found_codes = HiggsCodec(weights).encode(clip), on_device.encode(clip.to(setting.device)).cpu()
    same = float((expected_codes == found_codes).float().mean())
    record.check(
        "codec: a reference's codes on the device = on a CPU, fp32",
        is_met=same > 0.95,
        detail=f"{same:.2%} are the same",
    )
