"""``GET /v1/models`` and ``GET /v1/models/{id}``."""

from aiohttp import web

from antiphon.speech.v1 import model_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.strict_json import is_encodable
from antiphon_compat.upstream import UPSTREAM_KEY, api_errors, call_metadata

_PAGE_SIZE = 1000
_MAX_ID_CHARS = 256
_NOT_INSTALLED = model_service_pb2.MODEL_STATE_NOT_INSTALLED


async def list_models(request: web.Request) -> web.Response:
    """List the installed models.

    Raises:
        ApiError: The server cannot be asked.
    """
    models = [_rendered(model) for model in await list_installed(request)]
    return web.json_response({"object": "list", "data": models})


async def get_model(request: web.Request) -> web.Response:
    """Show one installed model, by id or alias.

    Raises:
        ApiError: There is none of that name.
    """
    name = request.match_info["model"]
    model = await _find(request, name)
    if model.state == _NOT_INSTALLED:
        raise ApiError("MODEL_NOT_INSTALLED", "The model is known but not installed.", param="model")
    return web.json_response(_rendered(model))


async def list_installed(request: web.Request) -> list[model_service_pb2.Model]:
    """Collect all pages of the models whose files are there.

    Raises:
        ApiError: The server cannot be asked.
    """
    stub, metadata = request.app[UPSTREAM_KEY].models, call_metadata(request)
    found: list[model_service_pb2.Model] = []
    page = model_service_pb2.ListModelsRequest(page_size=_PAGE_SIZE)
    while True:
        with api_errors():
            answer = await stub.ListModels(page, metadata=metadata)
        found += answer.models
        page.page_token = answer.next_page_token
        if not page.page_token:
            return [model for model in found if model.state != _NOT_INSTALLED]


async def require_exact_model(request: web.Request, name: str) -> None:
    """Refuse what is only an alias; for ``--strict-models``.

    Raises:
        ApiError: No model has this very id. An empty name stands for the default and passes.
    """
    if name and (await _find(request, name)).id != name:
        raise _unknown()


async def _find(request: web.Request, name: str) -> model_service_pb2.Model:
    if len(name) > _MAX_ID_CHARS or not is_encodable(name):
        raise _unknown()
    ask = model_service_pb2.GetModelRequest(model=name)
    with api_errors():
        answer = await request.app[UPSTREAM_KEY].models.GetModel(ask, metadata=call_metadata(request))
    return answer.model


def _unknown() -> ApiError:
    return ApiError("UNKNOWN_MODEL", "There is no model of this id.", param="model")


def _rendered(model: model_service_pb2.Model) -> dict[str, object]:
    return {
        "id": model.id,
        "object": "model",
        "created": model.loaded_at_ms // 1000,
        "owned_by": model.owner,
    }
