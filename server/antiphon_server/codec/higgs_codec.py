"""Samples to codes and back by the Higgs audio tokenizer v2: 25 frames of 8 codes a second, 24 000 Hz, fp32."""

from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.codec.convolutions import acoustic_decode, acoustic_encode, num_acoustic_frames
from antiphon_server.codec.semantic import semantic_features
from antiphon_server.codec.sinc import resample
from antiphon_server.codec.sizes import (
    NUM_QUANTIZERS,
    SAMPLE_RATE_HZ,
    SAMPLES_PER_FRAME,
    SEMANTIC_RATE_HZ,
    CodecSizes,
    sizes_of,
)

_MIN_SAMPLES = SAMPLE_RATE_HZ


class HiggsCodec:
    """The codec with its weights. Both directions are pure functions of their input."""

    def __init__(self, weights: Mapping[str, Tensor]) -> None:
        """Take fp32 weights by the checkpoint's names, without their prefix."""
        self._weights = weights
        self._sizes: CodecSizes = sizes_of({name: tuple(tensor.shape) for name, tensor in weights.items()})

    @torch.inference_mode()
    def decode(self, codes: Tensor) -> Tensor:
        """Decode codes ``[B, F, 8]``, each 0 to 1023, to samples ``[B, F * 960]``."""
        joint = sum(self._entry(index, codes[..., index]) for index in range(NUM_QUANTIZERS))
        assert isinstance(joint, Tensor)
        acoustic = self._linear("fc2", joint)
        return acoustic_decode(self._weights, acoustic.transpose(1, 2))

    @torch.inference_mode()
    def encode(self, samples: Tensor) -> Tensor:
        """Encode one clip ``[S]`` at 24 000 Hz to codes ``[F, 8]``; shorter than a second is filled with silence."""
        samples = samples.to(self._weights["fc.weight"].device)
        clip = F.pad(samples, (0, max(0, _MIN_SAMPLES - len(samples))))[None]
        semantic = semantic_features(self._weights, self._sizes, resample(clip, SAMPLE_RATE_HZ, SEMANTIC_RATE_HZ))
        if num_acoustic_frames(clip.shape[1]) != semantic.shape[2]:
            clip = F.pad(clip, (SAMPLES_PER_FRAME // 2, SAMPLES_PER_FRAME // 2))
        acoustic = acoustic_encode(self._weights, clip[:, None])
        joint = torch.cat((acoustic, semantic), 1).transpose(1, 2)  # [1, F, joint]
        return self._quantize(self._linear("fc", joint))[0]

    def _quantize(self, residual: Tensor) -> Tensor:
        codes = []
        for index in range(NUM_QUANTIZERS):
            name = f"quantizer.quantizers.{index}"
            small, book = self._linear(f"{name}.project_in", residual), self._weights[f"{name}.codebook.embed"]
            distance = small.square().sum(-1, keepdim=True) - 2 * small @ book.T + book.square().sum(-1)
            codes.append(distance.argmin(-1))
            residual = residual - self._entry(index, codes[-1])
        return torch.stack(codes, -1)

    def _entry(self, index: int, codes: Tensor) -> Tensor:
        name = f"quantizer.quantizers.{index}"
        return self._linear(f"{name}.project_out", F.embedding(codes, self._weights[f"{name}.codebook.embed"]))

    def _linear(self, name: str, x: Tensor) -> Tensor:
        return F.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])
