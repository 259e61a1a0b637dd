"""Voice activity by Silero: a fifth of a millisecond per 32 ms window."""

import asyncio
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from antiphon_server.audio.floats import to_floats
from antiphon_server.embedded import weights
from antiphon_server.engine.options import parse_options
from antiphon_server.engine.protocol import LISTENING_RATE_HZ, VOICE_WINDOW_SAMPLES, EngineInfo
from antiphon_server.errors import EngineFailed, InvalidField

CONTEXT_SAMPLES = 64
"""The model sees the end of the last window before each one."""


@dataclass(frozen=True, slots=True)
class SileroOptions:
    """Options of this engine."""

    model_path: str = ""
    """Another ONNX file with the same inputs and outputs."""
    model_sha256: str = ""
    max_streams: int = field(default=256, metadata={"least": 1})


class OnnxSession(Protocol):
    """What is used of the runtime."""

    def run(self, outputs: None, inputs: dict[str, npt.NDArray[Any]]) -> list[npt.NDArray[np.float32]]:
        """Run the model."""
        ...


class SileroStream:
    """A VoiceActivityStream."""

    def __init__(self, session: OnnxSession, worker: ThreadPoolExecutor) -> None:
        self._session = session
        self._worker = worker
        self._unfinished = b""
        self._context = np.zeros(CONTEXT_SAMPLES, np.float32)
        self._state = np.zeros((2, 1, 128), np.float32)

    async def score(self, pcm: bytes) -> list[float]:
        """Return the voice probability of each window completed by ``pcm``; calls of one stream go one after another.

        Raises:
            InvalidField: If ``pcm`` ends inside a sample.
            EngineFailed: If the model failed.
        """
        if len(pcm) % 2:
            raise InvalidField(f"pcm of 16-bit samples has an odd number of bytes: {len(pcm)}", field="pcm")
        pcm = self._unfinished + pcm
        whole = len(pcm) - len(pcm) % (VOICE_WINDOW_SAMPLES * 2)
        self._unfinished = pcm[whole:]
        if not whole:
            return []
        try:
            return await asyncio.get_running_loop().run_in_executor(self._worker, self._scores, pcm[:whole])
        except (RuntimeError, ValueError) as error:
            raise EngineFailed(f"the voice activity model failed ({type(error).__name__})") from error

    async def close(self) -> None:
        """Drop the unfinished window."""
        self._unfinished = b""

    def _scores(self, pcm: bytes) -> list[float]:
        windows = to_floats(pcm).reshape(-1, VOICE_WINDOW_SAMPLES)
        return [self._window_score(window) for window in windows]

    def _window_score(self, window: npt.NDArray[np.float32]) -> float:
        samples = np.concatenate([self._context, window])[None]  # (1, 576)
        inputs = {"input": samples, "state": self._state, "sr": np.array(LISTENING_RATE_HZ, np.int64)}
        probability, self._state = self._session.run(None, inputs)
        self._context = window[-CONTEXT_SAMPLES:]
        return float(probability[0, 0])


class SileroVoiceActivity:
    """A VoiceActivity."""

    def __init__(self, session: OnnxSession, *, revision: str, max_streams: int) -> None:
        self._session = session
        self._worker = ThreadPoolExecutor(1, thread_name_prefix="silero")
        self._info = EngineInfo(
            model="silero-vad",
            revision=revision,
            owner="snakers4",
            license="MIT",
            languages=(),
            max_concurrent_calls=max_streams,
        )

    async def info(self) -> EngineInfo:
        """Say what the engine is."""
        return self._info

    async def warm_up(self) -> None:
        """Score two windows of silence; the second says how long one takes."""
        stream = await self.open()
        for _ in range(2):
            begin = time.perf_counter()
            await stream.score(bytes(VOICE_WINDOW_SAMPLES * 2))
            first_output_ms = (time.perf_counter() - begin) * 1000
        self._info = replace(self._info, first_output_ms=first_output_ms)

    async def open(self) -> SileroStream:
        """Begin a stream with silence behind it."""
        return SileroStream(self._session, self._worker)


def _load(options: SileroOptions) -> tuple[OnnxSession, str]:
    if options.model_path:
        path, revision = weights.own_file(options.model_path, options.model_sha256)
    else:
        path, revision = weights.verified(weights.SILERO), weights.SILERO.sha256
    onnxruntime = weights.runtime("onnxruntime", "onnxruntime")
    settings = onnxruntime.SessionOptions()
    settings.intra_op_num_threads = settings.inter_op_num_threads = 1
    settings.log_severity_level = 3
    session: OnnxSession = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
    return session, revision


async def create(options: Mapping[str, object]) -> SileroVoiceActivity:
    """Load, prove and warm up voice activity.

    Raises:
        InvalidField: If an option is unknown or out of range.
        ModelNotInstalled: If the file is missing or wrong.
    """
    known = parse_options(options, SileroOptions)
    session, revision = await asyncio.to_thread(_load, known)
    engine = SileroVoiceActivity(session, revision=revision, max_streams=known.max_streams)
    await engine.warm_up()
    return engine
