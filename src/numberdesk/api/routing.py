"""From a path and a method to the response: every path knows its methods, and no error leaves unanswered.

Touches: nothing.
"""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import ModuleType
from typing import Final

from starlette.responses import Response
from starlette.routing import Match, Route, Router
from starlette.types import ASGIApp, Receive, Scope, Send

from numberdesk.api.auth import CHALLENGE, takes_basic
from numberdesk.api.endpoint import BASE, ENDPOINTS, Endpoint, EntryPoint, failed, respond
from numberdesk.core.errors import Internal, InvalidApiKey, MethodNotAllowed, NotFound, NumberdeskError, Overloaded
from numberdesk.infra.db import CommitUnknownError, StorageFailedError
from numberdesk.infra.log import get_log

Responder = Callable[[Scope, Receive], Awaitable[Response]]
"""Answers a request, or raises."""

Page = Callable[[], Awaitable[Response]]
"""Answers anybody, without a key, whatever the request holds."""

_NOT_TAKEN: Final = "The database cannot take the change. Nothing was charged; try again shortly."
_NOT_READ: Final = "The database cannot be read now, or not in time. Try again shortly."
_UNKNOWN: Final = (
    "The database failed while it took the change, and cannot tell yet whether it did. "
    "Look before you repeat it; a purchase may simply be sent again and is not charged twice."
)


class Resource:
    """The ASGI application of one path: calls the responder of the request's method, and answers every error."""

    def __init__(self, responders: Mapping[str, Responder], path: str = "") -> None:
        self._responders = dict(responders)
        self._path = re.sub(r"\{(\w+):\w+\}", r"{\1}", path)
        if "GET" in responders:
            self._responders["HEAD"] = responders["GET"]  # the server leaves the body out
        self._allow = {"Allow": ", ".join(sorted({*self._responders, "OPTIONS"}))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        scope["state"]["route"] = self._path
        respond_to = self._responders.get(scope["method"], self._answer_other_methods)
        try:
            response = await respond_to(scope, receive)
        except Exception as error:  # noqa: BLE001  whatever it is, the client gets an answer
            known = known_error(error, scope)
            response = failed(known, request_id(scope), _challenge(known, scope))
        await response(scope, receive, send)

    async def _answer_other_methods(self, scope: Scope, _: Receive) -> Response:
        if scope["method"] == "OPTIONS":
            return Response(status_code=204, headers=self._allow)
        return failed(MethodNotAllowed(), request_id(scope), self._allow)


class PathIndex:
    """Finds the resource of a path without trying one route after another, as a router would.

    A path without parameters is looked up; of those with parameters only such are tried as begin like the path. All
    else goes to the router, which knows these paths, too.
    """

    def __init__(self, router: Router) -> None:
        self._router = router
        self._resources: dict[str, ASGIApp] = {}
        self._by_beginning: dict[str, list[Route]] = {}
        for route in router.routes:
            if isinstance(route, Route) and route.param_convertors:
                self._by_beginning.setdefault(route.path.partition("{")[0], []).append(route)
            elif isinstance(route, Route):
                self._resources[route.path] = route.app
        self._longest = max(map(len, self._by_beginning), default=0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._router(scope, receive, send)
            return
        resource = self._resources.get(scope["path"])
        if resource is None:
            resource = self._with_parameters(scope) or self._router
        else:
            scope["path_params"] = {}
        await resource(scope, receive, send)

    def _with_parameters(self, scope: Scope) -> ASGIApp | None:
        """The resource whose path fits, the longest beginning first; its parameters are in the scope then."""
        # No further than routes begin: each part of a path of thousands would copy all before it.
        beginning: str = scope["path"][: self._longest + 1]
        while beginning:
            beginning = beginning[: beginning.rfind("/", 0, -1) + 1]
            for route in self._by_beginning.get(beginning, ()):
                match, found = route.matches(scope)
                if match is Match.FULL:
                    scope.update(found)
                    return route.app
        return None


async def answer_not_found(scope: Scope, receive: Receive, send: Send) -> None:
    """The ASGI application of every path that is not there."""
    await failed(NotFound(), request_id(scope))(scope, receive, send)


def request_id(scope: Scope) -> str:
    """The id that the outermost layer has given a request."""
    found: str = scope["state"]["request_id"]
    return found


def known_error(raised: Exception, scope: Scope) -> NumberdeskError:
    """The error of the tree that a client is told. What is not of the tree is logged and hidden."""
    if isinstance(raised, NumberdeskError):
        return raised
    where = {"request_id": request_id(scope), "path": scope["path"]}
    if isinstance(raised, StorageFailedError):
        get_log().warning("storage failed", **where, reason=str(raised))
        if isinstance(raised, CommitUnknownError):
            return Overloaded(_UNKNOWN)
        return Overloaded(_NOT_READ if scope["method"] in ("GET", "HEAD") else _NOT_TAKEN)
    get_log().error("request failed", **where, exc_info=raised)
    return Internal()


def _challenge(error: NumberdeskError, scope: Scope) -> dict[str, str] | None:
    """Where senders know HTTP Basic alone they are asked for it."""
    asked = isinstance(error, InvalidApiKey) and takes_basic(scope["path"].removeprefix(BASE))
    return {"WWW-Authenticate": CHALLENGE} if asked else None


def import_endpoints(package: ModuleType) -> None:
    """Import every module below a package: importing declares endpoints, so there is no list to keep."""
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        importlib.import_module(module.name)


def endpoint_routes(entry_point: EntryPoint) -> list[Route]:
    """A route for each path of the declared endpoints. Fixed paths come before those with parameters."""
    by_path: dict[str, list[Endpoint]] = {}
    for described in ENDPOINTS:
        for path in (described.path, *described.other_paths):
            by_path.setdefault(BASE + path, []).append(described)
    return [
        Route(path, Resource({each.method: partial(respond, each, entry_point) for each in by_path[path]}, path))
        for path in sorted(by_path, key=lambda path: path.count("{"))
    ]


def page_routes(pages: Mapping[str, Page]) -> list[Route]:
    """Routes of paths that anybody may GET."""
    return [Route(path, Resource({"GET": partial(_show, page)}, path)) for path, page in pages.items()]


async def _show(page: Page, *_: object) -> Response:
    return await page()
