"""The ASGI application: routes, errors, CORS, request ids.

Touches: clock.
"""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from litestar import Litestar, Request, Response, Router
from litestar.config.cors import CORSConfig
from litestar.datastructures import State
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException, MethodNotAllowedException
from litestar.response.base import ASGIResponse
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from numberdesk.api import (  # noqa: F401  importing declares endpoints
    admin,
    admin_audits,
    admin_carriers,
    admin_orders,
    admin_stock,
    billing,
    keys,
    offers,
    purchases,
    rentals,
)
from numberdesk.api.auth import Authenticator
from numberdesk.api.docs import BASE, openapi_routes
from numberdesk.api.endpoint import ENDPOINTS, JSON, Door, route
from numberdesk.api.errors import failure
from numberdesk.api.health import healthz, readyz
from numberdesk.api.limits import RateLimits
from numberdesk.core.errors import Internal, InvalidRequest, MethodNotAllowed, NotFound, NumberdeskError, Overloaded
from numberdesk.infra.db import CommitUnknownError, StorageFailedError
from numberdesk.infra.log import get_log
from numberdesk.wiring import Services


def build_app(services: Services) -> ASGIApp:
    """The application over running services. Starting and closing them is the caller's business."""
    settings = services.settings
    door = Door(services, Authenticator(services.reader, services.now), RateLimits(settings.rate_limit))
    cors = CORSConfig(
        allow_origins=[origin.strip() for origin in settings.cors_origins.split(",") if origin.strip()],
        allow_methods=["GET", "POST", "PATCH", "PUT", "DELETE", "OPTIONS"],
        allow_headers=["X-Api-Key", "Content-Type", "Idempotency-Key"],
        expose_headers=["X-Request-Id", "Location", "Retry-After"],
        max_age=600,
    )

    async def hang_up() -> None:
        await services.hang_up(_HANG_UP_SECONDS)

    return _Identified(
        _litestar(door, None, on_shutdown=[hang_up]),
        _litestar(door, cors),
        services.new_id,
        log_all=settings.access_log,
    )


def _litestar(
    door: Door, cors: CORSConfig | None, *, on_shutdown: Sequence[Callable[[], Awaitable[None]]] = ()
) -> Litestar:
    return Litestar(
        route_handlers=[
            Router(BASE, route_handlers=[route(described) for described in ENDPOINTS]),
            healthz,
            readyz,
            *openapi_routes(),
        ],
        exception_handlers={Exception: _failed},
        cors_config=cors,
        openapi_config=None,
        logging_config=None,
        request_max_body_size=None,
        state=State({"door": door}),
        on_shutdown=list(on_shutdown),
    )


_HANG_UP_SECONDS: Final = 5.0
"""How long a process that stops waits for orders that are on their way to carriers; the worker sees to the rest."""

_NOT_TAKEN: Final = "The database cannot take the change. Nothing was charged; try again shortly."
_UNKNOWN: Final = (
    "The database failed while it took the change, and cannot tell yet whether it did. "
    "Look before you repeat it; a purchase may simply be sent again and is not charged twice."
)


def _failed(request: Request[Any, Any, Any], raised: Exception) -> Response[bytes]:
    """The envelope for whatever was raised; what is not of the tree is logged and hidden."""
    request_id = request.scope["state"]["request_id"]
    error = _error_of(raised)
    if isinstance(raised, StorageFailedError):
        get_log().warning("storage failed", request_id=request_id, path=request.scope["path"], reason=str(raised))
    elif isinstance(error, Internal):
        get_log().error("request failed", request_id=request_id, path=request.scope["path"], exc_info=raised)
    status, headers, content = failure(error, request_id)
    if isinstance(raised, MethodNotAllowedException):
        headers["Allow"] = _allowed(request.scope["path"])
    return Response(content, status_code=status, headers=headers, media_type=JSON)


def _allowed(path: str) -> str:
    """The Allow header of a path: the methods that it answers."""
    plain = path.rstrip("/")
    literal: set[str] = set()
    matching: set[str] = set()
    for described in ENDPOINTS:
        for form in (described.path, *described.other_paths):
            if BASE + form == plain:
                literal.add(described.method)
            elif re.fullmatch(re.sub(r"\{\w+:\w+\}", "[^/]+", BASE + form), plain):
                matching.add(described.method)
    return ", ".join(sorted((literal or matching or {"GET"}) | {"OPTIONS"}))


def _error_of(raised: Exception) -> NumberdeskError:
    if isinstance(raised, NumberdeskError):
        return raised
    if isinstance(raised, StorageFailedError):
        return Overloaded(_UNKNOWN if isinstance(raised, CommitUnknownError) else _NOT_TAKEN)
    if isinstance(raised, MethodNotAllowedException):
        return MethodNotAllowed()
    if isinstance(raised, HTTPException) and raised.status_code == 404:  # noqa: PLR2004  the router's own
        return NotFound()
    if isinstance(raised, HTTPException) and raised.status_code < 500:  # noqa: PLR2004  what the client can mend
        return InvalidRequest("request", "is not a well-formed HTTP request")
    return Internal()


class _Identified:
    """The outermost layer: gives every request an id, every answer its X-Request-Id, and no defect a way out.

    Only browsers send Origin, and only they pay for CORS: theirs is an application of its own.
    """

    def __init__(self, app: ASGIApp, app_for_browsers: ASGIApp, new_id: Callable[[str], str], *, log_all: bool) -> None:
        self._app = app
        self._app_for_browsers = app_for_browsers
        self._new_id = new_id
        self._log_all = log_all

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != ScopeType.HTTP:
            await self._app(scope, receive, send)
            return
        request_id = self._new_id("req")
        scope.setdefault("state", {})["request_id"] = request_id
        header = (b"x-request-id", request_id.encode())
        began, status = time.monotonic(), 0
        is_options = scope.get("method") == "OPTIONS"
        app = self._app_for_browsers if any(name == b"origin" for name, _ in scope["headers"]) else self._app

        async def identified(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message["headers"], header]
                if is_options:  # the router's own names the methods of one handler only
                    allow = (b"allow", _allowed(scope["path"]).encode())
                    headers = [allow if name == b"allow" else (name, value) for name, value in headers]
                message["headers"] = headers
            await send(message)

        try:
            await app(scope, receive, identified)
        except Exception:
            get_log().exception("request failed outside the router", request_id=request_id)
            if status:
                raise
            code, headers, content = failure(Internal(), request_id)
            response = ASGIResponse(body=content, status_code=code, headers=headers, media_type=JSON)
            await response(scope, receive, identified)
        if self._log_all:
            millis = round((time.monotonic() - began) * 1000, 1)
            path, method = scope["path"], str(scope.get("method"))
            get_log().info("request", request_id=request_id, method=method, path=path, status=status, millis=millis)
