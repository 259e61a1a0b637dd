"""The real embedded engines, loaded once."""

import asyncio
from pathlib import Path

import pytest

from antiphon_server.embedded import hibari, silero, smollm, whisper
from antiphon_server.worker.heap import keep_freed

MODEL_CACHE = Path(__file__).parents[3] / ".cache" / "models"

keep_freed()  # as in the process of a transcriber; before there are threads


@pytest.fixture(scope="session")
def synthesizer():
    return asyncio.run(hibari.create({}))


@pytest.fixture(scope="session")
def transcriber():
    return asyncio.run(whisper.create({"cache_dir": str(MODEL_CACHE), "threads": 1}))


@pytest.fixture(scope="session")
def voice_activity():
    return asyncio.run(silero.create({}))


@pytest.fixture(scope="session")
def chat():
    return asyncio.run(smollm.create({"context_tokens": 512}))
