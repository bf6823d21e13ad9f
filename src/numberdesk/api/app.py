"""The ASGI application: routes, CORS, request ids.

Touches: clock.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response
from starlette.routing import Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from numberdesk import api
from numberdesk.api.auth import Authenticator
from numberdesk.api.docs import reference_routes
from numberdesk.api.endpoint import EntryPoint, failed
from numberdesk.api.health import healthz, readyz
from numberdesk.api.limits import RateLimits
from numberdesk.api.routing import Page, PathIndex, answer_not_found, endpoint_routes, import_endpoints, page_routes
from numberdesk.core.errors import Internal
from numberdesk.infra.log import get_log, logging_traceparent, read_traceparent
from numberdesk.infra.observer import Observer
from numberdesk.wiring import Services

import_endpoints(api)

_NOTHING: Final[Mapping[str, Any]] = {}
_NO_HEADERS: Final = Headers(raw=[])
_VARY: Final = (b"vary", b"Origin")

_HANG_UP_SECONDS: Final = 5.0
"""How long a process that stops waits for orders that are on their way to carriers; the worker sees to the rest."""


Beside = Callable[[EntryPoint], ASGIApp]
"""Makes what answers the paths below a prefix, with the same keys and limits as the endpoints."""


def build_app(services: Services, *, front: str = "/docs", beside: Mapping[str, Beside] = _NOTHING) -> ASGIApp:
    """The application over running services. Starting and closing them is the caller's business.

    `/` leads to `front`. What is `beside` the API is asked without CORS: no other site's page is to read it.
    """
    settings = services.settings
    entry_point = EntryPoint(services, Authenticator(services.reader, services.now), RateLimits(settings.rate_limit))
    pages: dict[str, Page] = {
        "/": partial(_as_made, Response(status_code=302, headers={"Location": front})),
        "/healthz": healthz,
        "/readyz": partial(readyz, services),
    }
    router = Router(
        [*endpoint_routes(entry_point), *reference_routes(), *page_routes(pages)],
        redirect_slashes=False,
        default=answer_not_found,
        lifespan=lambda _: _lifespan(services),
    )
    cors = _Cors(
        PathIndex(router),
        allow_origins=[origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()],
        allow_methods=["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"],
        allow_headers=["X-Api-Key", "Authorization", "Content-Type", "Idempotency-Key"],
        expose_headers=["X-Request-Id", "Location", "Retry-After"],
    )
    apps = {prefix: make(entry_point) for prefix, make in beside.items()}
    return _Identified(_Sorted(apps, cors), services.new_id, services.observer, log_all=settings.access_log)


async def _as_made(response: Response) -> Response:
    return response


@asynccontextmanager
async def _lifespan(services: Services) -> AsyncIterator[None]:
    yield
    await services.hang_up(_HANG_UP_SECONDS)


class _Cors(CORSMiddleware):
    """CORS, which costs a request without an Origin next to nothing: as all are that no page of a site sends."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or any(name == b"origin" for name, _ in scope["headers"]):
            await super().__call__(scope, receive, send)
            return

        async def varying(message: Message) -> None:
            """Say that the answer would be another one with an Origin."""
            if message["type"] == "http.response.start":
                if any(name == b"vary" for name, _ in message["headers"]):
                    await self.send(message, send, _NO_HEADERS)
                    return
                message["headers"] = [*message["headers"], _VARY]
            await send(message)

        await self.app(scope, receive, varying)


class _Sorted:
    """Sends a request on by the first part of its path."""

    def __init__(self, apps: Mapping[str, ASGIApp], rest: ASGIApp) -> None:
        self._apps = apps
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        first = scope["path"].lstrip("/").partition("/")[0] if scope["type"] == "http" else ""
        await self._apps.get(f"/{first}", self._rest)(scope, receive, send)


class _Identified:
    """The outermost layer: gives every request an id, every answer its X-Request-Id, and no defect a way out.

    A path means the same with and without a slash at its end.
    """

    def __init__(self, app: ASGIApp, new_id: Callable[[str], str], observer: Observer, *, log_all: bool) -> None:
        self._app = app
        self._new_id = new_id
        self._observer = observer
        self._log_all = log_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        state = scope.setdefault("state", {})
        state["request_id"], state["route"] = self._new_id("req"), ""
        if scope["path"] != "/":
            scope["path"] = scope["path"].rstrip("/")
        sent = read_traceparent(scope["headers"])
        with self._observer.request(scope["method"], sent) as observed:
            with logging_traceparent(observed.traceparent or sent):
                status = await self._answer(scope, receive, send)
            observed.answered(state["route"], status)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> int:
        """Have it answered, and say with what status."""
        request_id = scope["state"]["request_id"]
        header = (b"x-request-id", request_id.encode())
        began, status = time.monotonic(), 0

        async def identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], header]
            await send(message)

        try:
            await self._app(scope, receive, identified)
        except Exception:
            get_log().exception("request failed outside the router", request_id=request_id)
            if status:
                raise
            await failed(Internal(), request_id)(scope, receive, identified)
        if self._log_all:
            millis = round((time.monotonic() - began) * 1000, 1)
            path, method = scope["path"], str(scope.get("method"))
            get_log().info("request", request_id=request_id, method=method, path=path, status=status, millis=millis)
        return status
