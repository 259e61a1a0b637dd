"""``GET /openapi.json`` and ``GET /docs``."""

import functools
import json

from aiohttp import web

from antiphon_compat.openapi.document import document
from antiphon_compat.openapi.page import PAGE_POLICY, render


async def openapi_json(request: web.Request) -> web.Response:
    """Send the document."""
    return web.Response(text=_document_text(), content_type="application/json")


async def docs_page(request: web.Request) -> web.Response:
    """Send the page; the policy lets it load and run nothing but its own style."""
    headers = {
        "Content-Security-Policy": PAGE_POLICY,
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(text=_page_text(), content_type="text/html", charset="utf-8", headers=headers)


@functools.cache
def _document_text() -> str:
    return json.dumps(document())


@functools.cache
def _page_text() -> str:
    return render(document())
