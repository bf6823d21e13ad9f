"""A test of a connection goes only where a connection may lead, by what its names lead to at that moment."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from numberdesk.connections.livekit import LiveKitTrunks
from numberdesk.connections.prober import ConnectionTests, Probe
from numberdesk.core.connection import Route, SipRoute, SipTarget, SipTransport, WebhookRoute
from numberdesk.infra.egress import Egress
from testbed.egress import listening


class Rebound:
    """A name that leads outside when it is looked up first, and inside from then on."""

    def __init__(self) -> None:
        self.asked = 0

    async def __call__(self, host: str, port: int) -> Sequence[str]:  # noqa: ARG002  whatever it is asked
        self.asked += 1
        return ["8.8.8.8"] if self.asked == 1 else ["127.0.0.1"]


def probed(route: Route, egress: Egress) -> list[Probe]:
    trunks = LiveKitTrunks(lambda: 0, egress=egress)
    return asyncio.run(ConnectionTests(lambda: "0" * 32, egress=egress, seconds=2.0, trunks=trunks).run("me", route))


@pytest.mark.parametrize("transport", SipTransport)
def test_a_name_that_leads_inside_when_it_is_looked_up_again_is_not_asked_by_sip(transport: SipTransport) -> None:
    with listening() as listener:
        egress = Egress(ports=frozenset({listener.port}), resolve=Rebound())
        asyncio.run(egress.check_sip_destination("rebound.example.com", listener.port))
        target = SipTarget(f"sip:rebound.example.com:{listener.port}", transport=transport)
        (probe,) = probed(SipRoute((target,)), egress)
    assert (probe.reached, listener.arrived) == (False, [])
    assert "must not lead to 127.0.0.1, a loopback address" in probe.said


def test_a_webhook_whose_name_leads_inside_when_it_is_looked_up_again_is_not_asked() -> None:
    with listening() as listener:
        egress = Egress(ports=frozenset({listener.port}), resolve=Rebound())
        url = f"https://rebound.example.com:{listener.port}/"
        asyncio.run(egress.check_destination(url))
        (probe,) = probed(WebhookRoute(url), egress)
    assert (probe.reached, listener.arrived) == (False, [])
    assert "must not lead to 127.0.0.1, a loopback address" in probe.said
