"""Tiny seeded checkpoints in the real layout, one of each kind for all of these tests, and what reads it."""

from pathlib import Path

import pytest

from antiphon_server.model.checkpoint import Checkpoint, open_checkpoint
from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.model.stt.checkpoint import SttCheckpoint, open_stt
from antiphon_server.model.stt.decoder import TextDecoder
from antiphon_server.model.stt.ear import Ear
from antiphon_server.model.stt.make import STT_SIZES, make_stt_checkpoint
from antiphon_server.model.stt.vocabulary import stt_tokens
from antiphon_server.model.tokenizer import TextTokenizer
from support.listening import load_parts, make_listening
from support.references import HiggsReference
from support.stt_reference import SttReference
from support.threads import one_thread  # noqa: F401 - a fixture


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """A tiny checkpoint, opened."""
    folder = Path(tmp_path_factory.mktemp("checkpoint")) / "tiny"
    make_checkpoint(folder, SIZES["tiny"], seed=11)
    return open_checkpoint(folder)


@pytest.fixture(scope="session")
def tokenizer(checkpoint: Checkpoint) -> TextTokenizer:
    """Its tokenizer."""
    return TextTokenizer(checkpoint.folder / "tokenizer.json")


@pytest.fixture(scope="session")
def reference(checkpoint: Checkpoint) -> HiggsReference:
    """A public implementation with its weights, in fp32."""
    return HiggsReference(checkpoint.folder)


@pytest.fixture(scope="session")
def stt_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> SttCheckpoint:
    """A tiny checkpoint of the listening model, opened."""
    folder = Path(tmp_path_factory.mktemp("stt")) / "tiny"
    make_stt_checkpoint(folder, STT_SIZES["tiny"], seed=12)
    return open_stt(folder)


@pytest.fixture(scope="session")
def stt_reference(stt_checkpoint: SttCheckpoint) -> SttReference:
    """A public implementation with its weights, in fp32."""
    return SttReference(stt_checkpoint.folder)


@pytest.fixture(scope="session")
def listening(tmp_path_factory: pytest.TempPathFactory) -> SttCheckpoint:
    """One whose answers end now and then, opened."""
    return open_stt(make_listening(tmp_path_factory.mktemp("listening") / "tiny"))


@pytest.fixture(scope="session")
def listening_tokenizer(listening: SttCheckpoint) -> TextTokenizer:
    """Its tokenizer."""
    return TextTokenizer(listening.folder / "tokenizer.json", stt_tokens())


@pytest.fixture(scope="session")
def listening_parts(listening: SttCheckpoint) -> tuple[Ear, TextDecoder]:
    """What hears and what writes, in fp32; not to be changed."""
    return load_parts(listening)
