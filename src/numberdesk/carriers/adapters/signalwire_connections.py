"""Where calls to SignalWire's numbers go: the handler of a number, or a SIP gateway that is assigned to it.

Touches: nothing.

A number's own settings know webhooks and what the space has; a SIP gateway is set by the Fabric interface, and a number
that has one shows it as its handler. The gateway is made for a connection and found by its name. There is no word for
"no handler" in a change: a number that is connected to nothing has the handler for webhooks without an address.
https://developer.signalwire.com/rest/signalwire-rest/endpoints
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

import msgspec

from numberdesk.carriers.adapters.connecting import (
    CannotBeSetError,
    another,
    name_of,
    not_ours,
    shown_url,
    shows_else,
    still_there,
    succeeded,
)
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, refused
from numberdesk.carriers.adapters.number_settings import Keeper
from numberdesk.carriers.adapters.reading import PageLinks
from numberdesk.carriers.adapters.signalwire_settings import SignalWireSettings
from numberdesk.carriers.adapters.sip_targets import addresses_of, require_format, require_no_login
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import (
    NativeRoute,
    NumberFormat,
    ShownRouting,
    SipRoute,
    Srtp,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)

_NUMBERS: Final = "/api/relay/rest/phone_numbers"
_RESOURCES: Final = "/api/fabric/resources"
_GATEWAYS: Final = f"{_RESOURCES}/sip_gateways"
_LARGEST_PAGE: Final = "1000"
_MOST_PAGES: Final = 50
_MOST_DELETED: Final = 5
_OK, _NOT_FOUND = range(200, 300), 404
_ID: Final = re.compile(r"[0-9a-zA-Z-]{1,64}", re.ASCII)
_NAME: Final = re.compile(r"[!-~]{1,100}", re.ASCII)
_PAGES: Final = PageLinks("page_number", "page_token")

_LAML, _SWML, _GATEWAY = "laml_webhooks", "relay_script", "sip_gateway"
_OBJECTS: Final = {
    "laml_application": "call_laml_application_id",
    "relay_application": "call_relay_application",
    "relay_topic": "call_relay_topic",
    "relay_connector": "call_relay_connector_id",
    "relay_sip_endpoint": "call_sip_endpoint_id",
    "video_room": "call_video_room_id",
    "dialogflow": "call_dialogflow_agent_id",
}
"""The handlers for what a space has, and where the id of each stands."""

_ENCRYPTION: Final = {Srtp.NONE: "default", Srtp.ALLOW: "optional", Srtp.REQUIRE: "required"}
_CIPHERS: Final = ("AEAD_AES_256_GCM_8", "AES_256_CM_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_80")
_CODECS: Final = ("OPUS", "G722", "PCMU", "PCMA")


class _Numbers(msgspec.Struct):
    data: list[dict[str, Any]]


class _Gateway(msgspec.Struct):
    uri: str
    encryption: str | None = None


class _Resource(msgspec.Struct):
    id: str
    display_name: str
    sip_gateway: _Gateway


class _Links(msgspec.Struct):
    next: str | None = None


class _Resources(msgspec.Struct):
    data: list[_Resource]
    links: _Links


class _Wanted(NamedTuple):
    """What is wanted in SignalWire's terms: the settings of a number, or a gateway's address and encryption."""

    settings: tuple[tuple[str, str], ...] = ()
    uri: str = ""
    encryption: str = ""


class SignalWireConnector:
    """Sets and shows where the calls to one project's numbers go."""

    def __init__(self, api: CarrierHttpApi) -> None:
        self._api = api
        self.keeper: Keeper = SignalWireSettings(api, self)

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:
        """Set where calls go, and see that the number shows it."""
        asked = _asked_for(wanted)
        line = await self.line(e164, number_id)
        path = f"{_NUMBERS}/{line['id']}"
        if asked.uri:
            made = await self._made(name_of(wanted.connection_id), asked)
            if not _has_gateway(line, made):
                body = {"phone_route_id": line["id"], "handler": "calling"}
                answer = await self._api.read(Call("POST", f"{_RESOURCES}/{made}/phone_routes", json=body))
                succeeded(answer, dict[str, Any])
                line = await self.line(e164, line["id"])
                if not _has_gateway(line, made):
                    raise shows_else(_in_words(line))
            return made
        if not _is_set(line, asked):
            answer = await self._api.read(Call("PUT", path, json=dict(asked.settings)))
            line = succeeded(answer, dict[str, Any])
            if line.get("number") != e164 or not _is_set(line, asked):
                raise shows_else(_in_words(line))
        return ""

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What the number shows; where a SIP target is wanted, also what its gateway does."""
        asked = _asked_for(wanted)
        line = await self.line(e164, number_id)
        if not asked.uri:
            return ShownRouting(_in_words(line), as_wanted=_is_set(line, asked))
        found = await self._found(name_of(wanted.connection_id))
        if found is None or not _has_gateway(line, found.id):
            return ShownRouting(_in_words(line), as_wanted=False)
        text = f"SIP to {found.sip_gateway.uri}, encryption {found.sip_gateway.encryption}"
        return ShownRouting(text, as_wanted=_is_gateway(found, asked))

    async def forget(self, connection_id: str) -> None:
        """Remove the gateways that were made for a connection."""
        for _ in range(_MOST_DELETED):
            found = await self._found(name_of(connection_id))
            if found is None:
                return
            answer = await self._api.read(Call("DELETE", f"{_GATEWAYS}/{_checked(found.id)}"))
            if answer.status not in _OK and answer.status != _NOT_FOUND:
                raise refused(answer)
        raise still_there()

    async def line(self, e164: str, number_id: str | None) -> dict[str, Any]:
        """A number with its settings; its id can stand in a path. Raises CarrierError."""
        if number_id is not None and _ID.fullmatch(number_id):
            answer = await self._api.read(Call("GET", f"{_NUMBERS}/{number_id}"))
            if answer.status == _NOT_FOUND:
                raise not_ours()
            line = succeeded(answer, dict[str, Any])
            if line.get("number") != e164:
                raise another(str(line.get("number")))
        else:
            query = [("filter_number", e164), ("page_size", _LARGEST_PAGE)]
            listed = succeeded(await self._api.read(Call("GET", _NUMBERS, query=query)), _Numbers).data
            found = next((one for one in listed if one.get("number") == e164), None)
            if found is None:
                raise not_ours()
            line = found
        return {**line, "id": _checked(line.get("id"))}

    async def _made(self, name: str, asked: _Wanted) -> str:
        """The gateway of a connection as it is wanted: found by its name, else made; changed where it differs."""
        found = await self._found(name)
        body = {"name": name, "uri": asked.uri, "encryption": asked.encryption, "ciphers": _CIPHERS, "codecs": _CODECS}
        if found is None:
            found = succeeded(await self._api.make(Call("POST", _GATEWAYS, json=body)), _Resource)
        elif not _is_gateway(found, asked):
            call = Call("PATCH", f"{_GATEWAYS}/{_checked(found.id)}", json=body)
            found = succeeded(await self._api.read(call), _Resource)
        if found.display_name != name or not _is_gateway(found, asked):
            raise shows_else("another gateway than was asked for")
        return _checked(found.id)

    async def _found(self, name: str) -> _Resource | None:
        """A gateway by its name. Raises CarrierError unless all were looked at."""
        cursor: str | None = None
        for _ in range(_MOST_PAGES):
            answer = await self._api.read(Call("GET", _GATEWAYS, query=_PAGES.query_of(cursor)))
            page = succeeded(answer, _Resources)
            found = next((one for one in page.data if one.display_name == name), None)
            cursor = _PAGES.cursor_in(page.links.next)
            if found is not None or cursor is None:
                return found
        raise CarrierError(Trouble.UNREADABLE, "the list of gateways does not end")


def _asked_for(wanted: WantedConnection) -> _Wanted:
    """What is wanted in SignalWire's terms. Raises CannotBeSetError."""
    route = wanted.route
    if route is None:
        return _Wanted((("call_handler", _LAML), ("call_request_url", ""), ("call_fallback_url", "")))
    if isinstance(route, WebhookRoute):
        return _Wanted(_webhook(route))
    if isinstance(route, NativeRoute):
        field = _OBJECTS.get(route.object_kind)
        if field is None or not _NAME.fullmatch(route.object_id):
            raise CannotBeSetError(f"at this carrier calls go to the id of one of {', '.join(_OBJECTS)}")
        return _Wanted((("call_handler", route.object_kind), (field, route.object_id)))
    if isinstance(route, SipRoute):
        return _sip(route)
    raise CannotBeSetError("this carrier cannot forward a number to another one by itself; use a webhook that does")


def _webhook(route: WebhookRoute) -> tuple[tuple[str, str], ...]:
    if route.dialect is WebhookDialect.TWIML:
        urls = (("call_request_url", route.url), ("call_request_method", route.method))
        fallback = (("call_fallback_url", route.fallback_url), ("call_fallback_method", route.method))
        return (("call_handler", _LAML), *urls, *fallback)
    if route.dialect is not WebhookDialect.SWML:
        raise CannotBeSetError("this carrier's webhooks are answered in TwiML or in SWML")
    if route.fallback_url or route.method != "POST":
        raise CannotBeSetError("this carrier asks a webhook for SWML by POST, and has no second address for it")
    return (("call_handler", _SWML), ("call_relay_script_url", route.url))


def _sip(route: SipRoute) -> _Wanted:
    require_no_login(route)
    require_format(route, NumberFormat.E164)
    (target, address), *others = addresses_of(route)
    if others:
        raise CannotBeSetError("this carrier sends the calls to a number to a single SIP target")
    return _Wanted(uri=address.uri().removeprefix("sip:"), encryption=_ENCRYPTION[target.srtp])


def _is_set(line: dict[str, Any], asked: _Wanted) -> bool:
    """Whether a number shows settings; one without an address of a webhook is connected to nothing."""
    if dict(asked.settings).get("call_request_url") == "":
        return _is_nothing(line)
    return all((line.get(name) or "") == value for name, value in asked.settings if not _goes_with(name, asked))


def _goes_with(name: str, asked: _Wanted) -> bool:
    """How a second address is asked, where there is none."""
    return name == "call_fallback_method" and not dict(asked.settings)["call_fallback_url"]


def _is_nothing(line: dict[str, Any]) -> bool:
    return not line.get("call_handler") or (line["call_handler"] == _LAML and not line.get("call_request_url"))


def _has_gateway(line: dict[str, Any], gateway: str) -> bool:
    return line.get("call_handler") == _GATEWAY and line.get("calling_handler_resource_id") == gateway


def _is_gateway(found: _Resource, asked: _Wanted) -> bool:
    shown = found.sip_gateway.uri.removeprefix("sip:")
    return (shown, found.sip_gateway.encryption) == (asked.uri, asked.encryption)


def _in_words(line: dict[str, Any]) -> str:
    if _is_nothing(line):
        return "nothing"
    handler = str(line["call_handler"])[:40]
    url = line.get({_LAML: "call_request_url", _SWML: "call_relay_script_url"}.get(handler, ""))
    if isinstance(url, str):
        return f"a webhook at {shown_url(url)}"
    return f"the handler {handler.replace('_', ' ')}"


def _checked(identity: Any) -> str:
    """An id that can stand in a path. Raises CarrierError."""
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        raise CarrierError(Trouble.UNREADABLE, "an id cannot be read")
    return identity
