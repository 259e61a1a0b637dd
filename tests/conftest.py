"""What every test runs under: no blocking of an event loop, reproducible properties, no empty runs."""

import os
import sys
import threading
from collections.abc import Iterator

import pytest
from blockbuster import BlockBuster, blockbuster_ctx
from hypothesis import HealthCheck, settings

pytest_plugins = ["support.fixtures"]

WATCHED_PACKAGES = ["antiphon_server", "antiphon_compat"]
"""Packages whose coroutines must not block; the client may be used with slower files and terminals."""

settings.register_profile("here", deadline=None, max_examples=60)
settings.register_profile(
    "ci",
    deadline=None,
    max_examples=25,
    derandomize=True,  # a change fails because of the change, not because of the day
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("ci" if os.environ.get("CI") else "here")


@pytest.fixture(autouse=True)
def no_blocking_calls() -> Iterator[BlockBuster]:
    """Fail a call that blocks the running loop from our own code; servers in processes of their own are not touched."""
    with blockbuster_ctx(scanned_modules=WATCHED_PACKAGES) as watch:
        lock = watch.functions["threading.Lock.acquire"].deactivate()
        blocks_nobody = lock.can_block_predicate
        lock.can_block_predicate = lambda *args, **kwargs: blocks_nobody(*args, **kwargs) or _is_grpc_ending()
        lock.activate()
        yield watch


def _is_grpc_ending() -> bool:
    """Whether gRPC waits for its poller: where the last of its objects is collected, in whichever coroutine that is."""
    frame = sys._getframe()
    while frame is not None and frame.f_code is not threading.Thread.join.__code__:
        frame = frame.f_back
    return frame is not None and "_poll_wrapper" in frame.f_locals["self"].name


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Fail a run that ran nothing: all skipped or all deselected proves nothing."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None or session.config.option.collectonly or exitstatus != pytest.ExitCode.OK:
        return
    if not any(reporter.stats.get(outcome) for outcome in ("passed", "xfailed")):
        reporter.write_line("No test ran.", red=True)
        session.exitstatus = pytest.ExitCode.NO_TESTS_COLLECTED
