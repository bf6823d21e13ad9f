"""Connections, how numbers stand with them, and what is wrong with a number.

Touches: nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Any, Final

import msgspec

from numberdesk.connections.model import Connection, ConnectionPermit, DefaultConnection
from numberdesk.connections.prober import Probe
from numberdesk.core.connecting import customers_word
from numberdesk.core.connection import (
    ConnectionKind,
    ConnectionState,
    DefaultScope,
    ForwardRoute,
    LiveKitRoute,
    NativeRoute,
    NumberFormat,
    Route,
    SipRoute,
    SipTransport,
    Srtp,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.core.connection_presets import PRESETS, Preset, steps_of
from numberdesk.core.connection_settings import route_from
from numberdesk.core.connection_targets import hosts_of
from numberdesk.core.lifecycle import RentalState
from numberdesk.core.money import as_decimal
from numberdesk.core.periods import iso_or_none, iso_seconds
from numberdesk.flows.connections.diagnose_numbers import Diagnosis, NumberConnection
from numberdesk.views.formats import AccountId, ConnectionId, Currency, Instant, PhoneNumber, RentalId
from numberdesk.views.usage import CallView, call_view


def _text(description: str) -> msgspec.Meta:
    return msgspec.Meta(description=description)


class SipTargetView(msgspec.Struct, frozen=True):
    """A host that takes calls by SIP."""

    uri: Annotated[str, _text("Address of SIP; without a user, the number that is called stands there.")]
    priority: Annotated[int, _text("The lowest is tried first.")]
    weight: Annotated[int, _text("Among targets of one priority calls are shared by this.")]
    transport: Annotated[SipTransport, _text("How SIP is carried there.")]
    srtp: Annotated[Srtp, _text("Whether the sound is encrypted.")]
    timeout_seconds: Annotated[int, _text("How long it may ring before the next target is tried.")]


class ConnectionView(msgspec.Struct, frozen=True):
    """Where calls can go. Fields that its kind does not have are null, and all those of a shared one."""

    id: ConnectionId
    name: Annotated[str, _text("What people call it.")]
    kind: Annotated[ConnectionKind, _text("What a call is handed to.")]
    preset: Annotated[str, _text("The preset that it was set up with; empty for none.")]
    shared: Annotated[bool, _text("Whether it is the operator's, for all accounts; such a one cannot be changed here.")]
    hosts: Annotated[
        tuple[str, ...], _text("Names or addresses that calls or questions go to: all that a shared one shows.")
    ]
    targets: Annotated[tuple[SipTargetView, ...] | None, _text("Hosts that take calls, for the kind sip.")]
    number_format: Annotated[NumberFormat | None, _text("How the called number is written, for the kind sip.")]
    username: Annotated[str | None, _text("The user by whom calls are sent, for the kind sip; empty for none.")]
    has_password: Annotated[bool, _text("Whether a password, or another secret, is kept for it.")]
    url: Annotated[str | None, _text("Address that is asked what to do with a call, for the kind webhook.")]
    method: Annotated[str | None, _text("How it is asked: POST or GET.")]
    fallback_url: Annotated[str | None, _text("Address that is asked where the first fails; empty for none.")]
    dialect: Annotated[WebhookDialect | None, _text("The language in which it answers.")]
    object_kind: Annotated[str | None, _text("What of the carrier takes calls, for the kind native.")]
    object_id: Annotated[str | None, _text("Its id at the carrier.")]
    forward_to: Annotated[PhoneNumber | None, _text("The number that calls go on to, for the kind forward.")]
    server_url: Annotated[str | None, _text("Address of the LiveKit server, for the kind livekit.")]
    api_key: Annotated[str | None, _text("The API key by which numbers are put into its trunk.")]
    trunk_id: Annotated[str | None, _text("The inbound trunk of LiveKit that numbers are put into.")]
    steps: Annotated[tuple[str, ...], _text("What remains to be done at the other side.")]
    created_at: Instant
    updated_at: Instant


class AdminConnectionView(ConnectionView, frozen=True):
    """The same as the operator sees it, with whose it is; null for one of all accounts."""

    account_id: AccountId | None


class PresetView(msgspec.Struct, frozen=True):
    """A voice platform: what it wants of a connection, and what remains to be done there."""

    name: Annotated[str, _text("What `preset` says to use it.")]
    title: Annotated[str, _text("What people call the platform.")]
    asks: Annotated[dict[str, str], _text("Names that `preset_values` must have, each with what it is.")]
    number_format: Annotated[NumberFormat, _text("How the platform expects the called number.")]
    steps: Annotated[tuple[str, ...], _text("What remains to be done at the other side.")]


class ProbeView(msgspec.Struct, frozen=True):
    """What came of trying one place of a connection."""

    place: Annotated[str, _text("What was tried.")]
    reached: Annotated[bool, _text("Whether something answered there that speaks the protocol.")]
    said: Annotated[str, _text("What came back, or why nothing did.")]


class ConnectionTestView(msgspec.Struct, frozen=True):
    """What came of a test."""

    reached: Annotated[bool, _text("Whether every place that was tried answered.")]
    places: Annotated[tuple[ProbeView, ...], _text("Each place with what came back.")]


class NumberConnectionView(msgspec.Struct, frozen=True):
    """How a number stands with its connection."""

    phone_number: PhoneNumber
    id: RentalId
    connection_id: ConnectionId | None
    status: Annotated[ConnectionState, _text("How it stands; only of an active one calls go where they are wanted.")]
    message: Annotated[str, _text("What was said of it; empty where nothing is to be said.")]
    next_attempt_at: Annotated[Instant | None, _text("When the carrier is told again; null when it is not.")]


class DiagnosisView(msgspec.Struct, frozen=True):
    """A number from all sides."""

    phone_number: PhoneNumber
    id: RentalId
    sentence: Annotated[str, _text("What is wrong, and what to do about it.")]
    status: RentalState
    connection: Annotated[NumberConnectionView, _text("What it is connected to, and how that stands.")]
    as_wanted: Annotated[
        bool | None, _text("Whether its carrier has it so now; null where no carrier is asked, or it did not tell.")
    ]
    calls: Annotated[tuple[CallView, ...], _text("Its last calls within 30 days, the latest first.")]
    available: Decimal
    currency: Currency


class DefaultConnectionView(msgspec.Struct, frozen=True):
    """What numbers are connected to that are bought without saying."""

    scope: DefaultScope
    name: str
    connection_id: ConnectionId


class ConnectionPermitView(msgspec.Struct, frozen=True):
    """What an account may connect to that others may not."""

    account_id: AccountId
    kind: ConnectionKind
    object_id: str


_OF_ROUTES: Final = (
    "targets",
    "number_format",
    "username",
    "url",
    "method",
    "fallback_url",
    "dialect",
    "object_kind",
    "object_id",
    "forward_to",
    "server_url",
    "api_key",
    "trunk_id",
)


def connection_view(connection: Connection) -> ConnectionView:
    """A connection without its secrets; of one that the operator shares no more than where it leads."""
    fields = _fields(connection)
    if connection.account_id is None:
        fields |= {**dict.fromkeys(_OF_ROUTES), "has_password": False, "steps": ()}
    return ConnectionView(**fields)


def admin_connection_view(connection: Connection) -> AdminConnectionView:
    """A connection with whose it is."""
    return AdminConnectionView(**_fields(connection), account_id=connection.account_id)


def _fields(connection: Connection) -> dict[str, Any]:
    return {
        "id": connection.id,
        "name": connection.name,
        "kind": connection.kind,
        "preset": connection.preset,
        "shared": connection.account_id is None,
        "has_password": connection.secrets is not None,
        "hosts": (),
        **dict.fromkeys(_OF_ROUTES),
        **_shown(connection),
        "steps": steps_of(connection.preset, connection.kind),
        "created_at": iso_seconds(connection.created_at),
        "updated_at": iso_seconds(connection.updated_at),
    }


def _shown(connection: Connection) -> dict[str, Any]:
    """What may be shown of where it leads; nothing of one whose settings are damaged, which `verify` names."""
    try:
        route = route_from(connection.kind, connection.settings, {})
        return {**_of_route(route), "hosts": hosts_of(route)}
    except ValueError:
        return {}


def _of_route(route: Route) -> dict[str, Any]:
    match route:
        case SipRoute(targets, number_format, username):
            shown = tuple(SipTargetView(*target) for target in targets)
            return {"targets": shown, "number_format": number_format, "username": username}
        case WebhookRoute():
            return route._asdict()
        case NativeRoute():
            return route._asdict()
        case ForwardRoute(e164):
            return {"forward_to": e164}
        case LiveKitRoute():
            shown = tuple(SipTargetView(*target) for target in route.targets)
            named = {name: getattr(route, name) for name in ("username", "server_url", "api_key", "trunk_id")}
            return {"targets": shown, "number_format": NumberFormat.E164, **named}


def preset_view(preset: Preset) -> PresetView:
    """A preset."""
    return PresetView(preset.name, preset.title, dict(preset.asks), preset.number_format, preset.steps)


def preset_views() -> list[PresetView]:
    """All presets."""
    return [preset_view(preset) for preset in PRESETS.values()]


def connection_test_view(probes: Sequence[Probe], hosts: Sequence[str] | None = None) -> ConnectionTestView:
    """What came of a test. Of a connection that the operator shares its `hosts` are told in place of addresses."""
    shown = [ProbeView(*probe) for probe in probes]
    if hosts is not None:
        said = ", ".join(hosts) or "its destination"
        shown = [msgspec.structs.replace(one, place=said) for one in shown]
    return ConnectionTestView(all(probe.reached for probe in probes), tuple(shown))


def number_connection_view(number: NumberConnection) -> NumberConnectionView:
    """How a number stands with its connection."""
    live = number.rental.released_at is None
    return NumberConnectionView(
        number.rental.e164,
        number.rental.id,
        number.rental.connection_id if live else None,
        number.state,
        customers_word(number.state, number.message),
        iso_or_none(number.row.next_at if number.row is not None and live else None),
    )


def diagnosis_view(found: Diagnosis) -> DiagnosisView:
    """What is wrong with a number, without what its carrier calls it."""
    rental = found.number.rental
    return DiagnosisView(
        rental.e164,
        rental.id,
        found.sentence,
        rental.state,
        number_connection_view(found.number),
        None if found.shown is None else found.shown.as_wanted,
        tuple(call_view(call) for call in found.calls),
        as_decimal(found.wallet.available),
        found.wallet.currency,
    )


def default_connection_view(default: DefaultConnection) -> DefaultConnectionView:
    """A default."""
    return DefaultConnectionView(default.scope, default.name, default.connection_id)


def connection_permit_view(permit: ConnectionPermit) -> ConnectionPermitView:
    """A permit."""
    return ConnectionPermitView(permit.account_id, permit.kind, permit.object_id)
