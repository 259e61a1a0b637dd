"""A seeded request at the model's full size, in bf16, alone and in a crowd."""

import torch

from bench.gpu.crowd import check_crowd
from bench.gpu.model import make_backbone, make_decoder, make_runner
from bench.gpu.record import Record
from bench.gpu.setting import Setting


def measure(setting: Setting, record: Record) -> None:
    """Compare, with weights of noise made on the device."""
    model, decoder = make_backbone(setting, torch.bfloat16), make_decoder(setting)
    check_crowd(setting, record, model, decoder, make_runner(setting, model, decoder))
