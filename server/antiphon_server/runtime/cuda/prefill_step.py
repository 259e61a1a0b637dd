"""One prefill on static tensors: a prompt, or the part of it that is not cached, padded to a bucket of tokens."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - its usual name

from antiphon_server.engine.runner import PrefillPart
from antiphon_server.model.qwen3 import Qwen3
from antiphon_server.runtime.cuda.layers import Layers
from antiphon_server.runtime.cuda.modality import Modality
from antiphon_server.runtime.cuda.state import SlotState
from antiphon_server.runtime.kernels.choice import Kernels
from antiphon_server.runtime.paged_kv import PagedKV

TOKEN_BUCKETS = (16, 32, 64, 128, 256, 512)
CONTEXT_BUCKETS = (512, 1024, 2048, 4096, 8192, 16_384, 32_768)
_NUM_CAPTURED_CONTEXTS = 3
_NUM_NUMBERS = 4


@dataclass(frozen=True, slots=True)
class PrefillShape:
    """Both numbers follow from the prompt alone, so the same prompt has the same bits, cached or not."""

    num_tokens: int
    """Rows of the matrix products."""
    num_context: int
    """Positions that attention reads."""


def shape_of(num_tokens: int, num_all: int) -> PrefillShape:
    """Choose the smallest buckets; a part of more than 512 tokens gets a multiple of 512."""
    tokens = next((size for size in TOKEN_BUCKETS if size >= num_tokens), -(-num_tokens // 512) * 512)
    return PrefillShape(tokens, next(size for size in CONTEXT_BUCKETS if size >= num_all))


def captured_shapes() -> tuple[PrefillShape, ...]:
    """List the shapes of short prompts; longer ones are long enough that their launches cost little beside them."""
    contexts = CONTEXT_BUCKETS[:_NUM_CAPTURED_CONTEXTS]
    return tuple(PrefillShape(tokens, context) for tokens in TOKEN_BUCKETS for context in contexts)


class PrefillStep:
    """The prefill of one shape; ``run`` is what a graph captures."""

    def __init__(
        self,
        model: Qwen3,
        cache: PagedKV,
        state: SlotState,
        kernels: Kernels,
        modality: Modality,
        shape: PrefillShape,
        *,
        num_product_rows: int,
    ) -> None:
        """Allocate what the host fills in; ``num_product_rows`` is of the product behind the last token."""
        self._model, self._cache, self._state, self._modality, self._shape = model, cache, state, modality, shape
        self.inputs = torch.zeros(shape.num_tokens, modality.position_size, dtype=torch.long, device=model.device)
        """Of each token what ``Modality.lay_out`` says; padding is zeros."""
        self.span = torch.zeros(_NUM_NUMBERS + state.tables.shape[1], dtype=torch.long, device=model.device)
        """Slot, slot to draw for, first position, number of tokens; then the slot's blocks."""
        self._layers = Layers(model, cache, kernels, num_tokens=shape.num_tokens, num_rows=shape.num_tokens)
        self._head = modality.head(1)
        self._last = torch.zeros(num_product_rows, model.config.hidden_size, dtype=model.dtype, device=model.device)

    @property
    def rows(self) -> Tensor:
        """The row written behind the part, ``[1, row size]``."""
        return self._head.rows

    def layout(self, part: PrefillPart) -> tuple[Tensor, Tensor]:
        """Lay out ``inputs`` and ``span`` on the host."""
        inputs = torch.zeros(self.inputs.shape, dtype=torch.long)
        inputs[: len(part.positions)] = self._modality.lay_out(part)
        span = torch.zeros(self.span.shape, dtype=torch.long)
        drawing_slot = part.slot if part.is_last else self._state.num_slots  # what a scratch slot writes, nobody reads
        span[:_NUM_NUMBERS] = torch.tensor((part.slot, drawing_slot, part.first, len(part.positions)))
        span[_NUM_NUMBERS : _NUM_NUMBERS + len(part.blocks)] = torch.tensor(part.blocks)
        return inputs, span

    @torch.inference_mode()
    def run(self) -> None:
        """Compute the part, and draw the row behind it."""
        state, device = self._state, self._model.device
        slot, drawing_slot, first, length = self.span[:1], self.span[1:2], self.span[2], self.span[3]
        table = self.span[_NUM_NUMBERS:]
        state.tables.index_copy_(0, slot, table.int()[None])
        state.lengths.index_copy_(0, slot, (first + length).int()[None])
        steps = torch.arange(self._shape.num_tokens, device=device)
        is_real = steps < length
        positions = torch.where(is_real, first + steps, 0)
        places = torch.where(is_real, self._places(table, positions), self._scratch())
        read = torch.arange(self._shape.num_context, device=device)
        # [tokens, context]; as numbers to add, so that not every layer makes them of truth values.
        unseen = torch.where(read <= positions[:, None], 0.0, -torch.inf).to(self._model.dtype)
        # What lies behind the slot's own positions is not seen, but would count if it were no number: it may be of a
        # sequence that was given up for that. So the slot's first position is read instead.
        context = self._places(table, torch.where(read < first + length, read, 0))

        def attend(query: Tensor, keys: Tensor, values: Tensor, mixed: Tensor) -> None:
            mixed.copy_(_attended(query, keys[context], values[context], unseen))

        self._modality.embed_positions(self.inputs, self._layers.hidden)
        self._layers.run(positions, places, attend)
        self._last[:1] = self._layers.normed.index_select(0, (length - 1).clamp_min(0)[None])
        self._head.run(self._last, drawing_slot)

    def _places(self, table: Tensor, positions: Tensor) -> Tensor:
        size = self._cache.block_size
        return table[(positions // size).clamp_max(len(table) - 1)] * size + positions % size

    def _scratch(self) -> Tensor:
        """Where padding tokens write: the scratch block of padding row 0, which no prefill reads."""
        return self._state.tables[self._state.num_slots, 0].long() * self._cache.block_size


def _attended(query: Tensor, keys: Tensor, values: Tensor, unseen: Tensor) -> Tensor:
    """Answer ``query`` ``[N, H, D]`` from ``keys`` and ``values`` ``[C, G, D]``; ``unseen`` ``[N, C]`` is added.

    The heads that share a key head are laid out as a batch in which keys repeat without a copy. With fewer key heads
    than heads and a mask, torch would take an implementation that keeps all scores in fp32, or build one per shape.
    """
    num_tokens, num_heads, dim = query.shape
    num_kv_heads = keys.shape[1]
    group = num_heads // num_kv_heads
    answer = F.scaled_dot_product_attention(
        query.view(num_tokens, num_kv_heads, group, dim).permute(2, 1, 0, 3),  # [group, G, N, D]
        keys.transpose(0, 1).expand(group, -1, -1, -1),
        values.transpose(0, 1).expand(group, -1, -1, -1),
        attn_mask=unseen,
    )
    return answer.permute(2, 1, 0, 3).reshape(num_tokens, num_heads, dim)
