"""What tests that compute with torch share."""

import pytest
import torch


@pytest.fixture(scope="module", autouse=True)
def one_thread() -> None:
    """Give every operation one thread: two have other bits, and wait for each other on busy cores."""
    torch.set_num_threads(1)
