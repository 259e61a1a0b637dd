"""``GET /metrics``: Prometheus metrics of this process. Labels are routes, methods and statuses: few and fixed."""

import asyncio
import time

from aiohttp import web
from aiohttp.typedefs import Handler
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector
from prometheus_client.exposition import choose_encoder

from antiphon_compat.upstream import SENT_STATUS_KEY

_MS = (1, 2.5, 5, 10, 20, 40, 80, 160, 320, 640, 1_280, 2_560, 5_120, 10_240, 30_000, 60_000)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_GONE = 499
_SOCKET_STATUS = 101

_STARTED_KEY = web.RequestKey("metrics_started_s", float)
_OPEN_KEY: web.RequestKey[list[Gauge]] = web.RequestKey("metrics_open", list)


class HttpMetrics:
    """What is counted, in a registry of its own: several applications can live in one process."""

    def __init__(self) -> None:
        """Start at zero."""
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.requests = Counter(
            "antiphon_http_requests",
            "Requests that ended, by route, method and status; 499: the caller left.",
            ["route", "method", "status"],
            registry=self.registry,
        )
        self.request_ms = Histogram(
            "antiphon_http_request_ms",
            "Length of requests in milliseconds, bodies included; without sockets.",
            ["route"],
            buckets=_MS,
            registry=self.registry,
        )
        self.first_byte_ms = Histogram(
            "antiphon_http_first_byte_ms",
            "From a request to the first byte of its streamed answer, which for speech is its first audio.",
            ["route"],
            buckets=_MS,
            registry=self.registry,
        )
        self.running = Gauge("antiphon_http_requests_running", "Requests in flight.", registry=self.registry)
        self.event_streams = Gauge(
            "antiphon_http_event_streams", "Answers as server-sent events in flight.", registry=self.registry
        )
        self.sockets = Gauge("antiphon_http_sockets", "Open WebSockets.", registry=self.registry)


METRICS_KEY = web.AppKey("metrics", HttpMetrics)


@web.middleware
async def metered(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Count one request."""
    metrics = request.app[METRICS_KEY]
    request[_STARTED_KEY] = time.monotonic()
    request[_OPEN_KEY] = [metrics.running]
    metrics.running.inc()
    status = _CLIENT_GONE
    try:
        response = await handler(request)
        status = response.status
    except (asyncio.CancelledError, ConnectionError):
        status = request.get(SENT_STATUS_KEY, _CLIENT_GONE)
        raise
    else:
        return response
    finally:
        _count(metrics, request, status)


async def note_beginning(request: web.Request, response: web.StreamResponse) -> None:
    """Take note of what begins: a socket, a stream of events, streamed audio."""
    metrics = request.app[METRICS_KEY]
    opened = request.get(_OPEN_KEY)
    if opened is None or isinstance(response, web.Response):
        return
    if response.status == _SOCKET_STATUS:
        opened.append(metrics.sockets)
    else:
        metrics.first_byte_ms.labels(_route_of(request)).observe(_elapsed_ms(request))
        if response.content_type == "text/event-stream":
            opened.append(metrics.event_streams)
    for gauge in opened[1:]:
        gauge.inc()


async def metrics_page(request: web.Request) -> web.Response:
    """Show everything in the format that the scraper asks for."""
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    # In a thread: the figures of the process are read from files.
    body = await asyncio.to_thread(encode, request.app[METRICS_KEY].registry)
    return web.Response(body=body, headers={"Content-Type": content_type})


def _count(metrics: HttpMetrics, request: web.Request, status: int) -> None:
    for gauge in request[_OPEN_KEY]:
        gauge.dec()
    route = _route_of(request)
    method = request.method if request.method in _METHODS else "other"
    metrics.requests.labels(route, method, str(status)).inc()
    if status != _SOCKET_STATUS:
        metrics.request_ms.labels(route).observe(_elapsed_ms(request))


def _route_of(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical if resource else "none"  # never the path itself: it can hold anything


def _elapsed_ms(request: web.Request) -> float:
    return (time.monotonic() - request[_STARTED_KEY]) * 1000
