"""The requests that set where calls go are ones that carriers document, as far as their documents are read here.

They are made before carriers that keep what they are told, and sent once more to Prism. No document is read for
Telnyx's FQDN connections, FQDNs, TeXML applications and voice settings (the mock speaks them with Telnyx's own client,
see test_carrier_mock.py), Vonage's applications (one is public: definitions/application.v2.yml
of Nexmo/api-specification), all of Plivo, and Bandwidth's options, locations and applications: what is
sent there is held to captured shapes alone, in tests/carriers/adapters/stand_ins.py.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any, Final

import pytest

from carrier_mock.running import Config
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.core.connection import NativeRoute, WantedConnection, WebhookDialect, WebhookRoute
from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse
from testbed.carrier_mock import MockUrls, simulated
from testbed.egress import LOOPBACK
from testbed.prism import SPECS, Mend, mock
from tests.carriers.adapters.test_connections import SETUPS, Place, place_at, routes_of
from tests.contract.test_requests import DOCUMENTS, with_basic_authentication

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]


def with_trunking(document: dict[str, Any]) -> None:
    """Twilio's trunks are a document of their own, on a host of their own.

    An empty text takes an address or an application away, as its pages say; its document wants a URI and a SID.
    """
    _with(document, "twilio-trunking.json")
    number = "/2010-04-01/Accounts/{AccountSid}/IncomingPhoneNumbers/{Sid}.json"
    body = document["paths"][number]["post"]["requestBody"]["content"]["application/x-www-form-urlencoded"]
    for name in ("VoiceUrl", "VoiceFallbackUrl"):
        del body["schema"]["properties"][name]["format"]
    body["schema"]["properties"]["VoiceApplicationSid"] = {"type": "string"}


def with_voice(document: dict[str, Any]) -> None:
    """SignalWire's SIP gateways and the handlers of numbers are in a document of their own."""
    _with(document, "signalwire-voice.json")


def _with(document: dict[str, Any], name: str) -> None:
    more = json.loads((SPECS / name).read_text())
    document["paths"] |= {path: operations for path, operations in more["paths"].items() if operations}
    for kind, components in more["components"].items():
        document["components"].setdefault(kind, {}).update(components)


MENDS: Final[dict[str, Mend]] = {
    "twilio": with_trunking,
    "vonage": with_basic_authentication,
    "signalwire": with_voice,
}
UNDOCUMENTED: Final = {
    "telnyx": ("/fqdn", "/texml_applications", "/voice"),
    "vonage": ("/v2/applications",),
    "twilio": (),
    "signalwire": (),
}
SET: Final = {
    "twilio": {
        "POST IncomingPhoneNumbers",
        "POST Trunks",
        "POST OriginationUrls",
        "DELETE PhoneNumbers",
        "DELETE Trunks",
    },
    "telnyx": {"PATCH phone_numbers"},
    "vonage": {"POST update"},
    "signalwire": {"PUT phone_numbers", "POST sip_gateways", "POST phone_routes", "DELETE sip_gateways"},
}
"""What has to be among the requests: a method, and the last word of the path that is no id."""


class Kept:
    """Sends requests, and keeps them."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.sent: list[HttpRequest] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one."""
        self.sent.append(request)
        return await self._http.send(request)


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated(Config(numbers=20, order_seconds=0)) as running:
        yield running


def made_at(kind: str, place: Place, url: str) -> list[HttpRequest]:
    """Every request of a number that is connected to one thing after the other, shown, and cleared."""

    async def story() -> list[HttpRequest]:
        http = HttpClient(egress=LOOPBACK)
        kept = Kept(http)
        carrier = KINDS[kind].build(checked_setup(kind, {**SETUPS[kind], "base_url": url}), kept)
        routes = [*routes_of(kind).values(), None]
        if kind == "signalwire":
            routes += [WebhookRoute("https://a.example.com/", "GET", "https://b.example.com/", WebhookDialect.TWIML)]
            routes += [NativeRoute("laml_application", "1"), NativeRoute("relay_connector", "2"), None]
        for route in routes:
            wanted = WantedConnection("con_1", route)
            await carrier.connect(place.e164, None, wanted)
            await carrier.routing(place.e164, None, wanted)
        await carrier.forget_connection("con_1")
        await http.close()
        return kept.sent

    return asyncio.run(story())


def violations(requests: list[HttpRequest], before: str, url: str) -> list[str]:
    """What Prism finds wrong with requests that were sent to another address."""

    async def story() -> list[str]:
        http, wrong = HttpClient(egress=LOOPBACK), []
        for request in requests:
            answer = await http.send(request._replace(url=url + request.url.removeprefix(before), once=False))
            found = json.loads(answer.headers.get("sl-violations", "[]"))
            about_us = [one for one in found if one["location"][:1] == ["request"]]
            if about_us or "problem+json" in answer.headers.get("content-type", ""):
                wrong.append(f"{request.method} {request.url}: {about_us or answer.body.decode()}")
        await http.close()
        return wrong

    return asyncio.run(story())


@pytest.mark.parametrize("kind", MENDS | {"telnyx": None})
def test_whatever_sets_where_calls_go_is_in_the_carriers_document(kind: str, carriers: MockUrls) -> None:
    with place_at(kind, carriers) as place:
        requests = made_at(kind, place, place.url)
    documented = [one for one in requests if not any(part in one.url for part in UNDOCUMENTED[kind])]
    with mock(DOCUMENTS[kind], MENDS.get(kind)) as url:
        assert violations(documented, place.url, url) == []
    assert {_named(one) for one in documented} >= SET[kind]


def _named(request: HttpRequest) -> str:
    words = request.url.partition("?")[0].removesuffix(".json").split("/")
    return f"{request.method} {next(word for word in reversed(words) if word.replace('_', '').isalpha())}"
