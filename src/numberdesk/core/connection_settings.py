"""Routes as they are kept: what may be shown as JSON, and the secrets beside it, which are sealed.

Touches: nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

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

SECRET_FIELDS: Final = ("password", "api_secret")
"""What of a route is secret."""


def kind_of(route: Route) -> ConnectionKind:
    """The kind of connection that has such a route."""
    match route:
        case SipRoute():
            return ConnectionKind.SIP
        case WebhookRoute():
            return ConnectionKind.WEBHOOK
        case NativeRoute():
            return ConnectionKind.NATIVE
        case ForwardRoute():
            return ConnectionKind.FORWARD
        case LiveKitRoute():
            return ConnectionKind.LIVEKIT


def settings_of(route: Route) -> dict[str, Any]:
    """What may be shown of a route, in the words of the API."""
    shown = {name: value for name, value in route._asdict().items() if name not in SECRET_FIELDS}
    if isinstance(route, SipRoute | LiveKitRoute):
        shown["targets"] = [target._asdict() for target in route.targets]
    return shown


def settings_text(route: Route) -> str:
    """The same as it is kept."""
    return json.dumps(settings_of(route))


def secrets_of(route: Route) -> dict[str, str]:
    """What is secret in a route; empty where nothing is."""
    return {name: value for name in SECRET_FIELDS if (value := getattr(route, name, ""))}


def route_from(kind: ConnectionKind, settings: str, secrets: Mapping[str, str]) -> Route:
    """The route that was kept so. Raises ValueError for a text that is no such route."""
    try:
        return _route_from(kind, json.loads(settings), secrets)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"these are no settings of a {kind} connection: {error!r}") from None


def _route_from(kind: ConnectionKind, kept: Mapping[str, Any], secrets: Mapping[str, str]) -> Route:
    match kind:
        case ConnectionKind.SIP:
            targets = tuple(_target_from(each) for each in kept["targets"])
            return SipRoute(targets, NumberFormat(kept["number_format"]), kept["username"], secrets.get("password", ""))
        case ConnectionKind.WEBHOOK:
            return WebhookRoute(kept["url"], kept["method"], kept["fallback_url"], WebhookDialect(kept["dialect"]))
        case ConnectionKind.NATIVE:
            return NativeRoute(kept["object_kind"], kept["object_id"])
        case ConnectionKind.FORWARD:
            return ForwardRoute(kept["e164"])
        case ConnectionKind.LIVEKIT:
            targets = tuple(_target_from(each) for each in kept["targets"])
            where = kept["server_url"], kept["trunk_id"], kept["api_key"]
            password = secrets.get("password", "")
            return LiveKitRoute(targets, *where, secrets.get("api_secret", ""), kept["username"], password)


def _target_from(kept: Mapping[str, Any]) -> SipTarget:
    target = SipTarget(**kept)
    return target._replace(transport=SipTransport(target.transport), srtp=Srtp(target.srtp))
