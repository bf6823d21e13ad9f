"""The requests that adapters send are ones that their carriers document."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any, Final

import pytest

from numberdesk.carriers.port import Carrier, CarrierError, Wanted
from numberdesk.carriers.registry import KINDS, checked_setup
from numberdesk.infra.http import HttpClient, HttpRequest, HttpResponse
from testbed.egress import LOOPBACK
from testbed.prism import SPECS, Mend, mock

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]

NUMBER: Final = "+14155550100"
REFERENCE: Final = "ord_0123456789abcdef0123456789abcdef"
PLAIN: Final = Wanted("US", "1", "local", "", "", "", "", "", "", (), 20)

SETUPS: Final = {
    "twilio": {"account_sid": "AC" + "0" * 32, "auth_token": "t" * 32, "address_sid": "AD" + "0" * 32},
    "telnyx": {"api_key": "KEY0123", "connection_id": "1", "messaging_profile_id": "abc", "billing_group_id": "def"},
    "vonage": {"api_key": "abcdef12", "api_secret": "secret-of-vonage"},
    "bandwidth": {"account_id": "9900000", "username": "us-er", "password": "pass-word", "site_id": "461"},
    "signalwire": {"space": "example", "project_id": "p" * 36, "api_token": "PT0123456789"},
}
DOCUMENTS: Final = {
    "twilio": "twilio-numbers.json",
    "telnyx": "telnyx-numbers.json",
    "vonage": "vonage-numbers.json",
    "bandwidth": "bandwidth-numbers.json",
    "signalwire": "signalwire-numbers.json",
}

NUMBER_IDS: Final = {
    "twilio": "PN" + "0" * 32,
    "telnyx": "1293384261075731499",
    "vonage": "US:14155550100",
    "bandwidth": "4155550100",
    "signalwire": "497f6eca-6276-4993-bfeb-53cbbbba6f08",
}

SEARCHES: Final = {
    "plainly": PLAIN,
    "of any type": PLAIN._replace(number_type=None),
    "by area code": PLAIN._replace(area_code="415"),
    "by area code and the first digits": PLAIN._replace(area_code="415", starts_with="41555"),
    "by place": PLAIN._replace(region="CA", locality="San Francisco"),
    "by digits anywhere": PLAIN._replace(contains="78676"),
    "by last digits": PLAIN._replace(ends_with="0100"),
    "by all of them": PLAIN._replace(region="CA", starts_with="415", contains="555", ends_with="00", area_code="415"),
    "by capabilities": PLAIN._replace(capabilities=("voice", "sms", "mms", "fax")),
    "toll-free": PLAIN._replace(number_type="toll_free", contains="786"),
    "many": PLAIN._replace(limit=250),
}

NOT_OF_THE_DOCUMENT: Final = {"vonage": "/account/get-balance"}
"""What is asked beside the trimmed documents."""


def with_pricing(document: dict[str, Any]) -> None:
    """Twilio's prices are a document of their own, on a host of their own."""
    pricing = json.loads((SPECS / "twilio-pricing.json").read_text())
    document["paths"] |= {path: operations for path, operations in pricing["paths"].items() if operations}
    document["components"]["schemas"] |= pricing["components"]["schemas"]


def with_basic_authentication(document: dict[str, Any]) -> None:
    """The document of 2021 wants key and secret in the query; Vonage takes HTTP Basic since, which its client sends."""
    basic = {"type": "http", "scheme": "basic"}
    document["components"]["securitySchemes"] = {"basic": basic}
    document["security"] = [{"basic": []}]
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict):
                operation["security"] = [{"basic": []}]


def without_xml_bodies(document: dict[str, Any]) -> None:
    """Prism reads no XML: paths and parameters are held against the document here, bodies in its own tests."""
    for operations in document["paths"].values():
        for operation in operations.values():
            if isinstance(operation, dict) and "responses" in operation:
                if "requestBody" in operation:
                    operation["requestBody"] = {"content": {"application/xml": {"schema": {"type": "string"}}}}
                operation["responses"] = {
                    code: {"description": "done"} for code in operation["responses"] if code < "3"
                }


MENDS: Final[dict[str, Mend]] = {
    "twilio": with_pricing,
    "vonage": with_basic_authentication,
    "bandwidth": without_xml_bodies,
}


class Recording:
    """Sends requests, and keeps what Prism found wrong with them."""

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        self.sent: list[str] = []
        self.wrong: list[str] = []

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Send one."""
        answer = await self._http.send(request)
        self.sent.append(f"{request.method} {request.url}")
        violations = json.loads(answer.headers.get("sl-violations", "[]"))
        about_us = [one for one in violations if one["location"][:1] == ["request"]]
        if about_us or "problem+json" in answer.headers.get("content-type", ""):
            self.wrong.append(f"{self.sent[-1]}: {about_us or answer.body.decode()}")
        return answer


async def everything(carrier: Carrier, number_id: str) -> None:
    """Every call of the port. What comes back are the document's examples, which mean nothing."""
    calls: list[Callable[[], Awaitable[Any]]] = [
        *(lambda wanted=wanted: carrier.search(wanted) for wanted in SEARCHES.values()),
        lambda: carrier.order(NUMBER, REFERENCE),
        lambda: carrier.find(NUMBER, REFERENCE),
        lambda: carrier.owned(None),
        lambda: carrier.release(NUMBER, None),
        lambda: carrier.release(NUMBER, number_id),
        carrier.check,
    ]
    for call in calls:
        try:
            await call()
        except CarrierError:
            continue


@pytest.mark.parametrize("kind", DOCUMENTS)
def test_whatever_an_adapter_asks_is_in_its_carriers_document(kind: str) -> None:
    async def story(url: str) -> Recording:
        http = HttpClient(egress=LOOPBACK)
        recording = Recording(http)
        setup = checked_setup(kind, {**SETUPS[kind], "base_url": url})
        await everything(KINDS[kind].build(setup, recording), NUMBER_IDS[kind])
        await http.close()
        return recording

    with mock(DOCUMENTS[kind], MENDS.get(kind)) as url:
        recording = asyncio.run(story(url))
    beside = NOT_OF_THE_DOCUMENT.get(kind, "nothing")
    assert [one for one in recording.wrong if beside not in one] == []
    assert len(recording.sent) > len(SEARCHES)


def test_a_request_that_is_not_in_the_document_is_seen() -> None:
    async def story(url: str) -> Recording:
        http = HttpClient(egress=LOOPBACK)
        recording = Recording(http)
        for path in ("/2010-04-01/Accounts/AC/IncomingPhoneNumbers.json", "/2010-04-01/Nothing.json"):
            await recording.send(HttpRequest("GET", url + path, {"Authorization": "Basic YTpi"}))
        await http.close()
        return recording

    with mock(DOCUMENTS["twilio"]) as url:
        assert len(asyncio.run(story(url)).wrong) == 2
