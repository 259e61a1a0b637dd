"""What ``antiphon doctor`` looks at, one check after the other, each with what would help."""

import asyncio
import dataclasses
import importlib.metadata
import importlib.util
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator

from antiphon.speech.v1.audio_pb2 import AudioEncoding
from antiphon.speech.v1.model_service_pb2 import Model, ModelKind, ModelState
from antiphon_client.client import AntiphonClient
from antiphon_client.errors import AntiphonError, ConnectionFailed

_SENTENCE = "The quick brown fox jumps over the lazy dog."
_OLDEST_PYTHON = (3, 11)
_PARTS = {
    "antiphon_server": "pip install 'antiphon[embedded]'",
    "antiphon_compat": "pip install 'antiphon[compat]'",
    "hibari": "pip install 'antiphon[embedded]'",
    "ctranslate2": "pip install 'antiphon[embedded]'",
    "onnxruntime": "pip install 'antiphon[embedded]'",
    "aiohttp": "pip install 'antiphon[compat]'",
}


@dataclasses.dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    name: str
    is_ok: bool
    detail: str
    remedy: str = ""
    """What to do; empty if nothing is wrong."""
    is_essential: bool = True
    """Whether speaking and listening need it."""


async def local_checks() -> AsyncIterator[Finding]:
    """Look at this machine: Python and packages."""
    version = ".".join(map(str, sys.version_info[:3]))
    is_new = sys.version_info >= _OLDEST_PYTHON
    yield Finding("python", is_new, version, "" if is_new else "Install Python 3.11 or newer.")
    yield Finding("grpc", is_ok=True, detail=f"grpcio {importlib.metadata.version('grpcio')}")
    for module, remedy in _PARTS.items():
        is_here = importlib.util.find_spec(module) is not None
        detail = "installed" if is_here else "not installed; needed only to run a server here"
        yield Finding(module, is_here, detail, "" if is_here else remedy, is_essential=False)


async def server_checks(client: AntiphonClient) -> AsyncIterator[Finding]:
    """Look at the server, its models, and let it speak to itself; ends where going on makes no sense."""
    reached = await _reach(client)
    yield reached
    if not reached.is_ok:
        return
    models = await client.models()
    for model in models:
        yield await _model(client, model)
    kinds = {model.kind for model in models if model.state == ModelState.MODEL_STATE_READY}
    if {ModelKind.MODEL_KIND_SYNTHESIS, ModelKind.MODEL_KIND_TRANSCRIPTION} <= kinds:
        async for finding in _round_trip(client):
            yield finding


async def http_check(address: str) -> Finding:
    """Ask the HTTP front how it is."""
    began_at_s = time.perf_counter()
    remedy = "Start it with `antiphon up`, or `antiphon-compat --listen HOST:PORT --server HOST:PORT`."
    try:
        status = await asyncio.to_thread(_get, f"http://{address}/health")
    except (urllib.error.URLError, OSError) as error:
        cause = getattr(error, "reason", error)
        return Finding("http", is_ok=False, detail=f"{address}: {cause}", remedy=remedy, is_essential=False)
    return Finding("http", is_ok=True, detail=f"{address} answers {status}, {_since_ms(began_at_s)}")


async def _reach(client: AntiphonClient) -> Finding:
    began_at_s = time.perf_counter()
    try:
        info = await client.server_info()
    except ConnectionFailed as error:
        return Finding("server", is_ok=False, detail=client.target, remedy=await _why_closed(client.target, error))
    except AntiphonError as error:
        return Finding("server", is_ok=False, detail=client.target, remedy=error.message)
    detail = f"{info.name} {info.version} at {client.target}, {_since_ms(began_at_s)}"
    return Finding("server", is_ok=True, detail=detail)


async def _why_closed(target: str, error: ConnectionFailed) -> str:
    """Tell a port where nobody is from one where someone else is."""
    host, _, port = target.rpartition(":")
    try:
        _, writer = await asyncio.wait_for(asyncio.open_connection(host.strip("[]"), int(port)), 2)
    except (OSError, ValueError, TimeoutError):
        return error.message
    writer.close()
    return f"Something listens at {target} and does not speak gRPC; choose the gRPC port with --server."


async def _model(client: AntiphonClient, model: Model) -> Finding:
    name = f"model {model.id}"
    state = ModelState.Name(model.state).removeprefix("MODEL_STATE_").lower().replace("_", " ")
    if model.state == ModelState.MODEL_STATE_NOT_INSTALLED:
        return Finding(name, is_ok=False, detail=state, remedy="Install its files.", is_essential=False)
    try:
        is_serving = await client.is_serving(model.id)
    except AntiphonError as error:
        return Finding(name, is_ok=False, detail=state, remedy=error.message, is_essential=model.is_default)
    remedy = "" if is_serving else "Wait until it is ready; if it never is, read the server's log."
    return Finding(name, is_serving, state, remedy, is_essential=model.is_default)


async def _round_trip(client: AntiphonClient) -> AsyncIterator[Finding]:
    """Have a sentence spoken and written down again."""
    began_at_s = time.perf_counter()
    try:
        async with client.speak(_SENTENCE, encoding=AudioEncoding.AUDIO_ENCODING_WAV) as speech:
            audio = await speech.read()
        first_ms = speech.done.first_audio_ms or 0.0
        detail = f"{speech.done.audio_s:.1f} s of audio, first after {first_ms:.0f} ms, all in {_since_ms(began_at_s)}"
        yield Finding("speaks", speech.done.num_samples > 0, detail, "" if audio else "Read the server's log.")
        began_at_s = time.perf_counter()
        transcript = await client.transcribe(audio)
    except AntiphonError as error:
        yield Finding("round trip", is_ok=False, detail=error.reason, remedy=error.message)
        return
    is_same = _words(transcript.text) == _words(_SENTENCE)
    detail = f'"{transcript.text}" in {_since_ms(began_at_s)}'
    yield Finding("listens", is_same, detail, "" if is_same else f'It should have heard "{_SENTENCE}"')


def _words(text: str) -> list[str]:
    return "".join(letter for letter in text.lower() if letter.isalpha() or letter.isspace()).split()


def _get(address: str) -> int:
    with urllib.request.urlopen(address, timeout=5) as answer:  # noqa: S310 - http only, from our own option
        return int(answer.status)


def _since_ms(began_at_s: float) -> str:
    return f"{(time.perf_counter() - began_at_s) * 1000:.0f} ms"
