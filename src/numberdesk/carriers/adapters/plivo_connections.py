"""Where calls to Plivo's numbers go: an application, of which an inbound trunk of its SIP trunking is one.

Touches: nothing.

A number has an `app_id`, which is that of an application or of a trunk. A webhook is an application, SIP targets
are the first and the second URI of a trunk: both are made for a connection and found by their names. Plivo documents
the API of its SIP trunking nowhere and has it in no library; the shapes are those that its users' programs have.
https://www.plivo.com/docs/numbers/api/account-phone-number, https://www.plivo.com/docs/voice/api/application
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

from numberdesk.carriers.adapters.connecting import (
    CannotBeSetError,
    name_of,
    not_ours,
    shown_url,
    shows_else,
    still_there,
    succeeded,
)
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, Shape, refused
from numberdesk.carriers.adapters.number_settings import Keeper, KeepsNothing
from numberdesk.carriers.adapters.reading import digits_of, item_of
from numberdesk.carriers.adapters.sip_targets import (
    addresses_of,
    require_format,
    require_no_login,
    require_no_user,
    secured,
)
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import (
    NativeRoute,
    NumberFormat,
    ShownRouting,
    SipRoute,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.infra.http import HttpResponse

_PAGE: Final = 20
_MOST_PAGES: Final = 100
_MOST_DELETED: Final = 5
_OK, _NOT_FOUND = range(200, 300), 404
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}", re.ASCII)
_OBJECTS: Final = ("application", "trunk")
_URIS, _TRUNKS, _APPLICATIONS = "Zentrunk/URI/", "Zentrunk/Trunk/", "Application/"
_ENABLED: Final = "enabled"

_NO_ADDRESS: Final = "this carrier has no emergency addresses that a program could set"
_NO_NAME: Final = "this carrier shows no caller names that a program could set: its cnam_lookup is for incoming calls"


class _Line(msgspec.Struct):
    number: str | int
    application: str | None = None

    @property
    def app_id(self) -> str:
        """The id at the end of the path that it shows; "" for nothing."""
        return (self.application or "").rstrip("/").rpartition("/")[2]


class _Meta(msgspec.Struct):
    total_count: int | None = None


class _Page(msgspec.Struct):
    objects: list[msgspec.Raw]
    meta: _Meta | None = None


class _Uri(msgspec.Struct):
    uri_uuid: str
    name: str = ""
    uri: str = ""


class _Trunk(msgspec.Struct):
    trunk_id: str
    name: str = ""
    trunk_direction: str = ""
    trunk_status: str = _ENABLED
    secure: bool | None = None
    primary_uri_uuid: str | None = None
    fallback_uri_uuid: str | None = None


class _Application(msgspec.Struct):
    app_id: str
    app_name: str = ""
    answer_url: str = ""
    answer_method: str = ""
    fallback_answer_url: str | None = None

    @property
    def webhook(self) -> tuple[str, str, str]:
        """The address that calls are answered from, how it is asked, and the one after it."""
        return self.answer_url, self.answer_method, self.fallback_answer_url or ""


class _Wanted(NamedTuple):
    """What is wanted, in Plivo's terms: URIs of a trunk, an application's webhook, or an id that is there already."""

    uris: tuple[str, ...] = ()
    secure: bool = False
    webhook: tuple[str, str, str] | None = None
    app_id: str = ""


class PlivoConnector:
    """Sets and shows where the calls to one account's numbers go. `account` is the path of the account."""

    def __init__(self, api: CarrierHttpApi, account: str) -> None:
        self._api = api
        self._account = account
        self.keeper: Keeper = KeepsNothing(_NO_ADDRESS, _NO_NAME)

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:  # noqa: ARG002  the digits, again
        """Set where calls go, and see that the number shows it. An update's answer does not say what it did."""
        asked = _asked_for(wanted)
        line = await self._line(e164)
        made = ""
        if asked.uris:
            made = await self._trunk(name_of(wanted.connection_id), asked)
        elif asked.webhook:
            made = await self._application(_application_name(wanted.connection_id), asked.webhook)
        target = made or asked.app_id
        if line.app_id != target:
            body = {"app_id": target or None}
            _require_done(await self._api.read(Call("POST", self._number(e164), json=body)))
            after = await self._line(e164)
            if after.app_id != target:
                raise shows_else("another application" if after.app_id else "nothing")
        return made

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:  # noqa: ARG002  as above
        """What the number shows; where SIP targets or a webhook are wanted, also what was made for them."""
        asked = _asked_for(wanted)
        line = await self._line(e164)
        if asked.uris:
            trunk = await self._found_trunk(name_of(wanted.connection_id))
            if trunk is not None and trunk.trunk_id == line.app_id:
                uris = await self._uris_of(trunk)
                text = f"SIP to {', '.join(uris) or 'no target'}{', with TLS and SRTP' if trunk.secure else ''}"
                return ShownRouting(text, uris == asked.uris and _is_on(trunk) and trunk.secure is asked.secure)
        elif asked.webhook:
            found = await self._found_application(_application_name(wanted.connection_id))
            if found is not None and found.app_id == line.app_id:
                text = f"a webhook at {shown_url(found.answer_url)} by {found.answer_method}"
                return ShownRouting(text, as_wanted=found.webhook == asked.webhook)
        text = "an application or a trunk" if line.app_id else "nothing"
        return ShownRouting(text, as_wanted=not (asked.uris or asked.webhook) and line.app_id == asked.app_id)

    async def forget(self, connection_id: str) -> None:
        """Remove the trunks with their URIs, and the applications, that were made for a connection."""
        name = name_of(connection_id)
        for _ in range(_MOST_DELETED):
            trunk = await self._found_trunk(name)
            uris = [uri for uri in await self._list(_URIS, _Uri) if _is_uri_of(uri, name)]
            application = await self._found_application(_application_name(connection_id))
            if trunk is not None:
                await self._delete(f"{_TRUNKS}{_checked(trunk.trunk_id)}/")
            for uri in uris:
                await self._delete(f"{_URIS}{_checked(uri.uri_uuid)}/")
            if application is not None:
                await self._delete(f"{_APPLICATIONS}{_checked(application.app_id)}/")
            if trunk is None and application is None and not uris:
                return
        raise still_there()

    def _number(self, e164: str) -> str:
        return f"{self._account}Number/{digits_of(e164)}/"

    async def _line(self, e164: str) -> _Line:
        answer = await self._api.read(Call("GET", self._number(e164)))
        if answer.status == _NOT_FOUND:
            raise not_ours()
        line = succeeded(answer, _Line)
        if digits_of(line.number) != digits_of(e164):
            raise CarrierError(Trouble.UNREADABLE, "it answered with another number")
        return line

    async def _trunk(self, name: str, asked: _Wanted) -> str:
        """The trunk of a connection as it is wanted: its URIs first, so that calls always have a way."""
        known = {uri.name: uri for uri in await self._list(_URIS, _Uri)}
        uuids = [await self._uri(known, _uri_name(name, place), uri) for place, uri in enumerate(asked.uris)]
        settings: dict[str, Any] = {"secure": asked.secure, "trunk_status": _ENABLED, "primary_uri_uuid": uuids[0]}
        fallback = uuids[1] if len(uuids) > 1 else None
        trunk = await self._found_trunk(name)
        if trunk is None:
            body = {"name": name, "trunk_direction": "inbound", **settings}
            body |= {"fallback_uri_uuid": fallback} if fallback else {}
            _require_done(await self._api.make(Call("POST", self._account + _TRUNKS, json=body)))
            trunk = await self._found_trunk(name)
        elif not _has(trunk, uuids, asked):
            path = f"{self._account}{_TRUNKS}{_checked(trunk.trunk_id)}/"
            body = {**settings, "fallback_uri_uuid": fallback}
            _require_done(await self._api.read(Call("POST", path, json=body)))
            trunk = await self._found_trunk(name)
        if trunk is None or not _has(trunk, uuids, asked):
            raise shows_else("another trunk than was asked for")
        for place, uri in known.items():
            if _is_uri_of(uri, name) and place not in [_uri_name(name, at) for at in range(len(uuids))]:
                await self._delete(f"{_URIS}{_checked(uri.uri_uuid)}/")
        return _checked(trunk.trunk_id)

    async def _uri(self, known: dict[str, _Uri], name: str, uri: str) -> str:
        """The URI of a trunk's first or second place. Its answer is an id alone."""
        body = {"name": name, "uri": uri, "authentication_needed": False}
        there = known.get(name)
        if there is None:
            answer = await self._api.make(Call("POST", self._account + _URIS, json=body))
            return _checked(succeeded(answer, _Uri).uri_uuid)
        path = f"{self._account}{_URIS}{_checked(there.uri_uuid)}/"
        if there.uri != uri:
            _require_done(await self._api.read(Call("POST", path, json=body)))
        return there.uri_uuid

    async def _application(self, name: str, webhook: tuple[str, str, str]) -> str:
        """The application of a connection as it is wanted. Its answers are ids and words."""
        url, method, fallback = webhook
        settings = {"answer_url": url, "answer_method": method}
        settings |= {"fallback_answer_url": fallback, "fallback_method": method}
        found = await self._found_application(name)
        if found is None:
            body = {"app_name": name, **settings}
            _require_done(await self._api.make(Call("POST", self._account + _APPLICATIONS, json=body)))
            found = await self._found_application(name)
        elif found.webhook != webhook:
            path = f"{self._account}{_APPLICATIONS}{_checked(found.app_id)}/"
            _require_done(await self._api.read(Call("POST", path, json=settings)))
            found = await self._found_application(name)
        if found is None or found.webhook != webhook:
            raise shows_else("another application than was asked for")
        return _checked(found.app_id)

    async def _found_trunk(self, name: str) -> _Trunk | None:
        return next((trunk for trunk in await self._list(_TRUNKS, _Trunk) if trunk.name == name), None)

    async def _found_application(self, name: str) -> _Application | None:
        return next((one for one in await self._list(_APPLICATIONS, _Application) if one.app_name == name), None)

    async def _uris_of(self, trunk: _Trunk) -> tuple[str, ...]:
        known = {uri.uri_uuid: uri.uri for uri in await self._list(_URIS, _Uri)}
        return tuple(known[one] for one in (trunk.primary_uri_uuid, trunk.fallback_uri_uuid) if one in known)

    async def _list(self, path: str, shape: type[Shape]) -> list[Shape]:
        """A whole list. Raises CarrierError."""
        items: list[Shape] = []
        for _ in range(_MOST_PAGES):
            query = [("limit", str(_PAGE)), ("offset", str(len(items)))]
            page = succeeded(await self._api.read(Call("GET", self._account + path, query=query)), _Page)
            items += [item_of(item, shape) for item in page.objects]
            total = page.meta.total_count if page.meta else None
            if len(page.objects) < _PAGE if total is None else len(items) >= total:
                return items
            if not page.objects:
                raise CarrierError(Trouble.UNREADABLE, "a list ends before its own count")
        raise CarrierError(Trouble.UNREADABLE, "a list does not end")

    async def _delete(self, path: str) -> None:
        answer = await self._api.read(Call("DELETE", self._account + path))
        if answer.status not in _OK and answer.status != _NOT_FOUND:
            raise refused(answer)


def _asked_for(wanted: WantedConnection) -> _Wanted:
    """What is wanted in Plivo's terms. Raises CannotBeSetError."""
    route = wanted.route
    if route is None:
        return _Wanted()
    if isinstance(route, NativeRoute):
        if route.object_kind not in _OBJECTS or not _ID.fullmatch(route.object_id):
            raise CannotBeSetError("at this carrier calls go to the id of an application or of a trunk")
        return _Wanted(app_id=route.object_id)
    if isinstance(route, WebhookRoute):
        if route.dialect is not WebhookDialect.PLIVO:
            raise CannotBeSetError("this carrier's webhooks are answered in its own XML")
        return _Wanted(webhook=(route.url, route.method, route.fallback_url))
    if isinstance(route, SipRoute):
        return _sip(route)
    raise CannotBeSetError("this carrier cannot forward a number to another one by itself; use a webhook that does")


def _sip(route: SipRoute) -> _Wanted:
    """A trunk: a first target and one for when that fails."""
    require_no_login(route)
    require_format(route, NumberFormat.E164)
    require_no_user(route)
    addresses = addresses_of(route)
    if len(addresses) > len(("primary", "fallback")):
        raise CannotBeSetError("this carrier sends calls to at most two targets, the second where the first fails")
    if len(addresses) != len({target.priority for target, _ in addresses}):
        raise CannotBeSetError("this carrier does not share calls among targets; give them different priorities")
    uris = tuple(f"{address.host_port}{address.parameters}" for _, address in addresses)
    return _Wanted(uris, secured(route))


def _application_name(connection_id: str) -> str:
    """Names of applications are letters, digits, hyphens and underscores there."""
    return name_of(connection_id).replace(" ", "-")


def _uri_name(name: str, place: int) -> str:
    return f"{name} {place + 1}"


def _is_uri_of(uri: _Uri, name: str) -> bool:
    return uri.name in (_uri_name(name, 0), _uri_name(name, 1))


def _is_on(trunk: _Trunk) -> bool:
    return trunk.trunk_status == _ENABLED and trunk.trunk_direction in ("", "inbound")


def _has(trunk: _Trunk, uuids: list[str], asked: _Wanted) -> bool:
    there = [uuid for uuid in (trunk.primary_uri_uuid, trunk.fallback_uri_uuid) if uuid]
    return there == uuids and trunk.secure is asked.secure and _is_on(trunk)


def _require_done(answer: HttpResponse) -> None:
    """A success, in a document, and not the page of somebody in between. Raises CarrierError."""
    succeeded(answer, dict[str, Any])


def _checked(identity: str) -> str:
    """An id that can stand in a path. Raises CarrierError."""
    if not _ID.fullmatch(identity):
        raise CarrierError(Trouble.UNREADABLE, "an id cannot be read")
    return identity
