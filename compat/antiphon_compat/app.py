"""Routes of the process, and its life from listening to the last answer."""

import asyncio
import signal
import sys

from aiohttp import web

from antiphon_compat import status
from antiphon_compat.bodies import hold_back, leave_unread
from antiphon_compat.callers import CALLERS_KEY, Callers
from antiphon_compat.config import CompatConfig, split_address
from antiphon_compat.http_server import HttpRunner
from antiphon_compat.metrics import METRICS_KEY, HttpMetrics, metered, metrics_page, note_beginning
from antiphon_compat.middleware import add_request_id, request_scope
from antiphon_compat.openai import models, speech, speech_batch, transcriptions, voices
from antiphon_compat.openapi import routes as openapi
from antiphon_compat.origins import add_cors, page_guard
from antiphon_compat.settings import CONFIG_KEY
from antiphon_compat.upstream import UPSTREAM_KEY, Upstream
from antiphon_compat.ws import speech as speech_ws
from antiphon_compat.ws import voice
from antiphon_compat.ws.sockets import Session, close_all

_READY_POLL_S = 0.1


def build_app(config: CompatConfig, upstream: Upstream) -> web.Application:
    """Assemble the routes; closes ``upstream`` when the application is cleaned up."""
    app = web.Application(middlewares=[leave_unread, metered, request_scope, page_guard])
    app[CONFIG_KEY] = config
    app[UPSTREAM_KEY] = upstream
    app[CALLERS_KEY] = Callers(config.trusted_proxies)
    app[METRICS_KEY] = HttpMetrics()
    app[voice.SOCKETS_KEY] = set()
    app[speech_ws.SPEECH_SOCKETS_KEY] = set()
    app.on_response_prepare.append(add_request_id)
    app.on_response_prepare.append(add_cors)
    app.on_response_prepare.append(note_beginning)
    app.on_shutdown.append(_close_sockets)
    app.on_cleanup.append(_close_upstream)
    app.add_routes([_invited_late(route) for route in _routes()])
    return app


async def serve(config: CompatConfig) -> None:
    """Serve until SIGTERM or SIGINT, then let requests in flight finish within the grace.

    Raises:
        OSError: The address cannot be listened on.
        ConfigError: The address is malformed.
    """
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    host, port = split_address(config.listen)
    upstream = await Upstream.open(config.server)
    runner = HttpRunner(build_app(config, upstream), grace_s=config.grace_s)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        if await _server_serves(upstream, stopping):
            _announce(runner)
        await stopping.wait()
    finally:
        await runner.cleanup()


def _routes() -> list[web.RouteDef]:
    return [
        web.get("/", status.root),
        web.get("/v1", status.root),
        web.get("/v1/", status.root),
        web.get("/live", status.live),
        web.get("/ready", status.ready),
        web.get("/health", status.health),
        web.get("/metrics", metrics_page),
        web.get("/openapi.json", openapi.openapi_json),
        web.get("/docs", openapi.docs_page),
        web.get("/v1/models", models.list_models),
        web.get("/v1/models/{model:.+}", models.get_model),
        web.post("/v1/audio/speech", speech.create_speech),
        web.post("/v1/audio/speech/batch", speech_batch.create_speech_batch),
        web.get("/v1/audio/voices", voices.list_voices),
        web.post("/v1/audio/voices", voices.create_voice),
        web.get("/v1/audio/voices/{voice:.+}", voices.get_voice),
        web.delete("/v1/audio/voices/{voice:.+}", voices.delete_voice),
        web.post("/v1/audio/transcriptions", transcriptions.create_transcription),
        web.post("/v1/audio/translations", transcriptions.create_translation),
        web.get("/v1/audio/speech/stream", speech_ws.speech_socket),
        web.get("/ws/voice", voice.voice_socket),
    ]


def _invited_late(route: web.RouteDef) -> web.RouteDef:
    return web.RouteDef(route.method, route.path, route.handler, {**route.kwargs, "expect_handler": hold_back})


async def _server_serves(upstream: Upstream, stopping: asyncio.Event) -> bool:
    """Wait for the gRPC server; false if the process is to stop first."""
    while not stopping.is_set():
        if await upstream.health() == "SERVING":
            return True
        try:
            await asyncio.wait_for(stopping.wait(), _READY_POLL_S)
        except TimeoutError:
            continue
    return False


def _announce(runner: web.AppRunner) -> None:
    host, port = runner.addresses[0][:2]
    shown = f"[{host}]" if ":" in host else host
    sys.stdout.write(f"ready http={shown}:{port}\n")  # supervisors wait for this line
    sys.stdout.flush()


async def _close_sockets(app: web.Application) -> None:
    sockets: list[Session] = [*app[voice.SOCKETS_KEY], *app[speech_ws.SPEECH_SOCKETS_KEY]]
    await close_all(sockets, grace_s=app[CONFIG_KEY].grace_s)


async def _close_upstream(app: web.Application) -> None:
    await app[UPSTREAM_KEY].close()
