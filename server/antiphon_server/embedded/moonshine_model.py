"""Moonshine tiny: an encoder that hears a stretch at once, and a decoder that writes tokens greedily.

An utterance is heard again at each push, so most of what the decoder will write is known: the tokens of the last time.
They are put before it as a draft, which it reads in one step; from the first token that it would write otherwise it
goes on alone. The result is what it would have written without a draft, in a fraction of the steps.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from antiphon_server.embedded import moonshine_files, weights
from antiphon_server.engine.protocol import LISTENING_RATE_HZ

MIN_SAMPLES = LISTENING_RATE_HZ // 10
"""The encoder's convolutions need a little more than a twentieth of a second."""
MAX_TOKENS_PER_S = 6.5
"""Nobody speaks faster; a model that writes more is in a loop."""
_BEGIN, _END = 1, 2
_SPACE = "\u2581"
Samples = npt.NDArray[np.float32]
Tokens = list[int]


class OnnxSession(Protocol):
    """What is used of the runtime."""

    def run(self, outputs: Sequence[str] | None, inputs: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """Run the model."""
        ...

    def get_inputs(self) -> list[Any]:
        """Describe the inputs."""
        ...


@dataclass(frozen=True, slots=True)
class _Heard:
    """What the decoder needs of the encoder."""

    inputs: dict[str, npt.NDArray[Any]]
    max_tokens: int


class MoonshineModel:
    """Samples to tokens to text. Holds no state of any utterance."""

    def __init__(self, encoder: OnnxSession, decoder: OnnxSession, vocabulary: Sequence[bytes]) -> None:
        """Take the loaded parts.

        Args:
            encoder: Sound [1, samples] to states.
            decoder: States and tokens to logits [1, tokens, len(vocabulary)] and a cache.
            vocabulary: Bytes of each token.
        """
        self._encoder = encoder
        self._decoder = decoder
        self._vocabulary = vocabulary
        self._caches = [each.name for each in decoder.get_inputs() if each.name.startswith("past_key_values.")]
        self._own_caches = [name for name in self._caches if ".encoder." not in name]
        shapes = {each.name: each.shape for each in decoder.get_inputs()}
        self._empty = {name: np.zeros((1, shapes[name][1], 1, shapes[name][3]), np.float32) for name in self._caches}

    def listen(self, samples: Samples, draft: Tokens, check: Callable[[], None]) -> Tokens:
        """Write a stretch down.

        Args:
            samples: 16 000 Hz, -1 to 1, at least ``MIN_SAMPLES``.
            draft: What was written of its beginning; changes how long this takes and nothing else.
            check: Called before each step; raises to stop.
        """
        check()
        heard = self._hear(samples)
        check()
        draft = draft[: heard.max_tokens]
        best, caches = self._step([_BEGIN, *draft], heard, self._empty, is_first=True)
        num_kept = next((n for n, token in enumerate(draft) if best[n] != token), len(draft))
        tokens, following = draft[:num_kept], best[num_kept]
        caches = {name: kept if ".encoder." in name else kept[:, :, : num_kept + 1] for name, kept in caches.items()}
        while following != _END and len(tokens) < heard.max_tokens:
            check()
            tokens.append(following)
            best, caches = self._step([following], heard, caches, is_first=False)
            following = best[-1]
        return tokens

    def text(self, tokens: Tokens) -> str:
        """Spell tokens; markers are left out."""
        pieces = (self._vocabulary[token] for token in tokens)
        spelled = b"".join(piece for piece in pieces if not (piece.startswith(b"<") and piece.endswith(b">")))
        return " ".join(spelled.decode("utf-8", "replace").replace(_SPACE, " ").split())

    def _hear(self, samples: Samples) -> _Heard:
        mask = np.ones((1, len(samples)), np.int64)
        states = self._encoder.run(None, {"input_values": samples[None], "attention_mask": mask})[0]
        inputs = {"encoder_attention_mask": mask, "encoder_hidden_states": states}
        return _Heard(inputs, int(np.ceil(len(samples) / LISTENING_RATE_HZ * MAX_TOKENS_PER_S)))

    def _step(
        self, tokens: Tokens, heard: _Heard, caches: dict[str, npt.NDArray[np.float32]], *, is_first: bool
    ) -> tuple[Tokens, dict[str, npt.NDArray[np.float32]]]:
        """Read tokens; return the best one after each of them, and the cache with all of them."""
        step = {"input_ids": np.array([tokens], np.int64), "use_cache_branch": np.array([not is_first])}
        names = self._caches if is_first else self._own_caches  # what it keeps of the sound changes no more
        outputs = ["logits", *(name.replace("past_key_values", "present") for name in names)]
        logits, *fresh = self._decoder.run(outputs, {**heard.inputs, **step, **caches})
        return logits[0].argmax(-1).tolist(), {**caches, **dict(zip(names, fresh, strict=True))}


def load(folder: Path, *, threads: int) -> MoonshineModel:
    """Load the proven files of a folder.

    Raises:
        ModelNotInstalled: If onnxruntime is missing.
    """
    onnxruntime = weights.runtime("onnxruntime", "onnxruntime")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads, settings.inter_op_num_threads = threads, 1
    settings.log_severity_level = 3

    def session(name: str) -> OnnxSession:
        opened: OnnxSession = onnxruntime.InferenceSession(
            str(folder / name), settings, providers=["CPUExecutionProvider"]
        )
        return opened

    vocabulary = read_vocabulary((folder / moonshine_files.VOCABULARY).read_bytes())
    return MoonshineModel(session(moonshine_files.ENCODER), session(moonshine_files.DECODER), vocabulary)


def read_vocabulary(data: bytes) -> list[bytes]:
    """Take the tokens apart: each is its length, in one byte or, from 128 on, in two (low seven bits first), and it."""
    tokens: list[bytes] = []
    at = 0
    while at < len(data):
        length, at = data[at], at + 1
        if length >= 128:
            length, at = length - 128 + 128 * data[at], at + 1
        tokens.append(data[at : at + length])
        at += length
    return tokens
