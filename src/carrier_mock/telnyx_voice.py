"""Where calls to Telnyx's numbers go: their connection and forwarding, FQDN connections, TeXML applications.

Touches: nothing.

These are not in the trimmed specification: names and shapes are those of the types of Telnyx's own Python client.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from carrier_mock import telnyx_shapes as shapes
from carrier_mock.exchange import Call, Request, Response, json_answer
from carrier_mock.holdings import Holdings
from carrier_mock.model import Account, Holding, Operation, as_digits
from carrier_mock.telnyx_shapes import error
from carrier_mock.voice import FQDN, FQDN_CONNECTION, TEXML_APPLICATION, Thing
from numberdesk.core.phone import PhoneError, parse_e164

ROOTS: Final = ("/fqdn_connections", "/fqdns", "/texml_applications")
"""How paths begin that are answered here."""

_NOT_FOUND: Final = error(404, 10005, "Resource not found", "The requested resource or URL could not be found.")
_NOT_ALLOWED: Final = error(405, 10030, "Method not allowed", "The URL is valid, but the method is not allowed.")
_KINDS: Final = {"fqdn_connections": FQDN_CONNECTION, "fqdns": FQDN, "texml_applications": TEXML_APPLICATION}
_NEEDED: Final = {
    FQDN_CONNECTION: ("connection_name",),
    FQDN: ("connection_id", "fqdn", "dns_record_type"),
    TEXML_APPLICATION: ("friendly_name", "voice_url"),
}
_DEFAULTS: Final[dict[str, dict[str, Any]]] = {
    FQDN_CONNECTION: {"active": True, "transport_protocol": "UDP", "encrypted_media": None, "inbound": {}},
    FQDN: {"port": None},
    TEXML_APPLICATION: {"active": True, "voice_method": "post", "voice_fallback_url": ""},
}
_LONGEST_NAME: Final = 15
_NO_LISTING: Final = {"cnam_listing_enabled": False, "cnam_listing_details": None}
_FORWARDING: Final = {"call_forwarding_enabled": True, "forwards_to": "", "forwarding_type": ""}


class TelnyxVoice:
    """Settings of numbers, connections and applications, over `holdings`."""

    def __init__(self, holdings: Holdings) -> None:
        self._holdings = holdings
        self._wires = holdings.books.wires

    def of_number(self, request: Request, account: Account, holding: Holding) -> Call | Response:
        """What a request about the voice of a number is for."""
        if request.method == "GET":
            return Call(account, Operation.CONNECT, (holding.e164,), lambda _: self._voice(holding))
        if request.method != "PATCH":
            return _NOT_ALLOWED
        given = _body(request)
        if given is None:
            return _unprocessable("the body is no object")
        changes: dict[str, Any] = {name: given[name] for name in ("cnam_listing",) if given.get(name)}
        forwarding = {**_FORWARDING, **(given.get("call_forwarding") or {})}
        if given.get("call_forwarding"):
            changes["call_forwarding"] = forwarding
        if len(str(changes.get("cnam_listing", {}).get("cnam_listing_details") or "")) > _LONGEST_NAME:
            return _unprocessable("cnam_listing_details has at most 15 characters")
        if forwarding["forwards_to"] and not _is_e164(forwarding["forwards_to"]):
            return _unprocessable("forwards_to must be in +E.164 format")

        def run() -> Response:
            self._holdings.wire(holding, changes)
            return self._voice(holding)

        return Call(account, Operation.CONNECT, (holding.e164,), lambda _: run())

    def emergency(self, request: Request, account: Account, holding: Holding) -> Call | Response:
        """An address for emergency calls is given to a number, or taken off it."""
        given = _body(request) or {}
        address, enabled = given.get("emergency_address_id"), given.get("emergency_enabled")
        if not isinstance(address, str) or not address or not isinstance(enabled, bool):
            return _unprocessable("emergency_enabled and emergency_address_id are required")

        def run() -> Response:
            kept = {"emergency_address_id": address if enabled else None, "emergency_enabled": enabled}
            settings = {**kept, "emergency_status": "active" if enabled else "disabled"}
            self._holdings.wire(holding, {"emergency": settings})
            return self._voice(holding)

        return Call(account, Operation.CONNECT, (holding.e164,), lambda _: run())

    def connect(
        self, request: Request, account: Account, holding: Holding, show: Callable[[], dict[str, Any]]
    ) -> Call | Response:
        """A change of a number: the connection that it belongs to, "" for none."""
        given = _body(request)
        if given is None:
            return _unprocessable("the body is no object")
        connection = given.get("connection_id", self._wires.of(holding.number_id).get("connection_id"))
        if connection and not any(self._wires.thing(account, kind, connection) for kind in _KINDS.values()):
            return _unprocessable("connection_id is of no connection")

        def run() -> Response:
            self._holdings.wire(holding, {"connection_id": connection or None})
            return json_answer(200, {"data": show()})

        return Call(account, Operation.CONNECT, (holding.e164,), lambda _: run())

    def understand(self, request: Request, account: Account, parts: list[str], now: int, token: str) -> Call | Response:
        """What a request for connections, their FQDNs and applications is for."""
        kind = _KINDS[parts[0]]
        handlers: dict[str, Callable[[], Response]] = {}
        if len(parts) == 1:
            handlers["GET"] = lambda: self._listed(request, account, kind)
            handlers["POST"] = lambda: self._made(request, account, kind, now, token)
        else:
            thing = self._wires.thing(account, kind, parts[1])
            if thing is None or len(parts) > 2:  # noqa: PLR2004  a collection and an id
                return _NOT_FOUND
            handlers["GET"] = lambda: json_answer(200, {"data": _view(thing)})
            handlers["PATCH"] = lambda: self._changed(request, thing)
            handlers["DELETE"] = lambda: self._dropped(thing)
        handler = handlers.get(request.method)
        return _NOT_ALLOWED if handler is None else Call(account, Operation.CONNECT, (), lambda _: handler())

    def _voice(self, holding: Holding) -> Response:
        wired = self._wires.of(holding.number_id)
        data = {
            "id": holding.number_id,
            "record_type": "voice_settings",
            "phone_number": holding.e164,
            "connection_id": wired.get("connection_id"),
            "customer_reference": holding.reference or None,
            "tech_prefix_enabled": False,
            "translated_number": "",
            "call_forwarding": wired.get("call_forwarding", _FORWARDING),
            "cnam_listing": wired.get("cnam_listing", _NO_LISTING),
        }
        return json_answer(200, {"data": data})

    def _listed(self, request: Request, account: Account, kind: str) -> Response:
        found = self._wires.things(account, kind)
        for name, field in (("filter[connection_id]", "connection_id"), ("filter[friendly_name]", "friendly_name")):
            if wanted := request.first(name):
                found = [each for each in found if each.settings.get(field) == wanted]
        if part := request.first("filter[connection_name][contains]").lower():
            found = [each for each in found if part in str(each.settings.get("connection_name", "")).lower()]
        meta = {"page_number": 1, "page_size": max(1, len(found)), "total_pages": 1, "total_results": len(found)}
        return json_answer(200, {"data": [_view(each) for each in reversed(found)], "meta": meta})

    def _made(self, request: Request, account: Account, kind: str, now: int, token: str) -> Response:
        given = _body(request)
        if given is None or not all(given.get(name) for name in _NEEDED[kind]):
            return _unprocessable(f"{', '.join(_NEEDED[kind])} must be given")
        parent = given["connection_id"] if kind == FQDN else ""
        if kind == FQDN and self._wires.thing(account, FQDN_CONNECTION, parent) is None:
            return _unprocessable("connection_id is of no FQDN connection")
        if kind == FQDN and (given.get("port") is None) != (given["dns_record_type"] == "srv"):
            return _unprocessable("dns_record_type must be srv without a port and a with one")
        thing = Thing(kind, as_digits(token), account, parent, now, {**_DEFAULTS[kind], **given})
        self._holdings.put(thing)
        return json_answer(201, {"data": _view(thing)})

    def _changed(self, request: Request, thing: Thing) -> Response:
        given = _body(request)
        if given is None:
            return _unprocessable("the body is no object")
        settings = {**thing.settings, **given}
        if "inbound" in given:
            settings["inbound"] = {**thing.settings.get("inbound", {}), **given["inbound"]}
        self._holdings.put(thing._replace(settings=settings))
        return json_answer(200, {"data": _view(thing._replace(settings=settings))})

    def _dropped(self, thing: Thing) -> Response:
        self._holdings.drop(thing.thing_id)
        return json_answer(200, {"data": _view(thing)})


def _view(thing: Thing) -> dict[str, Any]:
    at = shapes.timestamp(thing.at)
    return {"id": thing.thing_id, "record_type": thing.kind, **thing.settings, "created_at": at, "updated_at": at}


def _body(request: Request) -> dict[str, Any] | None:
    try:
        given = msgspec.json.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return given if isinstance(given, dict) else None


def _unprocessable(detail: str) -> Response:
    return error(422, 10027, "Unprocessable Entity", detail)


def _is_e164(text: str) -> bool:
    try:
        return parse_e164(text) == text
    except PhoneError:
        return False
