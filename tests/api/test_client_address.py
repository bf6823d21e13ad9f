"""Where a request comes from: what proxies say that are trusted, and nothing that a client says itself."""

from __future__ import annotations

import pytest

from numberdesk.api.client_address import client_address, network_of

TRUSTED = "127.0.0.1,10.0.0.0/8,fd00::/8"


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "address"),
    [
        ("127.0.0.1", ["192.0.2.1"], "", "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1"], TRUSTED, "192.0.2.1"),
        ("192.0.2.9", ["192.0.2.1"], TRUSTED, "192.0.2.9"),
        ("127.0.0.1", ["198.51.100.1, 192.0.2.1"], TRUSTED, "192.0.2.1"),
        ("127.0.0.1", ["198.51.100.1", "192.0.2.1, 10.1.2.3"], TRUSTED, "192.0.2.1"),
        ("127.0.0.1", ["10.0.0.1, 10.0.0.2"], TRUSTED, "10.0.0.1"),
        ("127.0.0.1", ["192.0.2.1, nonsense"], TRUSTED, "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1:4711"], TRUSTED, "192.0.2.1"),
        ("127.0.0.1", ["[2001:db8::1]:4711"], TRUSTED, "2001:db8::1"),
        ("fd00::1", ["2001:db8::2"], TRUSTED, "2001:db8::2"),
        ("::ffff:127.0.0.1", ["192.0.2.1"], TRUSTED, "192.0.2.1"),
        ("127.0.0.1", [], TRUSTED, "127.0.0.1"),
        ("127.0.0.1", [""], TRUSTED, "127.0.0.1"),
        ("127.0.0.1", ["192.0.2.1," * 1000 + "192.0.2.2"], TRUSTED, "192.0.2.2"),
        ("", ["192.0.2.1"], TRUSTED, ""),
        ("127.0.0.1", ["fe80::1%<b>\x1b[2J"], TRUSTED, "fe80::1"),
    ],
)
def test_the_address_is_that_of_the_last_hop_that_is_no_trusted_proxy(
    peer: str, forwarded: list[str], trusted: str, address: str
) -> None:
    headers = [(b"x-forwarded-for", line.encode()) for line in forwarded]
    assert client_address({"client": (peer, 1), "headers": headers}, trusted) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("a socket", "a socket"),
    ],
)
def test_tries_are_counted_by_address_and_of_ipv6_by_network(address: str, network: str) -> None:
    assert network_of(address) == network
