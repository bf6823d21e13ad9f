"""Where calls to Telnyx's numbers go: a connection, of which a TeXML application is one, or another number.

Touches: nothing.

SIP targets are the FQDNs of an FQDN connection, a webhook is a TeXML application: both are made for a connection
of ours and found by their names. Forwarding stands beside the connection, and comes first.
https://developers.telnyx.com, under Phone Number Configurations, FQDN Connections and TeXML Applications
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final

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
from numberdesk.carriers.adapters.http_api import Call, CarrierHttpApi, Shape, refused
from numberdesk.carriers.adapters.number_settings import Keeper
from numberdesk.carriers.adapters.reading import item_of
from numberdesk.carriers.adapters.sip_targets import (
    addresses_of,
    require_no_login,
    require_no_user,
    same_for_all,
    secured,
)
from numberdesk.carriers.adapters.telnyx_search import TelnyxPage, checked_id
from numberdesk.carriers.adapters.telnyx_settings import TelnyxSettings
from numberdesk.carriers.port import CarrierError, Trouble
from numberdesk.core.connection import (
    ForwardRoute,
    NativeRoute,
    NumberFormat,
    ShownRouting,
    SipRoute,
    SipTransport,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)

_NUMBERS: Final = "/phone_numbers"
_TRUNKS, _FQDNS, _APPLICATIONS = "/fqdn_connections", "/fqdns", "/texml_applications"
_PAGE_SIZE: Final = "250"
_MOST_DELETED: Final = 5
_OK, _NOT_FOUND = range(200, 300), 404
_NO_LONGER_OURS: Final = ("deleted", "purchase-failed", "ported-out", "port-pending", "port-failed")
_OBJECTS: Final = ("connection", "application")
_LONGEST_ID: Final = 64
_DEFAULT_PORTS: Final = {SipTransport.UDP: 5060, SipTransport.TCP: 5060, SipTransport.TLS: 5061}
_FORMATS: Final = {NumberFormat.E164: "+e164", NumberFormat.PLAIN: "e164", NumberFormat.NATIONAL: "national"}
_PLACES: Final = ("default_primary_fqdn_id", "default_secondary_fqdn_id", "default_tertiary_fqdn_id")


class _Line(msgspec.Struct):
    id: str
    phone_number: str
    status: str | None = None
    connection_id: str | None = None
    emergency_address_id: str | None = None
    emergency_enabled: bool | None = None
    emergency_status: str | None = None


class _Forwarding(msgspec.Struct):
    call_forwarding_enabled: bool | None = None
    forwards_to: str | None = None
    forwarding_type: str | None = None

    @property
    def target(self) -> str:
        """Where all calls go on to; "" where they do not."""
        enabled = self.call_forwarding_enabled is not False and self.forwarding_type == "always"
        return (self.forwards_to or "") if enabled else ""


class _Voice(msgspec.Struct):
    call_forwarding: _Forwarding | None = None


class _Trunk(msgspec.Struct):
    id: str
    connection_name: str
    transport_protocol: str | None = None
    encrypted_media: str | None = None
    inbound: dict[str, Any] = {}


class _Fqdn(msgspec.Struct):
    id: str
    fqdn: str
    dns_record_type: str | None = None
    port: int | None = None


class _Application(msgspec.Struct):
    id: str
    friendly_name: str
    voice_url: str | None = None
    voice_method: str | None = None
    voice_fallback_url: str | None = None


@dataclass(frozen=True, slots=True)
class _Wanted:
    """What is wanted, in Telnyx's terms: hosts with ports, the settings of their connection, or an application's."""

    hosts: tuple[tuple[str, int], ...] = ()
    trunk: dict[str, Any] = field(default_factory=dict)
    inbound: dict[str, Any] = field(default_factory=dict)
    application: dict[str, Any] = field(default_factory=dict)
    connection_id: str = ""
    forwards_to: str = ""


class TelnyxConnector:
    """Sets and shows where the calls to one account's numbers go."""

    def __init__(self, api: CarrierHttpApi) -> None:
        self._api = api
        self.keeper: Keeper = TelnyxSettings(api, self)

    async def connect(self, e164: str, number_id: str | None, wanted: WantedConnection) -> str:
        """Set where calls go, and see that the number shows it. A connection stays behind forwarding."""
        asked = _asked_for(wanted)
        line = await self.line(e164, number_id)
        made = ""
        if asked.hosts:
            made = await self._trunk(wanted.connection_id, asked)
        elif asked.application:
            made = (await self._application(wanted.connection_id, asked)).id
        path = f"{_NUMBERS}/{checked_id(line.id)}"
        target = made or asked.connection_id
        if not asked.forwards_to and (line.connection_id or "") != target:
            line = await self._ask("PATCH", path, _Line, {"connection_id": target})
            if line.phone_number.removeprefix("+") != e164[1:] or (line.connection_id or "") != target:
                raise shows_else("another connection")
        if await self._forwards_to(path) != asked.forwards_to:
            forwarding = {"call_forwarding_enabled": bool(asked.forwards_to), "forwards_to": asked.forwards_to}
            body = {"call_forwarding": {**forwarding, "forwarding_type": "always"}}
            told = await self._ask("PATCH", f"{path}/voice", _Voice, body)
            if (told.call_forwarding or _Forwarding()).target != asked.forwards_to:
                raise shows_else("other forwarding")
        return made

    async def routing(self, e164: str, number_id: str | None, wanted: WantedConnection) -> ShownRouting:
        """What the number shows; where SIP targets or a webhook are wanted, also what was made for them."""
        asked = _asked_for(wanted)
        line = await self.line(e164, number_id)
        forwards_to = await self._forwards_to(f"{_NUMBERS}/{checked_id(line.id)}")
        if forwards_to:
            return ShownRouting(f"forwarded to {forwards_to}", as_wanted=forwards_to == asked.forwards_to)
        there = line.connection_id or ""
        if asked.hosts:
            trunk = await self._found_trunk(name_of(wanted.connection_id))
            if trunk is not None and trunk.id == there:
                return _shown_trunk(trunk, await self._fqdns(trunk.id), asked)
        elif asked.application:
            application = await self._found_application(name_of(wanted.connection_id))
            if application is not None and application.id == there:
                text = f"a webhook at {shown_url(application.voice_url or '')} by {application.voice_method}"
                return ShownRouting(text, as_wanted=_settings_of(application) == asked.application)
        text = "a connection or an application" if there else "nothing"
        is_plain = not (asked.hosts or asked.application or asked.forwards_to)
        return ShownRouting(text, as_wanted=is_plain and there == asked.connection_id)

    async def forget(self, connection_id: str) -> None:
        """Remove the FQDN connections, with their FQDNs, and the applications that were made for a connection."""
        name = name_of(connection_id)
        for _ in range(_MOST_DELETED):
            trunk = await self._found_trunk(name)
            application = await self._found_application(name)
            if trunk is not None:
                for fqdn in await self._fqdns(trunk.id):
                    await self._delete(f"{_FQDNS}/{checked_id(fqdn.id)}")
                await self._delete(f"{_TRUNKS}/{checked_id(trunk.id)}")
            if application is not None:
                await self._delete(f"{_APPLICATIONS}/{checked_id(application.id)}")
            if trunk is None and application is None:
                return
        raise still_there()

    async def line(self, e164: str, number_id: str | None) -> _Line:
        """A number of ours. Raises CarrierError."""
        if number_id is not None:
            answer = await self._api.read(Call("GET", f"{_NUMBERS}/{checked_id(number_id)}"))
            if answer.status == _NOT_FOUND:
                raise not_ours()
            line = item_of(succeeded(answer, TelnyxPage[msgspec.Raw]).data, _Line)
            if line.phone_number.removeprefix("+") != e164[1:]:
                raise another(line.phone_number)
            return line
        lines = await self._list(_NUMBERS, _Line, ("filter[phone_number]", e164[1:]))
        for line in lines:
            same = line.phone_number.removeprefix("+") == e164[1:]
            if same and (line.status or "").lower() not in _NO_LONGER_OURS:
                return line
        raise not_ours()

    async def _forwards_to(self, path: str) -> str:
        return ((await self._ask("GET", f"{path}/voice", _Voice)).call_forwarding or _Forwarding()).target

    async def _trunk(self, connection_id: str, asked: _Wanted) -> str:
        """The FQDN connection of a connection as it is wanted: new hosts first, then without those not wanted."""
        name = name_of(connection_id)
        trunk = await self._found_trunk(name)
        if trunk is None:
            trunk = await self._make(
                _TRUNKS, _Trunk, {"connection_name": name, **asked.trunk, "inbound": asked.inbound}
            )
            if trunk.connection_name != name:
                raise shows_else("another connection than was asked for")
        there = await self._fqdns(trunk.id)
        hosts = [await self._host(trunk.id, there, host, port) for host, port in asked.hosts]
        inbound = {**asked.inbound, **_placed(hosts)}
        if not _is_set(trunk, asked, inbound):
            path = f"{_TRUNKS}/{checked_id(trunk.id)}"
            trunk = await self._ask("PATCH", path, _Trunk, {**asked.trunk, "inbound": inbound})
            if not _is_set(trunk, asked, inbound):
                raise shows_else("other settings of the connection")
        for fqdn in there:
            if fqdn.id not in {host.id for host in hosts}:
                await self._delete(f"{_FQDNS}/{checked_id(fqdn.id)}")
        return trunk.id

    async def _host(self, trunk: str, there: list[_Fqdn], host: str, port: int) -> _Fqdn:
        """An FQDN of a connection: by name and port, which are an A record to Telnyx."""
        same = next(
            (one for one in there if (one.fqdn.lower(), one.port, one.dns_record_type) == (host, port, "a")), None
        )
        if same is not None:
            return same
        body = {"connection_id": trunk, "fqdn": host, "dns_record_type": "a", "port": port}
        made = await self._make(_FQDNS, _Fqdn, body)
        if (made.fqdn.lower(), made.port) != (host, port):
            raise shows_else("another host")
        return made

    async def _application(self, connection_id: str, asked: _Wanted) -> _Application:
        """The TeXML application of a connection as it is wanted."""
        name = name_of(connection_id)
        found = await self._found_application(name)
        if found is None:
            found = await self._make(_APPLICATIONS, _Application, {"friendly_name": name, **asked.application})
        elif _settings_of(found) != asked.application:
            path = f"{_APPLICATIONS}/{checked_id(found.id)}"
            found = await self._ask("PATCH", path, _Application, {"friendly_name": name, **asked.application})
        if found.friendly_name != name or _settings_of(found) != asked.application:
            raise shows_else("other settings of the application")
        return found

    async def _found_trunk(self, name: str) -> _Trunk | None:
        found = await self._list(_TRUNKS, _Trunk, ("filter[connection_name][contains]", name))
        return next((trunk for trunk in found if trunk.connection_name == name), None)

    async def _found_application(self, name: str) -> _Application | None:
        found = await self._list(_APPLICATIONS, _Application, ("filter[friendly_name]", name))
        return next((application for application in found if application.friendly_name == name), None)

    async def _fqdns(self, trunk: str) -> list[_Fqdn]:
        return await self._list(_FQDNS, _Fqdn, ("filter[connection_id]", checked_id(trunk)))

    async def _list(self, path: str, shape: type[Shape], narrowed: tuple[str, str]) -> list[Shape]:
        """What a filter leaves, which is to fit on a page. Raises CarrierError."""
        query = [narrowed, ("page[number]", "1"), ("page[size]", _PAGE_SIZE)]
        found = succeeded(await self._api.read(Call("GET", path, query)), TelnyxPage[list[msgspec.Raw]])
        if found.meta is not None and (found.meta.total_pages or 1) > 1:
            raise CarrierError(Trouble.UNREADABLE, "a filter leaves more than a page")
        return [item_of(item, shape) for item in found.data]

    async def _ask(self, method: str, path: str, shape: type[Shape], body: Any = None) -> Shape:
        answer = await self._api.read(Call(method, path, json=body))
        return item_of(succeeded(answer, TelnyxPage[msgspec.Raw]).data, shape)

    async def _make(self, path: str, shape: type[Shape], body: Any) -> Shape:
        answer = await self._api.make(Call("POST", path, json=body))
        return item_of(succeeded(answer, TelnyxPage[msgspec.Raw]).data, shape)

    async def _delete(self, path: str) -> None:
        answer = await self._api.read(Call("DELETE", path))
        if answer.status not in _OK and answer.status != _NOT_FOUND:
            raise refused(answer)


def _asked_for(wanted: WantedConnection) -> _Wanted:
    """What is wanted in Telnyx's terms. Raises CannotBeSetError."""
    route = wanted.route
    if route is None:
        return _Wanted()
    if isinstance(route, ForwardRoute):
        return _Wanted(forwards_to=route.e164)
    if isinstance(route, NativeRoute):
        is_id = route.object_id.isascii() and route.object_id.replace("-", "").isalnum()
        if route.object_kind not in _OBJECTS or not is_id or len(route.object_id) > _LONGEST_ID:
            raise CannotBeSetError("at this carrier calls go to the id of a connection or of an application")
        return _Wanted(connection_id=route.object_id)
    if isinstance(route, WebhookRoute):
        if route.dialect is not WebhookDialect.TWIML:
            raise CannotBeSetError("this carrier's webhooks are answered in TwiML")
        fallback = {"voice_fallback_url": route.fallback_url}
        return _Wanted(application={"voice_url": route.url, "voice_method": route.method.lower(), **fallback})
    return _sip(route)


def _sip(route: SipRoute) -> _Wanted:
    """An FQDN connection: at most three hosts, tried one after the other, or in turn where they are equals."""
    require_no_login(route)
    require_no_user(route)
    addresses = addresses_of(route)
    if len(addresses) > len(_PLACES):
        raise CannotBeSetError("this carrier sends calls to at most three targets")
    if any(address.is_ip for _, address in addresses):
        raise CannotBeSetError("this carrier sends calls to hosts by their names, not to IP addresses")
    ranks = [target.priority for target in route.targets]
    in_turn = len(ranks) > 1 and len(set(ranks)) == 1
    if in_turn:
        same_for_all(route, "weight", lambda target: target.weight)
    elif len(set(ranks)) < len(ranks):
        raise CannotBeSetError("this carrier tries targets one after the other, or all of them in turn")
    transport = same_for_all(route, "transport", lambda target: target.transport)
    inbound = {
        "dnis_number_format": _FORMATS[route.number_format],
        "default_routing_method": "round-robin" if in_turn else "sequential",
        "timeout_2xx_secs": same_for_all(route, "time to wait", lambda target: target.timeout_seconds),
    }
    media = "SRTP" if secured(route) else None
    hosts = tuple((address.host, address.port or _DEFAULT_PORTS[transport]) for _, address in addresses)
    return _Wanted(hosts, {"transport_protocol": transport.upper(), "encrypted_media": media}, inbound)


def _placed(hosts: list[_Fqdn]) -> dict[str, str | None]:
    """The first, second and third host of a connection."""
    ids: list[str | None] = [host.id for host in hosts]
    return dict(zip(_PLACES, ids + [None] * len(_PLACES), strict=False))


def _is_set(trunk: _Trunk, asked: _Wanted, inbound: dict[str, Any]) -> bool:
    """Whether a connection has what is asked for, whatever it has besides."""
    settings = {"transport_protocol": trunk.transport_protocol, "encrypted_media": trunk.encrypted_media}
    return settings == asked.trunk and all(trunk.inbound.get(name) == value for name, value in inbound.items())


def _shown_trunk(trunk: _Trunk, fqdns: list[_Fqdn], asked: _Wanted) -> ShownRouting:
    """What an FQDN connection shows, its hosts in the order in which they are tried."""
    by_id = {fqdn.id: fqdn for fqdn in fqdns}
    hosts = [by_id[place] for name in _PLACES if (place := trunk.inbound.get(name)) in by_id]
    there = tuple((host.fqdn.lower(), host.port) for host in hosts)
    words = ", ".join(f"{host}:{port}" for host, port in there) or "no target"
    text = f"SIP by {trunk.transport_protocol} to {words}, number as {trunk.inbound.get('dnis_number_format')}"
    return ShownRouting(text, as_wanted=there == asked.hosts and _is_set(trunk, asked, asked.inbound))


def _settings_of(application: _Application) -> dict[str, Any]:
    fallback = {"voice_fallback_url": application.voice_fallback_url or ""}
    return {"voice_url": application.voice_url, "voice_method": application.voice_method, **fallback}
