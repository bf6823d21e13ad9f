"""Where calls to a number are to go, and what a carrier says of it when it is told.

Touches: nothing.

A connection belongs to an account and is of one kind. What is asked of a carrier is a `WantedConnection`: it may be
asked again and again, since setting the same destination twice changes nothing.
"""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Final, NamedTuple

CONNECTION_ID: Final = re.compile(r"con_[0-9A-Za-z]{1,64}")
"""What an id of a connection looks like."""


class ConnectionKind(StrEnum):
    """What a call is handed to."""

    SIP = "sip"  # hosts that speak SIP
    WEBHOOK = "webhook"  # a URL that is asked what to do with the call
    NATIVE = "native"  # the carrier's own trunk, application or connection
    FORWARD = "forward"  # another phone number
    LIVEKIT = "livekit"  # a trunk of a LiveKit server, to which numbers are added


class ConnectionState(StrEnum):
    """How a number stands with what it is to be connected to."""

    NONE = "none"  # it is connected to nothing, as is wanted
    PENDING = "pending"  # its carrier is being told
    ACTIVE = "active"  # calls go where they are wanted
    FAILED = "failed"  # its carrier was told several times and has not done it; it is tried again
    UNSUPPORTED = "unsupported"  # its carrier cannot do this


class DefaultScope(StrEnum):
    """What a default connection is for: the numbers of a carrier account, or those of a customer's account."""

    CARRIER = "carrier"
    ACCOUNT = "account"


class SipTransport(StrEnum):
    """How SIP is carried to a target."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Srtp(StrEnum):
    """Whether the sound is encrypted on the way to a target."""

    NONE = "none"
    ALLOW = "allow"
    REQUIRE = "require"


class NumberFormat(StrEnum):
    """How the called number is written for a target."""

    E164 = "e164"  # +13612738809
    PLAIN = "plain"  # 13612738809
    NATIONAL = "national"  # 3612738809


class WebhookDialect(StrEnum):
    """The language in which a webhook says what to do with a call."""

    TWIML = "twiml"
    PLIVO = "plivo"
    NCCO = "ncco"
    BXML = "bxml"
    SWML = "swml"


class SipTarget(NamedTuple):
    """A host that takes calls. The lowest `priority` is tried first; among equals calls are shared by `weight`."""

    uri: str
    priority: int = 10
    weight: int = 10
    transport: SipTransport = SipTransport.UDP
    srtp: Srtp = Srtp.NONE
    timeout_seconds: int = 30


class SipRoute(NamedTuple):
    """Calls go to hosts that speak SIP. `username` and `password`: what they ask for, "" for nothing."""

    targets: tuple[SipTarget, ...]
    number_format: NumberFormat = NumberFormat.E164
    username: str = ""
    password: str = ""


class WebhookRoute(NamedTuple):
    """A URL is asked what to do with a call; `fallback_url` where that fails, "" without one. `method`: GET or POST."""

    url: str
    method: str = "POST"
    fallback_url: str = ""
    dialect: WebhookDialect = WebhookDialect.TWIML


class LiveKitRoute(NamedTuple):
    """Calls go to the SIP host of a LiveKit server, which takes them for numbers that are in a trunk of it.

    `trunk_id` is that inbound trunk, `server_url` where its API is. It compares numbers as they are dialled, with +.
    """

    targets: tuple[SipTarget, ...]
    server_url: str
    trunk_id: str
    api_key: str
    api_secret: str = ""
    username: str = ""
    password: str = ""

    @property
    def sip(self) -> SipRoute:
        """What a carrier is to do with calls."""
        return SipRoute(self.targets, NumberFormat.E164, self.username, self.password)

    @property
    def trunk(self) -> tuple[str, str]:
        """Which trunk it is, wherever calls go and whoever asks."""
        return self.server_url, self.trunk_id


class NativeRoute(NamedTuple):
    """Calls go to what the carrier has under this id. `object_kind` is the carrier's word for it, such as trunk."""

    object_kind: str
    object_id: str


class ForwardRoute(NamedTuple):
    """Calls go on to another number, in E.164."""

    e164: str


CarrierRoute = SipRoute | WebhookRoute | NativeRoute | ForwardRoute
"""What a carrier can be told."""

Route = CarrierRoute | LiveKitRoute


def carrier_route(route: Route) -> CarrierRoute:
    """What of a route a carrier, or whoever else sends the calls, is told."""
    return route.sip if isinstance(route, LiveKitRoute) else route


class WantedConnection(NamedTuple):
    """What a number is to be connected to. Without a `route` it is to be connected to nothing.

    `connection_id` names the objects that a carrier needs beside the number, which are made once and found by name.
    """

    connection_id: str
    route: CarrierRoute | None


class Connected(NamedTuple):
    """The carrier has it as wanted. `reference` is its id of what was made for the connection, "" where nothing was."""

    reference: str = ""


class NotConnected(NamedTuple):
    """It is not known to be set; to be tried again. `message` is the carrier's word, and holds no secret."""

    message: str


class Unsupported(NamedTuple):
    """Not to be had at this carrier, now or later: the reason in words for a customer."""

    reason: str


class ShownRouting(NamedTuple):
    """What a carrier has set for a number: in words, and whether that is what is wanted."""

    text: str
    as_wanted: bool
