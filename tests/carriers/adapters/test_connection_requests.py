"""What is sent to a carrier to set where calls go, to the letter."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import parse_qsl

from carrier_mock.model import Api
from carrier_mock.running import Config
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.core.connection import (
    CarrierRoute,
    Connected,
    ForwardRoute,
    NotConnected,
    NumberFormat,
    SipRoute,
    SipTarget,
    SipTransport,
    Srtp,
    WantedConnection,
    WebhookDialect,
    WebhookRoute,
)
from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse
from testbed.carrier_mock import simulated
from testbed.egress import LOOPBACK
from testbed.scripted import Answer, Seen, scripted
from tests.carriers.adapters.stand_ins import (
    DIGITS,
    NATIONAL,
    BandwidthStandIn,
    PlivoStandIn,
    SignalWireStandIn,
    VonageStandIn,
)
from tests.carriers.adapters.test_connections import E164, SETUPS, SID

SECURE: Final = SipTarget("sip:pbx.example.com:5061", 10, 60, SipTransport.TLS, Srtp.REQUIRE, 20)
NUMBER_SID: Final = "PN" + "1" * 32


class Recording:
    """Sends requests, and keeps what changes something, without ids that are made up."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.changes: list[tuple[str, str, str]] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one."""
        if request.method != "GET":
            path = request.url.partition("//")[2].partition("/")[2]
            self.changes.append((request.method, f"/{path}", request.body.decode()))
        return await self._http.send(request)


def told(kind: str, url: str, route: CarrierRoute | None, *, e164: str = E164, number_id: str | None = None) -> Any:
    """What comes of a connect, and the requests that changed something."""

    async def story() -> Any:
        http = HttpClient(egress=LOOPBACK)
        recording = Recording(http)
        carrier = KINDS[kind].build(checked_setup(kind, {**SETUPS[kind], "base_url": url}), recording)
        try:
            return await carrier.connect(e164, number_id, WantedConnection("con_1", route)), recording.changes
        finally:
            await http.close()

    return asyncio.run(story())


def at(kind: str, stand_in: Callable[[Seen], Answer], route: CarrierRoute | None) -> Any:
    with scripted(stand_in) as server:
        return told(kind, server.url, route)


def test_twilio_is_given_a_trunk_with_targets_and_then_the_number() -> None:
    with simulated(Config(numbers=5, order_seconds=0)) as mock:
        bought = mock.control.orphans(Api.TWILIO, account=SID)[0]
        word, changes = told("twilio", mock.url, SipRoute((SECURE,)), e164=bought.phone_number)
        trunk = word.reference
        number = f"/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers/{bought.number_id}.json"
        sip_url = "sip:pbx.example.com:5061;transport=tls"
        assert [(method, path, dict(parse_qsl(body))) for method, path, body in changes] == [
            ("POST", "/v1/Trunks", {"FriendlyName": "numberdesk con_1", "Secure": "true"}),
            (
                "POST",
                f"/v1/Trunks/{trunk}/OriginationUrls",
                {"FriendlyName": sip_url, "SipUrl": sip_url, "Enabled": "true", "Priority": "10", "Weight": "60"},
            ),
            ("POST", number, {"TrunkSid": trunk}),
        ]
        _, changes = told("twilio", mock.url, WebhookRoute("https://a.example.com/x", "GET"), e164=bought.phone_number)
        assert changes[0] == ("DELETE", f"/v1/Trunks/{trunk}/PhoneNumbers/{bought.number_id}", "")
        assert changes[1][:2] == ("POST", number)
        assert dict(parse_qsl(changes[1][2], keep_blank_values=True)) == {
            "VoiceUrl": "https://a.example.com/x",
            "VoiceFallbackUrl": "",
            "VoiceMethod": "GET",
            "VoiceFallbackMethod": "GET",
        }


def test_telnyx_is_given_a_connection_its_hosts_their_order_and_then_the_number() -> None:
    with simulated(Config(numbers=5, order_seconds=0)) as mock:
        account = SETUPS["telnyx"]["api_key"]
        bought = mock.control.orphans(Api.TELNYX, account=account)[0]
        route = SipRoute((SECURE,), NumberFormat.PLAIN)
        word, changes = told("telnyx", mock.url, route, e164=bought.phone_number)
        trunk = word.reference
        bodies = [(method, path, json_of(body)) for method, path, body in changes]
        settings = {"transport_protocol": "TLS", "encrypted_media": "SRTP"}
        inbound = {"dnis_number_format": "e164", "default_routing_method": "sequential", "timeout_2xx_secs": 20}
        fqdn = bodies[2][2]["inbound"]["default_primary_fqdn_id"]
        assert bodies == [
            ("POST", "/fqdn_connections", {"connection_name": "numberdesk con_1", **settings, "inbound": inbound}),
            (
                "POST",
                "/fqdns",
                {"connection_id": trunk, "fqdn": "pbx.example.com", "dns_record_type": "a", "port": 5061},
            ),
            (
                "PATCH",
                f"/fqdn_connections/{trunk}",
                {
                    **settings,
                    "inbound": {
                        **inbound,
                        "default_primary_fqdn_id": fqdn,
                        "default_secondary_fqdn_id": None,
                        "default_tertiary_fqdn_id": None,
                    },
                },
            ),
            ("PATCH", f"/phone_numbers/{bought.number_id}", {"connection_id": trunk}),
        ]
        other = SipRoute((SECURE._replace(uri="sip:other.example.com"),), NumberFormat.PLAIN)
        _, changes = told("telnyx", mock.url, other, e164=bought.phone_number)
        assert [(method, path.partition(trunk)[0]) for method, path, _ in changes] == [
            ("POST", "/fqdns"),
            ("PATCH", "/fqdn_connections/"),
            ("DELETE", f"/fqdns/{fqdn}"),
        ]
        _, changes = told("telnyx", mock.url, ForwardRoute("+12125550199"), e164=bought.phone_number)
        forwarding = {"call_forwarding_enabled": True, "forwards_to": "+12125550199", "forwarding_type": "always"}
        assert [(path, json_of(body)) for _, path, body in changes] == [
            (f"/phone_numbers/{bought.number_id}/voice", {"call_forwarding": forwarding})
        ]


def json_of(body: str) -> Any:
    return json.loads(body)


def test_plivo_is_given_a_uri_a_trunk_and_then_the_number() -> None:
    word, changes = at("plivo", PlivoStandIn(), SipRoute((SECURE,)))
    assert word == Connected("trunk-2")
    account = "/v1/Account/MA123"
    uri = {"name": "numberdesk con_1 1", "uri": "pbx.example.com:5061;transport=tls", "authentication_needed": False}
    trunk = {"name": "numberdesk con_1", "trunk_direction": "inbound", "secure": True, "trunk_status": "enabled"}
    assert [(path, json_of(body)) for _, path, body in changes] == [
        (f"{account}/Zentrunk/URI/", uri),
        (f"{account}/Zentrunk/Trunk/", {**trunk, "primary_uri_uuid": "uri-1"}),
        (f"{account}/Number/{DIGITS}/", {"app_id": "trunk-2"}),
    ]
    stand_in = PlivoStandIn()
    stand_in.app_id = "5"
    assert [json_of(body) for _, _, body in at("plivo", stand_in, None)[1]] == [{"app_id": None}]


def test_vonage_keeps_all_that_the_number_has_for_messages() -> None:
    stand_in = VonageStandIn()
    stand_in.number |= {"messagesCallbackType": "app", "messagesCallbackValue": "c" * 36}
    word, changes = at("vonage", stand_in, SipRoute((SipTarget("sip:pbx.example.com"),), NumberFormat.NATIONAL))
    assert word == Connected()
    assert [(method, path, dict(parse_qsl(body))) for method, path, body in changes] == [
        (
            "POST",
            "/number/update",
            {
                "country": "US",
                "msisdn": DIGITS,
                "moHttpUrl": "https://sms.example.com/in",
                "messagesCallbackType": "app",
                "messagesCallbackValue": "c" * 36,
                "app_id": "a" * 36,
                "voiceCallbackType": "sip",
                "voiceCallbackValue": f"sip:{NATIONAL}@pbx.example.com",
            },
        )
    ]


def test_bandwidth_is_sent_an_order_of_options() -> None:
    word, changes = at("bandwidth", BandwidthStandIn(), SipRoute((SipTarget("sip:192.0.2.7:5070", 1, 2),)))
    assert word == Connected()
    ((method, path, body),) = changes
    assert (method, path) == ("POST", "/accounts/9900012/tnoptions")
    assert body.partition("</CustomerOrderId>")[2] == (
        "<TnOptionGroups><TnOptionGroup><NumberFormat>e164</NumberFormat><CallForward>systemdefault</CallForward>"
        "<OriginationRoutePlan><Action>asSpecified</Action><Route><Endpoint>192.0.2.7:5070</Endpoint>"
        "<EndpointType>IPv4</EndpointType><Priority>1</Priority><Weight>2</Weight></Route></OriginationRoutePlan>"
        f"<TelephoneNumbers><TelephoneNumber>{NATIONAL}</TelephoneNumber></TelephoneNumbers>"
        "</TnOptionGroup></TnOptionGroups></TnOptionOrder>"
    )
    assert len(body.partition("<CustomerOrderId>")[2].partition("<")[0]) <= 40


def test_signalwire_is_given_a_gateway_and_then_the_number() -> None:
    word, changes = at("signalwire", SignalWireStandIn(), SipRoute((SECURE,)))
    gateway_id = f"00000000-0000-4000-8000-{1:012d}"
    assert word == Connected(gateway_id)
    (_, first, body), (_, second, route) = changes
    assert (first, second) == ("/api/fabric/resources/sip_gateways", f"/api/fabric/resources/{gateway_id}/phone_routes")
    gateway = json_of(body)
    assert (gateway["name"], gateway["uri"]) == ("numberdesk con_1", "pbx.example.com:5061;transport=tls")
    assert gateway["encryption"] == "required"
    assert json_of(route) == {"phone_route_id": SignalWireStandIn.number_id, "handler": "calling"}
    laml = WebhookRoute("https://a.example.com/x", "GET", "https://b.example.com/y", WebhookDialect.TWIML)
    _, ((method, path, body),) = at("signalwire", SignalWireStandIn(), laml)
    assert (method, path) == ("PUT", f"/api/relay/rest/phone_numbers/{SignalWireStandIn.number_id}")
    assert json_of(body) == {
        "call_handler": "laml_webhooks",
        "call_request_url": "https://a.example.com/x",
        "call_request_method": "GET",
        "call_fallback_url": "https://b.example.com/y",
        "call_fallback_method": "GET",
    }


class TestBandwidthsOrders:
    """Options are set by an order that is worked off later."""

    route: Final = SipRoute((SipTarget("sip:pbx.example.com", 1, 1),))

    def story(self, stand_in: BandwidthStandIn, calls: int) -> tuple[list[Any], int]:
        async def asked(url: str) -> list[Any]:
            http = HttpClient(egress=LOOPBACK)
            setup = checked_setup("bandwidth", {**SETUPS["bandwidth"], "base_url": url})
            carrier = KINDS["bandwidth"].build(setup, http)
            try:
                return [await carrier.connect(E164, None, WantedConnection("con_1", self.route)) for _ in range(calls)]
            finally:
                await http.close()

        with scripted(stand_in) as server:
            words = asyncio.run(asked(server.url))
            return words, sum(seen.method == "POST" for seen in server.seen)

    def test_one_that_is_worked_on_is_followed_and_not_sent_again(self) -> None:
        words, posts = self.story(BandwidthStandIn(decides_after=4), 2)
        assert isinstance(words[0], NotConnected)
        assert "is 'processing'" in words[0].message
        assert (words[1], posts) == (Connected(), 1)

    def test_one_that_failed_is_told_in_its_words_and_sent_anew_the_next_time(self) -> None:
        words, posts = self.story(BandwidthStandIn(fails="no such route"), 2)
        assert all("is 'failed'" in word.message and "no such route" in word.message for word in words)
        assert posts == 2

    def test_where_the_record_is_silent_of_routes_the_newest_order_shows_them(self) -> None:
        words, posts = self.story(BandwidthStandIn(shows_routes=False), 2)
        assert (words, posts) == ([Connected(), Connected()], 1)
