"""The decoder with channels innermost gives the samples of the plain one."""

from pathlib import Path

import pytest
import torch

from antiphon_server.codec.channels_last import ChannelsLastDecoder
from antiphon_server.codec.higgs_codec import HiggsCodec
from antiphon_server.model.checkpoint import open_checkpoint
from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.runtime.kernels.snake_twin import snake

torch.set_num_threads(1)


@pytest.mark.parametrize(("batch", "num_frames"), [(1, 1), (1, 45), (3, 12)])
def test_samples_are_the_plain_decoders(tmp_path: Path, batch: int, num_frames: int):
    make_checkpoint(tmp_path / "tiny", SIZES["tiny"], seed=5)
    weights = open_checkpoint(tmp_path / "tiny").read_codec()
    codes = torch.randint(0, 1024, (batch, num_frames, 8), generator=torch.Generator().manual_seed(batch))
    wanted = HiggsCodec(weights).decode(codes)
    found = ChannelsLastDecoder(weights, device="cpu", snake=snake).decode(codes)
    assert found.shape == wanted.shape
    assert (found - wanted).abs().max() <= 1e-5 * wanted.std()
