"""/openapi.json and /docs: made when first asked for, then kept.

Touches: threads.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from importlib.resources import files
from typing import Any, Final, NamedTuple

import msgspec
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope

from numberdesk.api import reference
from numberdesk.api.endpoint import BASE, JSON
from numberdesk.api.errors import ENCODER
from numberdesk.api.openapi import build_document
from numberdesk.api.reference.outline import outline
from numberdesk.api.reference.pages import pages, search_index
from numberdesk.api.routing import Resource
from numberdesk.core.errors import NotFound

_HTML: Final = "text/html"
_ASSETS: Final = {"reference.css": "text/css", "reference.js": "text/javascript"}
_INDEX: Final = "search.json"
_SECURITY: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; form-action 'none'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
_FOR_EVER: Final = {"Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff"}


class _File(NamedTuple):
    content: bytes
    media_type: str
    headers: Mapping[str, str]


class Reference:
    """The document and its pages. Nothing is made before somebody asks, and then in a thread, once."""

    def __init__(self) -> None:
        self._made: dict[str, _File] = {}
        self._turn = asyncio.Lock()

    async def respond(self, scope: Scope, _: Receive) -> Response:
        """Answer with a page by its path. Raises NotFound."""
        async with self._turn:
            if not self._made:
                self._made = await asyncio.to_thread(make_files)
        found = self._made.get(scope["path"])
        if found is None:
            raise NotFound
        return Response(found.content, media_type=found.media_type, headers=dict(found.headers))


def reference_routes() -> list[Route]:
    """Where document and pages are."""
    resource = Resource({"GET": Reference().respond}, "/docs")
    return [Route(path, resource) for path in ("/openapi.json", "/docs", "/docs/{page:path}")]


def make_files() -> dict[str, _File]:
    """The document, the pages and what they load, by path."""
    raw = ENCODER.encode(build_document(BASE))
    document: dict[str, Any] = msgspec.json.decode(raw)
    told = outline(document)
    assets = {name: (files(reference) / name).read_bytes() for name in _ASSETS}
    marked = {name: f"/docs/{name}?v={hashlib.sha256(content).hexdigest()[:12]}" for name, content in assets.items()}
    made = {"/openapi.json": _File(raw, JSON, {})}
    for path, page in pages(told, marked):
        made[f"/docs/{path}".rstrip("/")] = _File(page.encode(), _HTML, _SECURITY)
    for name, content in assets.items():
        made[f"/docs/{name}"] = _File(content, _ASSETS[name], _FOR_EVER)
    made[f"/docs/{_INDEX}"] = _File(ENCODER.encode(search_index(told)), JSON, _SECURITY)
    return made
