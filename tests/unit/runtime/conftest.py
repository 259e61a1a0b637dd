"""One tiny Higgs Audio v3 engine that ends what it says now and then."""

from pathlib import Path

import pytest
from safetensors.torch import load_file, save_file

from antiphon_server.model.make import SIZES, make_checkpoint
from antiphon_server.runtime.higgs_options import HiggsOptions
from antiphon_server.runtime.higgs_start import Loaded, load
from support.threads import one_thread  # noqa: F401 - a fixture

EOC_ROW = 1025
CODE_TABLES = ("tied.embedding.modality_embeddings.0.embedding.weight", "tied.head.modality_heads.0.weight")


@pytest.fixture(scope="session")
def loaded(tmp_path_factory: pytest.TempPathFactory) -> Loaded:
    """A tiny checkpoint in memory. Its EOC code is forty times as loud as noise would be: most seeds end soon."""
    folder = Path(tmp_path_factory.mktemp("checkpoint")) / "tiny"
    make_checkpoint(folder, SIZES["tiny"], seed=3)
    weights = load_file(folder / "model.safetensors")
    for name in CODE_TABLES:
        weights[name][EOC_ROW] *= 40
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return load(HiggsOptions(checkpoint=str(folder), dtype="float32", threads=1, num_blocks=200))
