"""Where requests may go: public addresses by https, and what the operator allows inside.

Touches: network, clock.

An address that somebody typed is checked twice: when it is set up (`check_url`), and when a connection is made, where
every address that its name resolves to is checked and one of these is connected to (`addresses`), so that no second
look-up lies between. Public addresses are reached by https only, at ports of the web. Networks that the operator allows
(NUMBERDESK_EGRESS_ALLOW) are reached by http as well, at any port but those of databases and of the system.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final
from urllib.parse import urlsplit

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_WEB_PORTS: Final = frozenset({80, 443, 8080, 8443})
_DATABASE_PORTS: Final = frozenset(
    {
        *(1433, 1521, 2379, 2380, 3306, 5432, 5433, 5984, 6379, 6380, 6432, 7000, 7687, 8086, 9042, 9200, 9300),
        *(11211, 26257, 27017, 27018, 27019, 33060),
    }
)
_FIRST_FREE_PORT: Final = 1024
LONGEST_URL: Final = 2048
"""Signs of an address."""

_LONGEST_HOST: Final = 253
_MOST_ADDRESSES: Final = 16
_LOOK_UP_SECONDS: Final = 3.0

_LABEL: Final = re.compile(r"[a-zA-Z0-9_](?:[a-zA-Z0-9_-]{0,61}[a-zA-Z0-9_])?")
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9a-fA-F]*")
_NOT_IN_URL: Final = re.compile(r"[^!-~]|\\")
"""What is no visible sign of ASCII: other scripts' dots, blanks, ends of lines; and what some read as a slash."""

_INSIDE: Final = tuple(
    (ip_network(network), name)
    for network, name in (
        ("0.0.0.0/8", "an address of this network"),
        ("10.0.0.0/8", "a private address"),
        ("100.64.0.0/10", "a shared address"),
        ("127.0.0.0/8", "a loopback address"),
        ("169.254.0.0/16", "a link-local address"),
        ("172.16.0.0/12", "a private address"),
        ("192.0.0.0/24", "a reserved address"),
        ("192.0.2.0/24", "an address for documentation"),
        ("192.88.99.0/24", "a reserved address"),
        ("192.168.0.0/16", "a private address"),
        ("198.18.0.0/15", "an address for benchmarks"),
        ("198.51.100.0/24", "an address for documentation"),
        ("203.0.113.0/24", "an address for documentation"),
        ("224.0.0.0/4", "a multicast address"),
        ("240.0.0.0/4", "a reserved address"),
        ("::1/128", "a loopback address"),
        ("::/128", "an address of this network"),
        ("64:ff9b:1::/48", "a private address"),
        ("fc00::/7", "a private address"),
        ("fe80::/10", "a link-local address"),
        ("fec0::/10", "a private address"),
        ("ff00::/8", "a multicast address"),
        ("2001::/23", "a reserved address"),
        ("2001:db8::/32", "an address for documentation"),
        ("3fff::/20", "an address for documentation"),
    )
)
_METADATA: Final = frozenset(
    map(ip_address, ("169.254.169.254", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254"))
)
"""Where clouds tell a machine its secrets: never to be reached, whatever is allowed."""

_PUBLIC_IPV6: Final = IPv6Network("2000::/3")
_CARRIES_IPV4: Final = (
    (IPv6Network("::ffff:0:0/96"), 0),  # mapped
    (IPv6Network("64:ff9b::/96"), 0),  # NAT64
    (IPv6Network("2002::/16"), 80),  # 6to4
    (IPv6Network("::/96"), 0),  # compatible, of old
)
"""Forms of IPv6 that mean an address of IPv4, and how many bits stand behind that."""

_ALLOWABLE: Final = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7"),
    )
)
_IN_WORDS: Final = "10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, ::1 and fc00::/7"


class EgressError(Exception):
    """Requests may not go there; the text says why, as what follows the name of a field: "must not ..."."""


Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks a name up: the addresses of a host for a port, as text. Raises OSError."""


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses that the system has for a host. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@dataclass(frozen=True, slots=True)
class Egress:
    """What is allowed beside public addresses by https at ports of the web: networks inside, and further ports."""

    networks: tuple[Network, ...] = ()
    ports: frozenset[int] = frozenset()
    resolve: Resolve = resolve

    def check_url(self, url: str) -> None:
        """Check an address as it is typed, as far as that can be without a look-up. Raises EgressError."""
        host, port, secure = _parts(url)
        if host == "localhost" or host.endswith(".localhost"):
            self._check_any((IPv4Address("127.0.0.1"), IPv6Address("::1")), port, secure=secure)
            return
        literal = _literal(host)
        if literal is not None:
            self.check(literal, port, secure=secure)
        elif not self.networks:
            _check_public(port, self.ports, secure=secure)
        elif port in _DATABASE_PORTS:
            raise EgressError(f"must not name port {port}, which is one of databases")

    async def check_destination(self, url: str) -> None:
        """Check an address as it is set up, with all that its host resolves to now. Raises EgressError."""
        self.check_url(url)
        host, port, secure = _parts(url)
        try:
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                await self.addresses(host, port, secure=secure)
        except (OSError, UnicodeError):  # a time that is over is one of the first
            raise EgressError("must name a host whose address can be found") from None

    def _check_any(self, addresses: Sequence[Address], port: int, *, secure: bool) -> None:
        for address in addresses[:-1]:
            try:
                self.check(address, port, secure=secure)
            except EgressError:
                continue
            return
        self.check(addresses[-1], port, secure=secure)

    def check(self, address: Address, port: int, *, secure: bool) -> None:
        """Check an address that is to be connected to, `secure` with TLS. Raises EgressError."""
        meant = _meant(address)
        if meant in _METADATA:
            raise EgressError(f"must not lead to {address}, where a cloud tells secrets of this machine")
        if self._allows(meant):
            if port in _DATABASE_PORTS:
                raise EgressError(f"must not name port {port}, which is one of databases")
            if port < _FIRST_FREE_PORT and port not in _WEB_PORTS | self.ports:
                raise EgressError(f"must not name port {port}, which is one of the system")
            return
        name = _inside(meant)
        if name is not None:
            raise EgressError(f"must not lead to {address}, {name}, unless NUMBERDESK_EGRESS_ALLOW has it")
        _check_public(port, self.ports, secure=secure)

    async def sip_addresses(self, host: str, port: int) -> list[str]:
        """Every address of a host that speaks SIP, if each may be reached there; raises as `addresses`.

        Such hosts listen at any port but those of the system and of databases, with TLS or without.
        """
        self._check_sip_port(port)
        literal = _literal(host)
        found = [str(literal)] if literal is not None else list(await self.resolve(host, port))
        for text in found:
            self._check_sip(ip_address(text))
        return found[:_MOST_ADDRESSES]

    async def check_sip_destination(self, host: str, port: int) -> None:
        """Check a host that speaks SIP as it is set up. Raises EgressError.

        A name that has no address now is let pass, as one that has only SRV records: nothing is sent there from here.
        """
        if host == "localhost" or host.endswith(".localhost"):
            self._check_sip(IPv4Address("127.0.0.1"))
        with contextlib.suppress(OSError, UnicodeError):
            async with asyncio.timeout(_LOOK_UP_SECONDS):
                await self.sip_addresses(host, port)

    def _check_sip_port(self, port: int) -> None:
        if port in _DATABASE_PORTS:
            raise EgressError(f"must not name port {port}, which is one of databases")
        if port < _FIRST_FREE_PORT and port not in _WEB_PORTS | self.ports:
            raise EgressError(f"must not name port {port}, which is one of the system")

    def _check_sip(self, address: Address) -> None:
        meant = _meant(address)
        if meant in _METADATA:
            raise EgressError(f"must not lead to {address}, where a cloud tells secrets of this machine")
        name = None if self._allows(meant) else _inside(meant)
        if name is not None:
            raise EgressError(f"must not lead to {address}, {name}, unless NUMBERDESK_EGRESS_ALLOW has it")

    def _allows(self, address: Address) -> bool:
        return any(address in network for network in self.networks)

    async def addresses(self, host: str, port: int, *, secure: bool) -> list[str]:
        """Every address of a host, if each may be connected to. Raises EgressError, and OSError for no such name."""
        found = list(await self.resolve(host, port))
        for text in found:
            self.check(ip_address(text), port, secure=secure)
        return found[:_MOST_ADDRESSES]


PUBLIC_ONLY: Final = Egress()
"""Nothing but public addresses by https."""


def parse_networks(text: str) -> tuple[Network, ...]:
    """Networks inside that an operator allows, separated by commas. Raises ValueError."""
    networks = []
    for each in filter(None, (part.strip() for part in text.split(","))):
        try:
            network = ip_network(each)
        except ValueError:
            raise ValueError(f"{each!r} is no network like 10.1.0.0/16, nor an address") from None
        if not any(network.version == one.version and network.subnet_of(one) for one in _ALLOWABLE):  # type: ignore[arg-type]  # the versions are the same
            raise ValueError(f"{each} is within none of {_IN_WORDS}")
        networks.append(network)
    return tuple(networks)


def parse_ports(text: str) -> frozenset[int]:
    """Further ports that an operator allows, separated by commas. Raises ValueError."""
    ports = set()
    for each in filter(None, (part.strip() for part in text.split(","))):
        if not (each.isascii() and each.isdigit() and len(each) <= 5 and 1 <= int(each) <= 65_535):  # noqa: PLR2004  as ports are
            raise ValueError(f"{each!r} is no port")
        if int(each) in _DATABASE_PORTS:
            raise ValueError(f"{each} is a port of databases, which is never allowed")
        ports.add(int(each))
    return frozenset(ports)


def _check_public(port: int, ports: frozenset[int], *, secure: bool) -> None:
    if not secure:
        raise EgressError("must begin with https://, since http:// is for networks that NUMBERDESK_EGRESS_ALLOW has")
    if port not in _WEB_PORTS | ports or port in _DATABASE_PORTS:
        raise EgressError(f"must not name port {port}: allowed are 443, 80, 8080, 8443 and NUMBERDESK_EGRESS_PORTS")


def _parts(url: str) -> tuple[str, int, bool]:
    """Host in lower case, port, and whether it is https. Raises EgressError for all that two readers may read twice."""
    if len(url) > LONGEST_URL or _NOT_IN_URL.search(url):
        raise EgressError(f"must be an address of at most {LONGEST_URL} visible signs of ASCII, without a backslash")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:  # brackets that do not match, a port that is none
        raise EgressError("must be an address like https://api.example.com") from None
    if parts.scheme not in ("http", "https"):
        raise EgressError("must begin with https://")
    if "@" in parts.netloc:
        raise EgressError("must not have a user or password before the host")
    secure = parts.scheme == "https"
    if not host or port == 0:
        raise EgressError("must be an address like https://api.example.com")
    return host, port or (443 if secure else 80), secure


def _literal(host: str) -> Address | None:
    """The address that a host is, None for a name. Raises EgressError for what is neither, or only to some readers."""
    if ":" in host:
        try:
            address = IPv6Address(host)
        except ValueError:
            raise EgressError("must name a host, or an address without anything before or behind it") from None
        if address.scope_id is not None:
            raise EgressError("must not have a zone behind its address")
        return address
    labels = host.split(".")
    if len(host) > _LONGEST_HOST or not all(_LABEL.fullmatch(label) for label in labels):
        raise EgressError("must name a host by letters, digits, dots and hyphens, without a dot at its end")
    if not _NUMBER.fullmatch(labels[-1]):
        return None
    try:
        return IPv4Address(host)
    except ValueError:
        raise EgressError("must have an address of IPv4 as four decimal numbers") from None


def _meant(address: Address) -> Address:
    """The address of IPv4 that one of IPv6 carries, else the address itself, without its zone."""
    if isinstance(address, IPv4Address):
        return address
    plain = IPv6Address(int(address))
    for network, behind in _CARRIES_IPV4:
        if plain in network and int(plain) > 1:  # :: and ::1 mean themselves
            return IPv4Address(int(plain) >> behind & 0xFFFF_FFFF)
    return plain


def _inside(address: Address) -> str | None:
    """What an address is that is not public; None for a public one."""
    for network, name in _INSIDE:
        if address in network:
            return name
    if isinstance(address, IPv6Address) and address not in _PUBLIC_IPV6:
        return "a reserved address"
    return None
