"""Models that ``antiphon models add`` puts into ``.cache/models``; ``scripts/test`` runs it."""

from pathlib import Path

import pytest

from antiphon_server.embedded import kokoro_files, moonshine_files

ADDED_MODELS = Path(__file__).parents[2] / ".cache" / "models"
KOKORO_VOICES = 54


def needs_kokoro() -> None:
    """Skip the test where kokoro was not added."""
    if not kokoro_files.is_added(ADDED_MODELS):
        pytest.skip("kokoro was not added: antiphon models add kokoro --cache-dir .cache/models")


def needs_moonshine() -> None:
    """Skip the test where moonshine was not added."""
    if not moonshine_files.is_added(ADDED_MODELS):
        pytest.skip("moonshine was not added: antiphon models add moonshine --cache-dir .cache/models")


def needs_espeak() -> None:
    """Skip the test where espeak-ng was not added."""
    if kokoro_files.espeak(ADDED_MODELS) is None:
        pytest.skip("espeak-ng was not added: antiphon models add espeak --cache-dir .cache/models")
