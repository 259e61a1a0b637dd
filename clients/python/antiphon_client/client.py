"""The client: one channel to one server, and a method for each thing a caller wants of it."""

import os
from collections.abc import AsyncIterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc

from antiphon.speech.v1.audio_pb2 import AudioEncoding, AudioFormat
from antiphon.speech.v1.conversation_service_pb2 import ConversationConfig
from antiphon.speech.v1.model_service_pb2 import GetServerInfoResponse, Model, ModelKind
from antiphon.speech.v1.synthesis_service_pb2 import ExplainSynthesisRequest, ExplainSynthesisResponse, SynthesisConfig
from antiphon.speech.v1.synthesis_service_pb2_grpc import SynthesisServiceStub
from antiphon.speech.v1.transcription_service_pb2 import Thinking, TranscriptionConfig
from antiphon.speech.v1.voice_pb2 import Voice
from antiphon_client.catalogue import Catalogue
from antiphon_client.connection import CallOptions, ChannelOption, Connection
from antiphon_client.conversation import ConversationStream
from antiphon_client.pieces import file_pieces
from antiphon_client.reference import Reference
from antiphon_client.retry import RetryPolicy
from antiphon_client.speech import Speech
from antiphon_client.synthesis import SynthesisStream
from antiphon_client.transcription import OnResponse, Transcript, TranscriptionStream, read_transcript

_NO_OPTIONS = CallOptions()


class AntiphonClient:
    """A typed asyncio client.

    >>> async def hello() -> bytes:
    ...     async with AntiphonClient("localhost:50051") as client:
    ...         async with client.speak("Hello there.") as speech:
    ...             return await speech.read()
    """

    def __init__(
        self,
        target: str = "localhost:50051",
        *,
        api_key: str | None = None,
        credentials: grpc.ChannelCredentials | None = None,
        retry: RetryPolicy | None = None,
        options: Sequence[ChannelOption] = (),
    ) -> None:
        """Prepare a channel; the first call connects.

        Args:
            target: ``host:port`` or any gRPC target.
            api_key: Sent as a bearer token; ``None`` sends none.
            credentials: TLS credentials; ``None`` speaks plain text.
            retry: Retries of streaming calls before their first response.
            options: gRPC channel options, in place of the defaults of the same name.
        """
        self._connection = Connection(
            target, api_key=api_key, credentials=credentials, retry=retry or RetryPolicy(), options=options
        )
        self._catalogue = Catalogue(self._connection)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the channel; calls that still run are cancelled."""
        await self._connection.channel.close()

    @property
    def target(self) -> str:
        """Address of the server."""
        return self._connection.target

    @property
    def channel(self) -> grpc.aio.Channel:
        """The channel, for generated stubs of RPCs that have no method here."""
        return self._connection.channel

    def speak(
        self,
        text: str | AsyncIterable[str],
        *,
        voice: str = "",
        reference: Reference | None = None,
        speed: float | None = None,
        encoding: AudioEncoding.ValueType = AudioEncoding.AUDIO_ENCODING_UNSPECIFIED,
        sample_rate_hz: int = 0,
        config: SynthesisConfig | None = None,
        call: CallOptions = _NO_OPTIONS,
    ) -> Speech:
        """Speak a text, or pieces of text while they are being written.

        Args:
            text: A whole text, or an asynchronous iterable of pieces, joined exactly as given.
            voice: Voice id or alias; empty is the server's default.
            reference: A clip to clone in place of a voice, on a model that can.
            speed: Pace, 0.25 to 4.0; ``None`` is 1.0.
            encoding: Byte layout of the audio; unspecified is 16-bit PCM.
            sample_rate_hz: 8000 to 48000; 0 is 24000.
            config: Everything else; the arguments above stand over it where given.
            call: Timeout, request id, metadata.
        """
        chosen = SynthesisConfig()
        chosen.CopyFrom(config or SynthesisConfig())
        chosen.MergeFrom(SynthesisConfig(voice=voice, speed=speed))
        if reference is not None:
            del chosen.references[:]
            chosen.references.append(reference.message)
        if encoding or sample_rate_hz:
            chosen.format.MergeFrom(AudioFormat(encoding=encoding, sample_rate_hz=sample_rate_hz))
        return Speech(self.synthesize(chosen, call=call), text)

    def synthesize(self, config: SynthesisConfig | None = None, *, call: CallOptions = _NO_OPTIONS) -> SynthesisStream:
        """Open a synthesis call with all its controls; use it inside ``async with``."""
        return SynthesisStream(self._connection, config or SynthesisConfig(), call=call)

    async def explain(
        self, text: str, config: SynthesisConfig | None = None, *, call: CallOptions = _NO_OPTIONS
    ) -> ExplainSynthesisResponse:
        """Say what would be spoken, without running a model.

        Raises:
            AntiphonError: The call failed.
        """
        request = ExplainSynthesisRequest(text=text, config=config)
        return await self._connection.unary(
            SynthesisServiceStub(self._connection.channel).ExplainSynthesis, request, call
        )

    async def transcribe(
        self,
        audio: bytes | AsyncIterable[bytes],
        *,
        language: str = "",
        word_times: bool = False,
        thinking: Thinking.ValueType = Thinking.THINKING_UNSPECIFIED,
        report: bool = False,
        on_response: OnResponse | None = None,
        config: TranscriptionConfig | None = None,
        call: CallOptions = _NO_OPTIONS,
    ) -> Transcript:
        """Transcribe a clip: the bytes of a file in any container, or raw audio described by ``config.format``.

        Args:
            audio: The whole clip, or an asynchronous iterable of its bytes, cut anywhere.
            language: BCP 47 tag; empty lets the server detect it.
            word_times: Ask for words with times.
            thinking: Whether the model thinks first; unspecified is its default.
            report: Ask how the transcript came about, see :attr:`Transcript.report`.
            on_response: Is shown each response as it comes: ``speech_started`` and ``speech_stopped`` tell how far the
                server has heard.
            config: Everything else; the arguments above stand over it where given.
            call: Timeout, request id, metadata.

        Raises:
            AntiphonError: The call failed.
        """
        chosen = TranscriptionConfig()
        chosen.CopyFrom(config or TranscriptionConfig())
        chosen.MergeFrom(
            TranscriptionConfig(language=language, word_times=word_times, thinking=thinking, report=report)
        )
        if not chosen.format.encoding:
            chosen.format.encoding = AudioEncoding.AUDIO_ENCODING_CONTAINER
        stream = self.transcribe_stream(chosen, call=call)
        return await read_transcript(stream, audio, on_response=on_response)

    async def transcribe_file(
        self,
        path: str | os.PathLike[str],
        *,
        language: str = "",
        word_times: bool = False,
        thinking: Thinking.ValueType = Thinking.THINKING_UNSPECIFIED,
        report: bool = False,
        on_response: OnResponse | None = None,
        config: TranscriptionConfig | None = None,
        call: CallOptions = _NO_OPTIONS,
    ) -> Transcript:
        """Transcribe a file, sent in 64 KiB pieces while it is read; arguments as in :meth:`transcribe`.

        Raises:
            OSError: The file cannot be read.
            AntiphonError: The call failed.
        """
        return await self.transcribe(
            file_pieces(Path(path)),
            language=language,
            word_times=word_times,
            thinking=thinking,
            report=report,
            on_response=on_response,
            config=config,
            call=call,
        )

    def transcribe_stream(
        self, config: TranscriptionConfig | None = None, *, call: CallOptions = _NO_OPTIONS
    ) -> TranscriptionStream:
        """Open a transcription call for live audio; use it inside ``async with``."""
        return TranscriptionStream(self._connection, config or TranscriptionConfig(), call=call)

    def converse(
        self, config: ConversationConfig | None = None, *, call: CallOptions = _NO_OPTIONS
    ) -> ConversationStream:
        """Open a conversation; use it inside ``async with``."""
        return ConversationStream(self._connection, config or ConversationConfig(), call=call)

    async def voices(self, *, model: str = "", language: str = "", call: CallOptions = _NO_OPTIONS) -> list[Voice]:
        """List voices, those of one model or language if given.

        Raises:
            AntiphonError: The call failed.
        """
        return [voice async for voice in self._catalogue.voices(model, language, call)]

    async def voice(self, name: str, *, call: CallOptions = _NO_OPTIONS) -> Voice:
        """Find one voice by id or alias.

        Raises:
            NotFound: There is none.
        """
        return await self._catalogue.voice(name, call)

    async def models(
        self, *, kind: ModelKind.ValueType = ModelKind.MODEL_KIND_UNSPECIFIED, call: CallOptions = _NO_OPTIONS
    ) -> list[Model]:
        """List models, installed ones first; of one kind if given.

        Raises:
            AntiphonError: The call failed.
        """
        return [model async for model in self._catalogue.models(kind, call)]

    async def model(self, name: str, *, call: CallOptions = _NO_OPTIONS) -> Model:
        """Find one model by id or alias.

        Raises:
            NotFound: There is none.
        """
        return await self._catalogue.model(name, call)

    async def server_info(self, *, call: CallOptions = _NO_OPTIONS) -> GetServerInfoResponse:
        """Read version, limits and error table of the server.

        Raises:
            AntiphonError: The call failed.
        """
        return await self._catalogue.server_info(call)

    async def is_serving(self, service: str = "", *, call: CallOptions = _NO_OPTIONS) -> bool:
        """Ask whether the server, or the model of that id, answers calls.

        Raises:
            NotFound: There is no model of that id.
            ConnectionFailed: Nothing answers at the address.
        """
        return await self._catalogue.is_serving(service, call)
