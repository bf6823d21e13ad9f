"""The console as an ASGI application: who is there, what was asked for, and a page for every error.

Touches: nothing.
"""

from __future__ import annotations

import mimetypes
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import partial
from typing import Final
from urllib.parse import quote

from starlette.responses import Response
from starlette.routing import Route, Router, compile_path
from starlette.types import ASGIApp, Receive, Scope, Send

from numberdesk.accounts.session_store import Signed, find_signed
from numberdesk.api.app import build_app
from numberdesk.api.client_address import client_address
from numberdesk.api.endpoint import EntryPoint, require_right
from numberdesk.api.errors import STATUSES
from numberdesk.api.request_body import Headers
from numberdesk.api.routing import import_endpoints, known_error, request_id
from numberdesk.console import pages
from numberdesk.console.filling import filled_in
from numberdesk.console.forms import Form, parse_fields, read_form
from numberdesk.console.guards import Origin, origin_of, read_cookie, refuse_forged
from numberdesk.console.imports import Imports
from numberdesk.console.kept_forms import KeptForm, kept, read_kept, refuse_form_of_others, shown_to
from numberdesk.console.passwords import PasswordChecks
from numberdesk.console.rehearsal import Rehearsal, Stage
from numberdesk.console.rendering import SECURITY, STATIC, page, page_of, redirect
from numberdesk.console.screens import ROOT, SCREENS, Screen, menu_of
from numberdesk.console.signing import Arrival, SignInPages
from numberdesk.console.visit import Visit, endpoint_named
from numberdesk.core.errors import InvalidApiKey, MethodNotAllowed, NotFound, NumberdeskError
from numberdesk.flows.accounts.sign_in import IDLE, SEEN_EVERY, Seen, keep_sessions, token_hash
from numberdesk.wiring import Services

import_endpoints(pages)

Answer = Callable[[Scope, Receive], Awaitable[Response]]

_FOR_EVER: Final = "public, max-age=31536000, immutable"
_TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", ".txt": "text/plain"}


def build_site(services: Services, stage: Stage | None = None) -> ASGIApp:
    """The API and, beside it, the console, to which `/` leads; `stage` is there where a demo runs."""
    return build_app(services, front=f"{ROOT}/", beside={ROOT: partial(Console, stage=stage)})


class Console:
    """Answers everything below /console."""

    def __init__(self, entry_point: EntryPoint, stage: Stage | None = None) -> None:
        self._entry_point = entry_point
        self._rehearsal = None if stage is None else Rehearsal(stage)
        self._services = entry_point.services
        self._passwords = PasswordChecks()
        self._signing = SignInPages(entry_point, self._passwords)
        self._imports = Imports()
        by_path: dict[str, dict[str, Answer]] = {}
        screens = [each for each in SCREENS if stage is not None or not each.only_demo]
        for each in screens:
            by_path.setdefault(each.path, {})[each.method] = partial(self._visit, each)
        for (method, path), answer in self._signing.openers.items():
            by_path.setdefault(ROOT + path, {})[method] = partial(self._open, answer)
        routes = [
            Route(path, _Page(by_path[path])) for path in sorted(by_path, key=lambda path: (path.count("{"), path))
        ]
        shown = sorted((each for each in screens if each.method == "GET"), key=lambda each: each.path.count("{"))
        self._shown = [(compile_path(each.path)[0], each) for each in shown]
        static = Route(f"{ROOT}/static/{{name:path}}", _Page({"GET": _static}))
        self._router = Router([static, *routes], redirect_slashes=False, default=_answer_not_found)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        await self._router(scope, receive, send)

    async def _open(self, answer: Callable[[Arrival], Awaitable[Response]], scope: Scope, receive: Receive) -> Response:
        """A page for whoever is not signed in yet."""
        headers = dict(scope["headers"])
        origin = self._origin(scope, headers)
        form: Form = {}
        if scope["method"] == "POST":
            refuse_forged(origin, headers)
            form = await read_form(headers, receive, self._services.settings.body_limit_bytes)
        query = parse_fields(scope["query_string"].decode("latin-1"), "query")
        address = client_address(scope, self._services.settings.trusted_proxies)
        arrival = Arrival(origin, headers, query, form, address, self._services.now())
        response = await answer(arrival)
        sent = read_kept(arrival.form.get("kept", [""])[-1])
        if sent is None or response.status_code != 303 or "set-cookie" not in response.headers:  # noqa: PLR2004  goes on
            return response
        return await self._form_again(sent, response, scope, receive)

    async def _form_again(self, sent: KeptForm, entered: Response, scope: Scope, receive: Receive) -> Response:
        """The page with the form that was sent after a session, filled in, for the one to whom it was shown."""
        cookie = entered.headers["set-cookie"]
        others = [(name, value) for name, value in scope["headers"] if name not in (b"cookie", b"hx-request")]
        headers = [*others, (b"cookie", cookie.partition(";")[0].encode("latin-1"))]
        for path, query in sent.pages():
            at = self._screen_at(path)
            if at is None:
                continue
            asked = {**scope, "method": "GET", "path": path, "query_string": query.encode(), "headers": headers}
            asked |= {"path_params": at[1], "state": dict(scope["state"])}
            try:
                found = await self._visit(at[0], asked, receive)
            except NumberdeskError:
                continue
            signed: Signed | None = asked["state"].get("signed")
            if signed is None or shown_to(signed.caller) != sent.shown_to:
                return redirect(f"{ROOT}/", cookie)
            html = filled_in(bytes(getattr(found, "body", b"")).decode(), sent.action, sent.fields)
            if html is not None:
                return page_of(html, found.status_code, cookie)
        return entered

    def _screen_at(self, path: str) -> tuple[Screen, dict[str, str]] | None:
        """The page at a path, with the fields of its path."""
        for pattern, each in self._shown:
            found = pattern.match(path)
            if found is not None:
                return each, found.groupdict()
        return None

    async def _ask_to_sign_in(self, screen: Screen, scope: Scope, receive: Receive, origin: Origin) -> Response:
        """To sign in; what was sent by a form goes along."""
        headers, limit = dict(scope["headers"]), self._services.settings.body_limit_bytes
        text = None
        if screen.method != "GET" and screen.reads_form:
            with suppress(NumberdeskError):
                text = kept(scope["path"], await read_form(headers, receive, limit), origin, headers, limit)
        return _to_sign_in(scope) if text is None else self._signing.show_over(text, origin)

    async def _visit(self, screen: Screen, scope: Scope, receive: Receive) -> Response:
        """A page for whoever is signed in."""
        headers = dict(scope["headers"])
        origin = self._origin(scope, headers)
        if screen.method != "GET":
            refuse_forged(origin, headers)
        signed = await self._signed(origin, headers)
        if signed is None:
            return await self._ask_to_sign_in(screen, scope, receive, origin)
        scope["state"]["signed"] = signed
        scope["state"]["demo"] = self._rehearsal is not None
        for name in screen.asks:
            require_right(endpoint_named(name), signed.caller)
        self._entry_point.rate_limits.spend(signed.caller.account_id, signed.caller.key_id)
        form: Form = {}
        if screen.method != "GET" and screen.reads_form:
            form = await read_form(headers, receive, self._services.settings.body_limit_bytes)
            refuse_form_of_others(form, signed.caller)
        return await screen.show(
            Visit(
                self._entry_point,
                signed,
                request_id(scope),
                self._services.now(),
                scope["path_params"],
                scope["path"],
                parse_fields(scope["query_string"].decode("latin-1"), "query"),
                form,
                headers,
                receive,
                self._passwords,
                self._imports,
                origin,
                self._rehearsal,
                client_address(scope, self._services.settings.trusted_proxies),
            )
        )

    def _origin(self, scope: Scope, headers: Headers) -> Origin:
        return origin_of(self._services.settings.public_url, headers, scope["scheme"])

    async def _signed(self, origin: Origin, headers: Headers) -> Signed | None:
        token = read_cookie(origin, headers)
        if token is None:
            return None
        hashed, now = token_hash(token), self._services.now()
        signed = await self._services.reader.look_up(lambda tx: find_signed(tx, hashed, now, IDLE))
        if signed is not None and signed.session.seen_at + SEEN_EVERY < now:
            await self._services.writer.submit(keep_sessions, Seen(hashed, now))
        return signed


class _Page:
    """The ASGI application of one path of the console."""

    def __init__(self, answers: Mapping[str, Answer]) -> None:
        self._answers = dict(answers)
        if "GET" in answers:
            self._answers["HEAD"] = answers["GET"]
        self._allow = {"Allow": ", ".join(sorted(self._answers))}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens."""
        answer = self._answers.get(scope["method"])
        try:
            if answer is None:
                response = _failed(MethodNotAllowed(), scope, self._allow)
            else:
                response = await answer(scope, receive)
        except Exception as error:  # noqa: BLE001  whatever it is, the browser gets a page
            response = _failed(known_error(error, scope), scope)
        await response(scope, receive, send)


async def _answer_not_found(scope: Scope, receive: Receive, send: Send) -> None:
    await _failed(NotFound("There is no such page."), scope)(scope, receive, send)


def _failed(error: NumberdeskError, scope: Scope, headers: Mapping[str, str] | None = None) -> Response:
    """The page of an error, with the menu of whoever is signed in."""
    if isinstance(error, InvalidApiKey):
        return _to_sign_in(scope)
    signed: Signed | None = scope["state"].get("signed")
    menu = {} if signed is None else menu_of(signed.caller, demo=scope["state"].get("demo", False))
    answer = page(
        "error.html", STATUSES[error.code], error=error, menu=menu, signed=signed, request_id=request_id(scope)
    )
    answer.headers.update(headers or {})
    return answer


def _to_sign_in(scope: Scope) -> Response:
    """To sign in, and after that to the page that was asked for, or to the one that a form was on."""
    if (b"hx-request", b"true") in scope["headers"]:  # a part of a page: the page itself is asked for anew
        return Response(headers={**SECURITY, "Cache-Control": "no-store", "HX-Refresh": "true"})
    wanted = scope["path"]
    if scope["method"] == "GET" and scope["query_string"]:
        wanted += f"?{scope['query_string'].decode('latin-1')}"
    if scope["method"] != "GET":
        return redirect(f"{ROOT}/sign-in?over=1")
    return redirect(f"{ROOT}/sign-in?next={quote(wanted, safe='')}" if wanted != ROOT else f"{ROOT}/sign-in")


async def _static(scope: Scope, _: Receive) -> Response:
    """A file that pages load."""
    name = scope["path_params"]["name"]
    found = _files().get(name)
    if found is None:
        raise NotFound("There is no such file.")
    kind = _TYPES.get(f".{name.rpartition('.')[2]}") or mimetypes.guess_type(name)[0]
    return Response(found, media_type=kind, headers={**SECURITY, "Cache-Control": _FOR_EVER})


def _files() -> dict[str, bytes]:
    """The files that pages load, by name: none is found by a name that leads elsewhere."""
    if not _LOADED:
        _LOADED.update({str(path.relative_to(STATIC)): path.read_bytes() for path in STATIC.rglob("*.*")})
    return _LOADED


_LOADED: Final[dict[str, bytes]] = {}
