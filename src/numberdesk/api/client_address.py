"""Where a request comes from, also through proxies that are trusted to say so.

Touches: nothing.
"""

from __future__ import annotations

import functools
import ipaddress
from collections.abc import Iterable
from typing import Final

from starlette.types import Scope

from numberdesk.infra.settings import parse_proxies

_NETWORK_BITS: Final = 64
"""Of an IPv6 address: whoever has one has all of its network."""

_FORWARDED: Final = b"x-forwarded-for"
_MOST_HOPS: Final = 20


def client_address(scope: Scope, trusted_proxies: str) -> str:
    """The address of a client: of the last hop that is no trusted proxy.

    What a proxy adds stands last, so it is read from its end, as far as proxies are trusted: nobody chooses an address
    by sending the header. What stands there and is no address ends the way at the hop that said so.
    """
    address: str = (scope.get("client") or ("", 0))[0]
    if not trusted_proxies or not _is_trusted(address, trusted_proxies):
        return address
    for hop in _hops(scope["headers"]):
        found = _plain(hop)
        if found is None:
            return address
        address = found
        if not _is_trusted(address, trusted_proxies):
            return address
    return address


def network_of(address: str) -> str:
    """By what tries from an address are counted: itself, or of IPv6 its network, out of which anybody takes another."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(found, ipaddress.IPv4Address):
        return address
    mapped = found.ipv4_mapped
    return str(mapped or ipaddress.ip_network((int(found) >> _NETWORK_BITS << _NETWORK_BITS, _NETWORK_BITS)))


def _hops(headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
    """The addresses that were added on the way, the latest first."""
    lines = [value.decode("latin-1") for name, value in headers if name == _FORWARDED]
    return [hop.strip() for hop in reversed(",".join(lines).split(",")[-_MOST_HOPS:])]


def _plain(hop: str) -> str | None:
    """An address without the port that some proxies add; None for what is none."""
    text = hop[1 : hop.find("]")] if hop.startswith("[") else hop
    if text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text.partition("%")[0]))  # a zone may be any text, and means nothing elsewhere
    except ValueError:
        return None


@functools.lru_cache(maxsize=1_024)
def _is_trusted(address: str, trusted_proxies: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None)
    return any((mapped or found) in network for network in parse_proxies(trusted_proxies))
