"""Whether this process and the server behind it can work: ``/``, ``/live``, ``/ready``, ``/health``."""

import asyncio

from aiohttp import web

from antiphon.speech.v1 import model_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.openai.models import list_installed
from antiphon_compat.upstream import UPSTREAM_KEY

_SERVING = "SERVING"
_NOT_LOADED = (model_service_pb2.MODEL_STATE_INSTALLED,)


async def root(request: web.Request) -> web.Response:
    """Answer at once; clients call this to open a connection early."""
    return web.json_response({"name": "antiphon-compat", "status": "ok"})


async def live(request: web.Request) -> web.Response:
    """Say that the process runs, whatever the server does."""
    return web.json_response({"status": "live"})


async def ready(request: web.Request) -> web.Response:
    """Say whether the server takes calls: 200 or 503."""
    status = await request.app[UPSTREAM_KEY].health()
    return _respond(status, {})


async def health(request: web.Request) -> web.Response:
    """Show the server and every loaded model: 200 if all serve, else 503."""
    upstream = request.app[UPSTREAM_KEY]
    overall = await upstream.health()
    if overall == "UNREACHABLE":
        return _respond(overall, {})
    try:
        models = [model for model in await list_installed(request) if model.state not in _NOT_LOADED]
    except ApiError:  # went away between the two questions
        return _respond("UNREACHABLE", {})
    statuses = await asyncio.gather(*(upstream.health(model.id) for model in models))
    return _respond(overall, {model.id: status for model, status in zip(models, statuses, strict=True)})


def _respond(overall: str, models: dict[str, str]) -> web.Response:
    is_serving = all(status == _SERVING for status in (overall, *models.values()))
    body = {"status": "ok" if is_serving else "unavailable", "server": overall, "models": models}
    headers = {} if is_serving else {"Retry-After": "1"}
    return web.json_response(body, status=200 if is_serving else 503, headers=headers)
