"""Draws and the delay machine in torch."""

from torch import Tensor

from antiphon_server.runtime.sampler import SamplerState, advance, draw


def sample(state: SamplerState, slots: Tensor, logits: Tensor, drawn: Tensor, rows: Tensor) -> None:
    """Draw a row for each slot and move its delay machine on; see the kernel."""
    drawn.copy_(draw(state, slots, logits.float()))
    rows.copy_(advance(state, slots, drawn))
