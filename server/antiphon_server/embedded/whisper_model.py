"""The library's Whisper, loaded, and as one job sees it: stopped between steps, its windows encoded once."""

import copy
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from antiphon_server.embedded import weights
from antiphon_server.embedded.priority_worker import Interruption
from antiphon_server.embedded.whisper_company import Company, joined
from antiphon_server.embedded.whisper_files import WhisperFiles
from antiphon_server.embedded.whisper_options import WhisperOptions, compute_type
from antiphon_server.embedded.whisper_window import WINDOW_FRAMES, is_doubtful
from antiphon_server.errors import ModelNotInstalled

Features = npt.NDArray[np.float32]
_Decoded = tuple[Any, float, float, float]


class WhisperModel(Protocol):
    """What is used of the library's model."""

    hf_tokenizer: Any
    supported_languages: list[str]
    feature_extractor: Any
    model: Any
    encode: Callable[..., Any]
    generate_with_fallback: Callable[..., tuple[Any, float, float, float]]
    get_prompt: Callable[..., list[int]]

    def transcribe(self, audio: npt.NDArray[np.float32], **options: object) -> tuple[Iterable[Any], Any]:
        """Return lazy segments and what is known of the audio."""
        ...


@dataclass(frozen=True, slots=True)
class Window:
    """What the model says of a window it has decoded."""

    no_speech_prob: float
    average_log_prob: float
    temperature: float
    compression_ratio: float


def load(options: WhisperOptions, files: WhisperFiles) -> tuple[WhisperModel, Company]:
    """Load a model; also returns what decodes for all its jobs.

    Raises:
        InvalidField: If the device cannot compute with the numbers that are asked for.
        ModelNotInstalled: If the files are no model, or the device has no room for it.
    """
    library = weights.runtime("faster_whisper", "faster-whisper")
    numbers = compute_type(options)
    try:
        model: WhisperModel = library.WhisperModel(
            str(files.folder),
            device=options.device_kind,
            device_index=options.device_index,
            compute_type=numbers,
            cpu_threads=options.threads,
            local_files_only=True,
        )
    except Exception as error:  # whatever is wrong in the folder: the tokenizer raises plain ones
        reason = str(error).partition("\n")[0][:200] if isinstance(error, RuntimeError) else type(error).__name__
        reason = reason.replace(str(files.folder), "its folder")
        raise ModelNotInstalled(f"the model that the option model names cannot be loaded ({reason})") from error
    if model.feature_extractor.mel_filters.shape[0] != model.model.n_mels:  # it has no preprocessor_config.json
        extractor = weights.runtime("faster_whisper.feature_extractor", "faster-whisper")
        model.feature_extractor = extractor.FeatureExtractor(feature_size=model.model.n_mels)
    return model, Company(model.model.generate, _join(options, numbers))


def _join(options: WhisperOptions, numbers: str) -> Callable[..., Any] | None:
    """Batches only where they are known to change nothing: sums of 8-bit weights are exact."""
    if options.device_kind != "cpu" or numbers not in ("int8", "int8_float32"):
        return None
    return joined(weights.runtime("ctranslate2", "ctranslate2"))


class JobsModel:
    """A model for one job. Others use the same weights at the same time."""

    def __init__(
        self,
        model: WhisperModel,
        company: Company,
        interruption: Interruption,
        prompt: list[int],
        num_frames: int = WINDOW_FRAMES,
    ) -> None:
        """Begin a job.

        Args:
            model: The model of all jobs, which is left as it is.
            company: Decodes.
            interruption: Checked between steps.
            prompt: Ids that stand before every window's, as if said before.
            num_frames: How much of a window is encoded, until its words are doubtful.
        """
        self._own, self._company, self._interruption = model, company, interruption
        self._num_frames = num_frames
        self._features: Features | None = None
        self._encoded: object = None
        self.windows: list[Window] = []
        """All that were decoded, in order."""
        self.library = copy.copy(model)
        decode, ask = self.library.generate_with_fallback, self.library.get_prompt

        def decoded(encoded: object, prompt: object, tokenizer: object, options: Any) -> _Decoded:  # noqa: ANN401 - as it is called
            if self._num_frames < WINDOW_FRAMES:
                once = replace(options, temperatures=options.temperatures[:1])
                found = decode(encoded, prompt, tokenizer, once)
                if is_doubtful(found[0], found[1], found[3]):
                    encoded, self._num_frames = self._encoded_whole(), WINDOW_FRAMES
            if self._num_frames == WINDOW_FRAMES:
                found = decode(encoded, prompt, tokenizer, options)
            result, log_prob, temperature, ratio = found
            self.windows.append(Window(result.no_speech_prob, log_prob, temperature, ratio))
            return found

        def asked(tokenizer: object, _previous: object, **kwargs: Any) -> list[int]:  # noqa: ANN401 - as it is called
            return ask(tokenizer, prompt, **kwargs)

        self.library.model = _Steps(model.model, self._generate)
        self.library.encode = self.encode
        self.library.generate_with_fallback = decoded
        self.library.get_prompt = asked

    def encode(self, features: Features) -> object:
        """Encode a window once, though it is asked for twice: to detect the language, and to write it down."""
        self._interruption.check()
        if self._features is None or not np.array_equal(features, self._features):
            self._encoded = self._own.encode(features[..., : self._num_frames])
            self._features = features.copy()
        self._interruption.check()
        return self._encoded

    def _encoded_whole(self) -> object:
        self._interruption.check()
        return self._own.encode(self._features)

    def _generate(self, encoded: object, prompts: list[list[int]], **options: object) -> list[Any]:
        result = self._company.generate(self._interruption, encoded, prompts[0], **options)
        self._interruption.check()
        return [result]


class _Steps:
    """The runtime's model, but for its decoding."""

    def __init__(self, runtime: Any, generate: Callable[..., list[Any]]) -> None:  # noqa: ANN401 - it has no types
        self._runtime, self.generate = runtime, generate

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._runtime, name)
