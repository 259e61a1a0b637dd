"""Real processes shared by all tests of a run."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.higgs import start_higgs
from support.servers import Compat, Server, scripted_config, start_compat, start_server

ONE_THREAD = {"ANTIPHON_STT_OPTIONS_THREADS": "1"}
"""Two test processes share two cores; a second thread for each would cost half as much again."""


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """antiphon-server with the embedded models."""
    process = start_server(environment=ONE_THREAD)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def compat(server: Server) -> Iterator[Compat]:
    """antiphon-compat in front of it."""
    process = start_compat(server)
    yield process
    process.stop()


@pytest.fixture(scope="session")
def scripted_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """antiphon-server with scripted engines."""
    process = start_server(config=scripted_config(Path(tmp_path_factory.mktemp("scripted"))))
    yield process
    process.stop()


@pytest.fixture(scope="session")
def higgs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """antiphon-server with Higgs Audio v3 of tiny weights, which can clone, and scripted engines for the rest."""
    process = start_higgs(Path(tmp_path_factory.mktemp("higgs")))
    yield process
    process.stop()


@pytest.fixture(scope="session")
def higgs_compat(higgs: Server) -> Iterator[Compat]:
    """antiphon-compat in front of it."""
    process = start_compat(higgs)
    yield process
    process.stop()
