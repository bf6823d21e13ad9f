"""SIP targets as carriers take them: addresses in parts, and what of a route a carrier can do.

Touches: nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple, TypeVar

from numberdesk.carriers.adapters.connecting import CannotBeSetError
from numberdesk.core.connection import NumberFormat, SipRoute, SipTarget, SipTransport, Srtp
from numberdesk.infra.numbering import calling_code, country_of

Value = TypeVar("Value")

_URI: Final = re.compile(
    r"(?P<scheme>sips?:)?(?:(?P<user>[^@;?\s]*)@)?(?P<host>\[[0-9a-f:.]+\]|[a-z0-9.-]+)(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<parameters>;[^?\s]+)?",
    re.ASCII | re.IGNORECASE,
)
_IPV4: Final = re.compile(r"[0-9]+(?:\.[0-9]+){3}", re.ASCII)
_CALLED: Final = ("", "{number}")
_LARGEST_PORT: Final = 65_535
_FORMATS: Final = {
    NumberFormat.E164: "with a plus sign",
    NumberFormat.PLAIN: "in full without a plus sign",
    NumberFormat.NATIONAL: "as a national number",
}


class SipAddress(NamedTuple):
    """Where a target is. `user` is "" where that is the called number; `port` is None where none is given."""

    user: str
    host: str
    port: int | None
    transport: SipTransport

    @property
    def host_port(self) -> str:
        """The host, and the port where one is given."""
        return self.host if self.port is None else f"{self.host}:{self.port}"

    @property
    def is_ip(self) -> bool:
        """Whether the host is no name."""
        return self.host.startswith("[") or _IPV4.fullmatch(self.host) is not None

    @property
    def parameters(self) -> str:
        """What follows host and port: the transport, but for UDP, which goes without saying."""
        return "" if self.transport is SipTransport.UDP else f";transport={self.transport}"

    def uri(self, called: str = "") -> str:
        """As a URI; `called` is the number as it is to be written, "" where the carrier writes it."""
        user = self.user or called
        return f"sip:{user}{'@' if user else ''}{self.host_port}{self.parameters}"


def address_of(target: SipTarget) -> SipAddress:
    """The address in a target. Raises CannotBeSetError for what is none, or says two things at once."""
    found = _URI.fullmatch(target.uri)
    if found is None:
        raise CannotBeSetError("a target is no SIP address that can be handed to a carrier")
    told = dict(part.lower().partition("=")[::2] for part in (found["parameters"] or "").split(";") if part)
    transport = "tls" if (found["scheme"] or "").lower() == "sips:" else told.pop("transport", str(target.transport))
    if transport != str(target.transport) or told:
        raise CannotBeSetError("a target's address has parameters other than its transport, or another transport")
    port = int(found["port"]) if found["port"] else None
    if port is not None and not 0 < port <= _LARGEST_PORT:
        raise CannotBeSetError("a target's port is none")
    user = found["user"] or ""
    if ":" in user:
        raise CannotBeSetError("a target's address has a password, which does not belong there")
    return SipAddress("" if user in _CALLED else user, found["host"].lower(), port, target.transport)


def addresses_of(route: SipRoute) -> list[tuple[SipTarget, SipAddress]]:
    """The targets with their addresses, those that are tried first before the others. Raises CannotBeSetError."""
    ordered = sorted(route.targets, key=lambda target: target.priority)
    if not ordered:
        raise CannotBeSetError("the connection has no targets")
    return [(target, address_of(target)) for target in ordered]


def require_no_login(route: SipRoute) -> None:
    """For carriers that answer no challenge of a target. Raises CannotBeSetError."""
    if route.username or route.password:
        raise CannotBeSetError("this carrier cannot log in at a SIP target; let it in by its addresses instead")


def require_format(route: SipRoute, *able: NumberFormat) -> None:
    """For carriers that write the called number themselves. Raises CannotBeSetError."""
    if route.number_format not in able:
        words = " or ".join(_FORMATS[each] for each in able)
        raise CannotBeSetError(
            f"this carrier writes the called number {words}, and not {_FORMATS[route.number_format]}"
        )


def require_no_user(route: SipRoute) -> None:
    """For carriers that put the called number before the host. Raises CannotBeSetError."""
    if any(address.user for _, address in addresses_of(route)):
        raise CannotBeSetError("this carrier sends calls to the called number at a host, not to another user")


def secured(route: SipRoute) -> bool:
    """Whether sound is to be encrypted, for carriers that do it for all targets or none. Raises CannotBeSetError."""
    if len({target.srtp is Srtp.REQUIRE for target in route.targets}) > 1:
        raise CannotBeSetError("this carrier encrypts the sound to all targets of a connection or to none")
    needed = any(target.srtp is Srtp.REQUIRE for target in route.targets)
    if needed and any(target.transport is not SipTransport.TLS for target in route.targets):
        raise CannotBeSetError("this carrier encrypts the sound only where the signalling goes by TLS")
    return needed


def same_for_all(route: SipRoute, what: str, value: Callable[[SipTarget], Value]) -> Value:
    """What carriers have once for all targets. Raises CannotBeSetError where the targets differ in it."""
    values = {value(target) for target in route.targets}
    if len(values) != 1:
        raise CannotBeSetError(f"this carrier has one {what} for all targets of a connection")
    return values.pop()


def called_number(e164: str, number_format: NumberFormat) -> str:
    """A number as a target wants it written."""
    if number_format is NumberFormat.E164:
        return e164
    digits = e164.removeprefix("+")
    return digits if number_format is NumberFormat.PLAIN else digits.removeprefix(calling_code(country_of(e164)))
