"""Stages for tests of the GPU bench: what a stage may do to its process."""

import os
import time

from bench.gpu.record import Skipped


def sleeps(setting, record, *, num_figures):
    """Leave figures, then hang."""
    for index in range(num_figures):
        record.figure("measured", [1.0, 2.0, 3.0], "ms", of={"index": index}, bytes=7)
    time.sleep(600)


def dies(setting, record):
    """Leave a figure, then end without a word."""
    record.figure("measured", [1.0], "ms")
    os._exit(9)


def raises(setting, record):
    """Leave a check, then fail."""
    record.check("holds", is_met=True)
    raise RuntimeError("the model is upside down")


def lacks(setting, record):
    """Need what is not there."""
    import no_such_package  # noqa: F401, PLC0415


def refuses(setting, record):
    """Need another machine."""
    raise Skipped("this machine is too small")
