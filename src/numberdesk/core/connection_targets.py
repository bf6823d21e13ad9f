"""What people type of a connection, checked: hosts, addresses, ids and numbers that calls may go to.

Touches: nothing.

Where a name leads is looked up elsewhere (infra/egress.py): here are the rules that hold without a look-up. Every
refusal names the field.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar
from urllib.parse import urlsplit

from numberdesk.core.connection import (
    ConnectionKind,
    ForwardRoute,
    LiveKitRoute,
    NativeRoute,
    NumberFormat,
    Route,
    SipRoute,
    SipTarget,
    SipTransport,
    Srtp,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.core.errors import InvalidRequest

MOST_TARGETS: Final = 10
LONGEST_URI: Final = 255
LONGEST_SECRET: Final = 200
MOST_PRIORITY: Final = 65_535
LONGEST_TIMEOUT: Final = 120
METHODS: Final = ("POST", "GET")
OBJECT_KINDS: Final = ("trunk", "application", "connection", "sub_account", "location", "script", "flow")
OFFERED_KINDS: Final = tuple(ConnectionKind)
"""Kinds that can be set up."""

FIELDS: Final[Mapping[ConnectionKind, tuple[str, ...]]] = {
    ConnectionKind.SIP: ("targets", "number_format", "username", "password"),
    ConnectionKind.WEBHOOK: ("url", "method", "fallback_url", "dialect"),
    ConnectionKind.NATIVE: ("object_kind", "object_id"),
    ConnectionKind.FORWARD: ("forward_to",),
    ConnectionKind.LIVEKIT: ("targets", "username", "password", "server_url", "api_key", "api_secret", "trunk_id"),
}
"""What each kind is set up with."""

_SIP: Final = re.compile(r"(?:(?P<scheme>sips?):)?(?:(?P<user>[A-Za-z0-9_.!~*()&=+$,/-]{1,64})@)?(?P<rest>[^@\s]+)")
_SERVER: Final = re.compile(r"(?P<scheme>https?|wss?)://(?P<place>[^/?#@\s]+)/?", re.IGNORECASE)
_HOST: Final = re.compile(r"(?P<host>[A-Za-z0-9_.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::(?P<port>[0-9]{1,5}))?")
OBJECT_ID: Final = re.compile(r"[A-Za-z0-9_.:-]{1,100}")
FORWARDED_TO: Final = re.compile(r"\+[1-9][0-9]{6,14}")
SECRET: Final = re.compile(r"[ -~]*")
_OTHER_SCHEMES: Final = (
    "callto", "ftp", "h323", "http", "https", "iax", "iax2", "im", "mailto", "pres", "rtp", "rtsp", "skype", "tel",
    "urn", "ws", "wss", "xmpp",
)  # fmt: skip
"""Words before a colon that name no host, even where digits follow as a port would."""

_VISIBLE: Final = re.compile(r"[!-~]+")
_Word = TypeVar("_Word", bound=StrEnum)
_HIGHEST_PORT: Final = 65_535


class HostAndPort(NamedTuple):
    """Where SIP goes: a name or an address, and a port, 0 where the name's own records say it."""

    host: str
    port: int


def route_of_fields(kind: ConnectionKind, fields: Mapping[str, Any], before: Route | None = None) -> Route:
    """The route that was typed; what was left out stays as in `before`. Raises InvalidRequest naming the field."""
    given = {name: value for name, value in fields.items() if value is not None}
    foreign = [name for name in given if name not in FIELDS[kind]]
    if foreign:
        raise InvalidRequest(foreign[0], f"is no field of a connection of the kind {kind}")
    match kind:
        case ConnectionKind.SIP:
            return _sip(given, before if isinstance(before, SipRoute) else None)
        case ConnectionKind.WEBHOOK:
            return _webhook(given, before if isinstance(before, WebhookRoute) else None)
        case ConnectionKind.NATIVE:
            return _native(given, before if isinstance(before, NativeRoute) else None)
        case ConnectionKind.FORWARD:
            return _forward(given, before if isinstance(before, ForwardRoute) else None)
        case ConnectionKind.LIVEKIT:
            return _livekit(given, before if isinstance(before, LiveKitRoute) else None)


def _livekit(given: Mapping[str, Any], before: LiveKitRoute | None) -> LiveKitRoute:
    route = before or LiveKitRoute((), "", "", "")
    sip = _sip({name: given[name] for name in ("targets", "username", "password") if name in given}, route.sip)
    kept_for, where = route.server_url, server_url("server_url", given.get("server_url", route.server_url))
    # Else whoever may change a connection would have tokens of a secret that they never knew sent to a host of theirs.
    secret = route.api_secret if where == kept_for else ""
    route = LiveKitRoute(
        sip.targets,
        where,
        given.get("trunk_id", route.trunk_id),
        given.get("api_key", route.api_key),
        _secret("api_secret", given.get("api_secret", secret)),
        sip.username,
        sip.password,
    )
    for field in ("trunk_id", "api_key"):
        if not OBJECT_ID.fullmatch(getattr(route, field)):
            raise InvalidRequest(field, "must be given: letters, digits and _.:- as LiveKit shows it")
    if not route.api_secret:
        again = " for the other server, too" if kept_for and where != kept_for else ""
        raise InvalidRequest("api_secret", f"must be given{again}: the secret of the API key")
    return route


def server_url(field: str, text: str) -> str:
    """The address of a LiveKit server's API as it is kept: https or http, a host, maybe a port. Raises InvalidRequest.

    The address that its clients use, of wss or ws, is the same with another word before it.
    """
    parts = _SERVER.fullmatch(text.strip(" "))
    if len(text) > LONGEST_URI or parts is None:
        raise InvalidRequest(field, "must be the address of the LiveKit server, like https://acme-4f2k.livekit.cloud")
    host_and_port(field, parts["place"])
    secure = parts["scheme"].lower() in ("https", "wss")
    return f"{'https' if secure else 'http'}://{parts['place'].lower()}"


def _sip(given: Mapping[str, Any], before: SipRoute | None) -> SipRoute:
    route = before or SipRoute(())
    if "targets" in given:
        route = route._replace(targets=_targets(given["targets"]))
    if not route.targets:
        raise InvalidRequest("targets", f"must be 1 to {MOST_TARGETS} SIP targets")
    if "number_format" in given:
        route = route._replace(number_format=_word(NumberFormat, "number_format", given["number_format"]))
    route = route._replace(
        username=_secret("username", given.get("username", route.username)),
        password=_secret("password", given.get("password", route.password)),
    )
    if bool(route.username) != bool(route.password):
        field = "username" if route.password else "password"
        raise InvalidRequest(field, "must be given as well: user and password go together")
    return route


def _targets(sent: Sequence[Mapping[str, Any]]) -> tuple[SipTarget, ...]:
    if not 1 <= len(sent) <= MOST_TARGETS:
        raise InvalidRequest("targets", f"must be 1 to {MOST_TARGETS} SIP targets")
    return tuple(_target(f"targets[{place}]", each) for place, each in enumerate(sent))


def _target(field: str, sent: Mapping[str, Any]) -> SipTarget:
    usual = SipTarget("")
    given = {name: value for name, value in sent.items() if value is not None}
    uri = sip_uri(f"{field}.uri", given.get("uri", ""))
    secure = given.get("uri", "").strip(" ").lower().startswith("sips:")
    usual_transport = SipTransport.TLS if secure else usual.transport
    transport = _word(SipTransport, f"{field}.transport", given.get("transport", usual_transport))
    if secure and transport is not SipTransport.TLS:
        raise InvalidRequest(f"{field}.transport", "must be tls, or be left out, where the address begins with sips:")
    return SipTarget(
        uri,
        _within(f"{field}.priority", given.get("priority", usual.priority), 0, MOST_PRIORITY),
        _within(f"{field}.weight", given.get("weight", usual.weight), 1, MOST_PRIORITY),
        transport,
        _word(Srtp, f"{field}.srtp", given.get("srtp", usual.srtp)),
        _within(f"{field}.timeout_seconds", given.get("timeout_seconds", usual.timeout_seconds), 1, LONGEST_TIMEOUT),
    )


def sip_uri(field: str, text: str) -> str:
    """An address of SIP as it is kept: sip:, an optional user, host and port. Raises InvalidRequest.

    Without a user the number that is called stands there, as the number format says. That sips: means TLS (RFC 3261,
    26.2.2; RFC 5630, 3.1) is kept by the transport beside it.
    """
    trimmed = text.strip(" ")
    if not trimmed or len(trimmed) > LONGEST_URI or not _VISIBLE.fullmatch(trimmed):
        raise InvalidRequest(field, f"must be an address like sip:pbx.example.com, of at most {LONGEST_URI} signs")
    scheme, colon, rest = trimmed.partition(":")
    if colon and scheme.lower() in ("sip", "sips"):
        trimmed = rest
    elif colon and (scheme.lower() in _OTHER_SCHEMES or rest.startswith("//")):
        raise InvalidRequest(field, f"must begin with sip: or sips:, and not with {scheme.lower()[:20]}:")
    user, at, place = trimmed.rpartition("@")
    if ":" in user:
        raise InvalidRequest(field, "must hold no password: set username and password beside it")
    if at and not _SIP.fullmatch(f"{user}@x"):
        raise InvalidRequest(field, "must have letters, digits and plain signs before the @")
    if any(mark in trimmed for mark in ";?"):
        raise InvalidRequest(field, "must have no parameters: set transport beside it")
    host_and_port(field, place)
    return f"sip:{user}{at}{place}"


def host_and_port(field: str, place: str) -> HostAndPort:
    """The host and port of an address without scheme and user. Raises InvalidRequest."""
    found = _HOST.fullmatch(place)
    port = int(found["port"] or 0) if found is not None else 0
    if found is None or port > _HIGHEST_PORT or (found["port"] is not None and port == 0):
        raise InvalidRequest(field, "must name a host like pbx.example.com or 203.0.114.7, and maybe :port")
    return HostAndPort(found["host"].strip("[]"), port)


def place_of(uri: str) -> HostAndPort:
    """Where an address that was checked leads."""
    return host_and_port("uri", uri.removeprefix("sip:").rpartition("@")[2])


def hosts_of(route: Route) -> tuple[str, ...]:
    """The names or addresses that a route leads to, and nothing else of it: in their order, each once."""
    found: list[str] = []
    if isinstance(route, SipRoute | LiveKitRoute):
        found = [place_of(target.uri).host for target in route.targets]
    elif isinstance(route, WebhookRoute):
        found = [urlsplit(url).hostname or "" for url in (route.url, route.fallback_url) if url]
    return tuple(dict.fromkeys(found))


def _webhook(given: Mapping[str, Any], before: WebhookRoute | None) -> WebhookRoute:
    route = before or WebhookRoute("")
    route = route._replace(
        url=given.get("url", route.url).strip(),
        method=given.get("method", route.method).upper(),
        fallback_url=given.get("fallback_url", route.fallback_url).strip(),
        dialect=_word(WebhookDialect, "dialect", given.get("dialect", route.dialect)),
    )
    if not route.url:
        raise InvalidRequest("url", "must be given: where calls are asked about, like https://example.com/voice")
    if route.method not in METHODS:
        raise InvalidRequest("method", f"must be one of {', '.join(METHODS)}")
    return route


def _native(given: Mapping[str, Any], before: NativeRoute | None) -> NativeRoute:
    route = before or NativeRoute("", "")
    route = route._replace(
        object_kind=given.get("object_kind", route.object_kind), object_id=given.get("object_id", route.object_id)
    )
    if route.object_kind not in OBJECT_KINDS:
        raise InvalidRequest("object_kind", f"must be one of {', '.join(OBJECT_KINDS)}")
    if not OBJECT_ID.fullmatch(route.object_id):
        raise InvalidRequest("object_id", "must be the carrier's id of it, like TK0123456789")
    return route


def _forward(given: Mapping[str, Any], before: ForwardRoute | None) -> ForwardRoute:
    number = given.get("forward_to", "" if before is None else before.e164)
    if not FORWARDED_TO.fullmatch(number):
        raise InvalidRequest("forward_to", "must be a phone number in E.164, like +13612738809")
    return ForwardRoute(number)


def _word(words: type[_Word], field: str, text: str) -> _Word:
    try:
        return words(text)
    except ValueError:
        raise InvalidRequest(field, f"must be one of {', '.join(words)}") from None


def _within(field: str, number: int, least: int, most: int) -> int:
    if not least <= number <= most:
        raise InvalidRequest(field, f"must be from {least} to {most}")
    return number


def _secret(field: str, text: str) -> str:
    if len(text) > LONGEST_SECRET or not SECRET.fullmatch(text):
        raise InvalidRequest(field, f"must be at most {LONGEST_SECRET} signs of plain ASCII")
    return text
