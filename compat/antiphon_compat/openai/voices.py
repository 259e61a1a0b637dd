"""``/v1/audio/voices``: what can be spoken with. Voices of one's own are not stored yet, and that is said."""

from aiohttp import web

from antiphon.speech.v1 import voice_pb2, voice_service_pb2
from antiphon_compat.errors import ApiError
from antiphon_compat.strict_json import is_encodable
from antiphon_compat.upstream import UPSTREAM_KEY, api_errors, call_metadata

_PAGE_SIZE = 1000
_MAX_NAME_CHARS = 256
# "audio_sample" is OpenAI's word for a voice made from a clip; it has none for those that ship with a model.
_TYPES = {
    voice_pb2.VOICE_KIND_NATURAL: "natural",
    voice_pb2.VOICE_KIND_VARIANT: "variant",
    voice_pb2.VOICE_KIND_CLONED: "audio_sample",
}


async def list_voices(request: web.Request) -> web.Response:
    """List all voices, or with ``model`` or ``language`` in the query those that match.

    Raises:
        ApiError: The model is unknown, or the server cannot be asked.
    """
    stub, metadata = request.app[UPSTREAM_KEY].voices, call_metadata(request)
    page = voice_service_pb2.ListVoicesRequest(
        page_size=_PAGE_SIZE, model=_queried(request, "model"), language=_queried(request, "language")
    )
    voices: list[dict[str, object]] = []
    while True:
        with api_errors():
            answer = await stub.ListVoices(page, metadata=metadata)
        voices += [_rendered(voice) for voice in answer.voices]
        page.page_token = answer.next_page_token
        if not page.page_token:
            return web.json_response({"object": "list", "data": voices})


async def get_voice(request: web.Request) -> web.Response:
    """Show one voice, by id or alias.

    Raises:
        ApiError: There is none of that name.
    """
    ask = voice_service_pb2.GetVoiceRequest(voice=_named(request))
    with api_errors():
        answer = await request.app[UPSTREAM_KEY].voices.GetVoice(ask, metadata=call_metadata(request))
    return web.json_response(_rendered(answer.voice))


async def create_voice(request: web.Request) -> web.Response:
    """Refuse, before the clip is read.

    Raises:
        ApiError: Always.
    """
    raise ApiError("NOT_BUILT", "Voices cannot be stored yet; send the clip with each request, as ref_audio.")


async def delete_voice(request: web.Request) -> web.Response:
    """Delete a stored voice.

    Raises:
        ApiError: The server cannot; as long as no voices are stored, always.
    """
    ask = voice_service_pb2.DeleteVoiceRequest(voice=_named(request))
    with api_errors():
        answer = await request.app[UPSTREAM_KEY].voices.DeleteVoice(ask, metadata=call_metadata(request))
    return web.json_response({"id": answer.voice, "object": "audio.voice.deleted", "deleted": True})


def _queried(request: web.Request, name: str) -> str:
    given = request.query.get(name, "")
    if len(given) > _MAX_NAME_CHARS:
        raise ApiError.invalid(name, f"{name} must have at most {_MAX_NAME_CHARS} characters, not {len(given)}.")
    if not is_encodable(given):
        raise ApiError.invalid(name, f"{name} is not valid UTF-8.")
    return given


def _named(request: web.Request) -> str:
    name = request.match_info["voice"]
    if len(name) > _MAX_NAME_CHARS or not is_encodable(name):
        raise ApiError("NOT_FOUND", "There is no voice of this name.", param="voice")
    return name


def _rendered(voice: voice_pb2.Voice) -> dict[str, object]:
    return {
        "id": voice.id,
        "object": "audio.voice",
        "name": voice.name,
        "type": _TYPES.get(voice.kind, "other"),
        "created_at": voice.created_at_ms // 1000,
        "description": voice.description,
        "model": voice.model,
        "languages": list(voice.languages),
        "aliases": list(voice.aliases),
    }
