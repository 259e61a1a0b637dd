"""One interpreter for all tests of the kernels."""

from collections.abc import Iterator

import pytest

from support.interpreted import Interpreter, interpreter


@pytest.fixture(scope="session")
def interpreted() -> Iterator[Interpreter]:
    """A process that interprets Triton kernels; a session's, since it takes seconds to start."""
    with interpreter() as process:
        yield process
