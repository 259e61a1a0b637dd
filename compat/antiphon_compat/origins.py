"""Which web pages may use this process: CORS for requests, ``Origin`` for sockets, ``Host`` against rebound names.

A browser lets any page send requests to a local port, and opens WebSockets without asking at all. So a request that
names a foreign page is refused before its body is read. Programs that are no browsers send no ``Origin`` and pass.
"""

import ipaddress
import re

from aiohttp import web
from aiohttp.typedefs import Handler

from antiphon_compat.config import CompatConfig, split_address
from antiphon_compat.errors import ApiError
from antiphon_compat.settings import CONFIG_KEY

EXPOSED_HEADERS = (
    "x-request-id",
    "x-should-retry",
    "Retry-After",
    "retry-after-ms",
    "X-Model",
    "X-Warnings",
    "X-Usage",
    "Server-Timing",
    "X-Sample-Rate",
    "X-Channels",
    "X-Bit-Depth",
    "X-Finish-Reason",
    "X-Seed",
)
"""Response headers that scripts of an allowed page may read."""

_ANY = "*"
_HEADER_NAMES = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+(\s*,\s*[A-Za-z0-9!#$%&'*+.^_`|~-]+)*", re.ASCII)
_PREFLIGHT_AGE_S = 7200  # the longest that Chromium keeps
_LOCAL_SUFFIXES = (".localhost", ".internal")  # nobody can register these in public DNS


@web.middleware
async def page_guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse foreign pages and rebound names; answer OPTIONS, of which a browser's preflight is one.

    Raises:
        ApiError: The page or the name is not allowed.
    """
    config = request.app[CONFIG_KEY]
    _require_known_host(request.headers.get("Host", ""), config)
    origin = request.headers.get("Origin")
    if origin is not None and not _may_use(origin, request, config):
        message = "Pages of this origin may not use this server; --cors-origin allows one."
        raise ApiError("PERMISSION_DENIED", message, param="Origin")
    refusal = request.match_info.http_exception
    if request.method == "OPTIONS" and isinstance(refusal, web.HTTPMethodNotAllowed):
        return _options(request, sorted({*refusal.allowed_methods, "OPTIONS"}))
    return await handler(request)


async def add_cors(request: web.Request, response: web.StreamResponse) -> None:
    """Let an allowed page read the answer; a cache must not give it to another one."""
    response.headers.add("Vary", "Origin")
    config = request.app[CONFIG_KEY]
    origin = request.headers.get("Origin")
    if origin is not None and _is_listed(origin, config):
        response.headers["Access-Control-Allow-Origin"] = _ANY if _ANY in config.cors_origins else origin
        response.headers["Access-Control-Expose-Headers"] = ", ".join(EXPOSED_HEADERS)


def _options(request: web.Request, methods: list[str]) -> web.Response:
    headers = {"Allow": ", ".join(methods)}
    origin = request.headers.get("Origin")
    if origin is not None and _is_listed(origin, request.app[CONFIG_KEY]):
        headers["Access-Control-Allow-Methods"] = ", ".join(methods)
        headers["Access-Control-Max-Age"] = str(_PREFLIGHT_AGE_S)
        asked = request.headers.get("Access-Control-Request-Headers", "")
        if _HEADER_NAMES.fullmatch(asked):  # SDKs send headers of their own; none of them is trusted
            headers["Access-Control-Allow-Headers"] = asked
    return web.Response(status=204, headers=headers)


def _may_use(origin: str, request: web.Request, config: CompatConfig) -> bool:
    if _is_listed(origin, config):
        return True
    host = request.headers.get("Host", "")
    return bool(host) and origin.partition("://")[2].lower() == host.lower()


def _is_listed(origin: str, config: CompatConfig) -> bool:
    return _ANY in config.cors_origins or origin in config.cors_origins


def _require_known_host(host: str, config: CompatConfig) -> None:
    """Refuse the names that an attacker's DNS can point at loopback; HTTP/1.0 may send none.

    Raises:
        ApiError: The name is neither local nor listed.
    """
    if not host or _ANY in config.allowed_hosts or not _listens_on_loopback(config):
        return
    name = _without_port(host).lower()
    is_local = "." not in name or name.endswith(_LOCAL_SUFFIXES) or _is_address(name)
    if not is_local and name not in config.allowed_hosts:
        message = "This server does not answer to that host name; --allowed-host adds one."
        raise ApiError("PERMISSION_DENIED", message, param="Host")


def _listens_on_loopback(config: CompatConfig) -> bool:
    host, _ = split_address(config.listen)
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.rpartition(":")[0] or host if host.count(":") == 1 else host


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
