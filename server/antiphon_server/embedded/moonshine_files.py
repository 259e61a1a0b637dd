"""What ``antiphon models add moonshine`` puts into the cache folder, and proof that it is that.

Layout, in ``cache_dir``: ``moonshine-tiny-en/`` with ``encoder_model.ort``, ``decoder_model_merged.ort`` and
``tokenizer.bin``. Whoever fills it otherwise gets the same result.
"""

from pathlib import Path

from antiphon_server.embedded import weights
from antiphon_server.errors import ModelNotInstalled

MODEL_FOLDER = "moonshine-tiny-en"
ENCODER = "encoder_model.ort"
DECODER = "decoder_model_merged.ort"
VOCABULARY = "tokenizer.bin"
SHA256S = {
    ENCODER: "94e90a4654fc45cdfedb77c4c08e1739f48862998e58fada384b25118134f221",
    DECODER: "cf524c4862d36e9e5ab032eddc73637efd822d70e868ac575cf1a46e1e4708a0",
    VOCABULARY: "6884b35fd6377d4c4d32336a0bc152f36b64d1e45b6503683cdc238250a8472d",
}


def is_added(cache_dir: Path) -> bool:
    """Whether there is a folder of the model; its files are proven when it is loaded."""
    return (cache_dir / MODEL_FOLDER).is_dir()


def proven(cache_dir: Path) -> Path:
    """Find the folder of the model and prove its files.

    Raises:
        ModelNotInstalled: If one is missing or another.
    """
    folder = cache_dir / MODEL_FOLDER
    if not folder.is_dir():
        raise ModelNotInstalled("the model moonshine was not added; run: antiphon models add moonshine")
    for name, sha256 in SHA256S.items():
        path = folder / name
        if not path.is_file() or weights.sha256_of(path) != sha256:
            raise ModelNotInstalled(
                f"{name} of moonshine is missing or has another sha256; "
                "run: antiphon models remove moonshine; antiphon models add moonshine"
            )
    return folder
