"""Addresses of SIP are kept as they were meant, or refused in words; encryption is never lost on the way."""

from __future__ import annotations

import pytest

from numberdesk.core.connection import ConnectionKind, SipRoute, SipTarget, SipTransport
from numberdesk.core.connection_targets import route_of_fields
from numberdesk.core.errors import InvalidRequest


def target(**given: object) -> SipTarget:
    route = route_of_fields(ConnectionKind.SIP, {"targets": [given]})
    assert isinstance(route, SipRoute)
    return route.targets[0]


@pytest.mark.parametrize("uri", ["sips:pbx.example.com", "SIPS:pbx.example.com", " sips:pbx.example.com"])
@pytest.mark.parametrize("transport", [None, "tls"])
def test_sips_means_tls(uri: str, transport: str | None) -> None:
    kept = target(uri=uri, transport=transport)
    assert (kept.uri, kept.transport) == ("sip:pbx.example.com", SipTransport.TLS)


@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_sips_by_another_transport_is_refused_and_never_sent_in_the_open(transport: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^targets\[0\]\.transport .*sips:"):
        target(uri="sips:pbx.example.com", transport=transport)


def test_an_address_without_sips_goes_by_what_is_set_beside_it() -> None:
    assert target(uri="sip:pbx.example.com").transport is SipTransport.UDP
    assert target(uri="sipsy.example.com").transport is SipTransport.UDP
    assert target(uri="pbx:5060", transport="tcp") == SipTarget("sip:pbx:5060", transport=SipTransport.TCP)


@pytest.mark.parametrize("transport", ["udp", "tls"])
@pytest.mark.parametrize("uri", ["sip:pbx.example.com;transport=tls", "sips:a@pbx.example.com;transport=udp", "x?a=b"])
def test_parameters_of_an_address_are_refused_whatever_stands_beside_them(uri: str, transport: str) -> None:
    with pytest.raises(InvalidRequest, match=r"^targets\[0\]\.uri .*set transport beside it"):
        target(uri=uri, transport=transport)


@pytest.mark.parametrize(
    "uri",
    ["tel:911", "tel:+13612738809", "TEL:1361", "https://example.com", "mailto:a@example.com", "h323:1720", "a://b"],
)
def test_another_scheme_is_named_and_never_taken_for_a_host(uri: str) -> None:
    said = r"^targets\[0\]\.uri must begin with sip: or sips:, and not with [a-z0-9]+:"
    with pytest.raises(InvalidRequest, match=said):
        target(uri=uri)
