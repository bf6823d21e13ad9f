"""A test of a connection goes only where a connection may lead, by what its names lead to at that moment."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence
from pathlib import Path

import pytest

from numberdesk.connections.livekit import LiveKitTrunks
from numberdesk.connections.prober import ConnectionTests, Probe
from numberdesk.core.connection import Route, SipRoute, SipTarget, SipTransport, WebhookRoute
from numberdesk.infra.egress import Egress, parse_networks
from testbed.egress import listening
from tests.infra.test_http_tls import Certified


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


def by_tls(certified: Certified, name: str, *, believed: bool) -> Probe:
    """A test of a SIP server under a name that leads to it."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"SIP/2.0 200 OK\r\n\r\n")
            await writer.drain()
        writer.close()

    async def main() -> Probe:
        server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=certified.serving)
        async with server:
            port = server.sockets[0].getsockname()[1]
            trust = (lambda: certified.trust) if believed else None
            egress = Egress(parse_networks("127.0.0.0/8"), ports=frozenset({port}), resolve=_here)
            tests = ConnectionTests(
                lambda: "0" * 32,
                egress=egress,
                seconds=5.0,
                trunks=LiveKitTrunks(lambda: 0, egress=egress),
                trust=trust,
            )
            target = SipTarget(f"sip:{name}:{port}", transport=SipTransport.TLS)
            (probe,) = await tests.run("me", SipRoute((target,)))
            return probe

    return asyncio.run(main())


async def _here(host: str, port: int) -> Sequence[str]:  # noqa: ARG001  whatever it is asked
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    ("name", "believed", "reached"),
    [("127.0.0.1", True, True), ("127.0.0.1", False, False), ("pbx.example.com", True, False)],
    ids=["good", "of nobody who is trusted", "of another name"],
)
def test_a_certificate_is_one_of_who_is_trusted_for_the_name_of_the_target(
    tmp_path: Path, name: str, *, believed: bool, reached: bool
) -> None:
    probe = by_tls(Certified(tmp_path), name, believed=believed)
    assert (probe.reached, "certificate is not good" in probe.said) == (reached, not reached), probe.said
    assert reached == probe.said.startswith("answered 200 OK")
