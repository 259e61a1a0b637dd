"""The published base vocabulary, from a package that carries it as a list of ranks."""

import base64
import importlib.metadata
from collections.abc import Mapping
from pathlib import Path

from antiphon_server.model.vocabulary import byte_characters, tokenizer_json


def qwen_tokenizer_json(added: Mapping[str, int] | None = None) -> bytes | None:
    """A ``tokenizer.json`` as published, of TTS or with other tokens; None where the package is not installed."""
    try:
        package = importlib.metadata.distribution("dashscope")
    except importlib.metadata.PackageNotFoundError:
        return None
    lines = Path(str(package.locate_file("dashscope/resources/qwen.tiktoken"))).read_bytes().splitlines()
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines)}
    shown = byte_characters()

    def show(token: bytes) -> str:
        return "".join(shown[byte] for byte in token)

    merges = [tuple(map(show, _halves(token, ranks))) for token in ranks if len(token) > 1]
    return tokenizer_json({show(token): rank for token, rank in ranks.items()}, merges, added)


def _halves(token: bytes, ranks: dict[bytes, int]) -> tuple[bytes, bytes]:
    """The two parts whose merge makes the token: merge by rank, lowest first, until two are left."""
    parts = [token[at : at + 1] for at in range(len(token))]
    while len(parts) > 2:
        best = min(range(len(parts) - 1), key=lambda at: ranks.get(parts[at] + parts[at + 1], 1 << 30))
        parts[best : best + 2] = [parts[best] + parts[best + 1]]
    return parts[0], parts[1]
