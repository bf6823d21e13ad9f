"""Carriers' own clients get along with our mock, and what it answers is what the carriers document."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlsplit

import pytest
import telnyx
from twilio.base.exceptions import TwilioException, TwilioRestException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from carrier_mock.running import Config
from testbed.carrier_mock import MockUrls, simulated
from testbed.prism import between
from tests.contract.test_requests import with_pricing

pytestmark = [pytest.mark.contract, pytest.mark.timeout(180)]

SID: Final = "AC" + "0" * 31 + "1"
REFERENCE: Final = "ord_0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def carriers() -> Iterator[MockUrls]:
    with simulated(Config(order_seconds=0)) as running:
        yield running


def twilios_own_mistakes(document: dict[str, Any]) -> None:
    """Where Twilio's document and its service differ: addresses are relative, amounts and coordinates are texts."""
    with_pricing(document)
    _walk(document["components"]["schemas"])
    _walk([operation["responses"] for path in document["paths"].values() for operation in _operations(path)])


def _operations(path: dict[str, Any]) -> list[dict[str, Any]]:
    return [operation for operation in path.values() if isinstance(operation, dict) and "responses" in operation]


def _walk(schema: Any) -> None:
    if isinstance(schema, list):
        for part in schema:
            _walk(part)
    if not isinstance(schema, dict):
        return
    if schema.get("format") == "uri":
        del schema["format"]
    if schema.get("type") == "number":
        schema["type"] = "string"
    for part in schema.values():
        _walk(part)


class Redirected(TwilioHttpClient):  # type: ignore[misc]  # its base is not typed
    """Twilio's own HTTP client, which sends everything to one address."""

    def __init__(self, url: str) -> None:
        super().__init__(timeout=30)
        self._url = url

    def request(self, method: str, url: str, *rest: Any, **options: Any) -> Any:
        """Send it there."""
        parts = urlsplit(url)
        return super().request(method, self._url + parts.path, *rest, **options)


@pytest.fixture(scope="module")
def twilio(carriers: MockUrls) -> Iterator[Client]:
    with between("twilio-numbers.json", carriers.twilio_url, twilios_own_mistakes) as url:
        yield Client(SID, "a-token", http_client=Redirected(url))


@pytest.fixture(scope="module")
def telnyx_client(carriers: MockUrls) -> Iterator[telnyx.Telnyx]:
    with between("telnyx-numbers.json", carriers.telnyx_url) as url:
        yield telnyx.Telnyx(api_key="KEY0123", base_url=url, max_retries=0)


def test_twilios_client_searches_buys_finds_lists_and_releases(twilio: Client) -> None:
    found = twilio.available_phone_numbers("US").local.list(area_code=212, sms_enabled=True, limit=5)
    assert len(found) == 5
    assert all(number.phone_number.startswith("+1212") for number in found)
    wanted = found[0].phone_number
    bought = twilio.incoming_phone_numbers.create(phone_number=wanted, friendly_name=REFERENCE)
    assert (bought.phone_number, bought.friendly_name) == (wanted, REFERENCE)
    for filters in ({"phone_number": wanted}, {"friendly_name": REFERENCE}):
        assert [one.sid for one in twilio.incoming_phone_numbers.list(**filters, limit=5)] == [bought.sid]
    assert twilio.incoming_phone_numbers(bought.sid).fetch().phone_number == wanted
    with pytest.raises(TwilioRestException) as taken:
        twilio.incoming_phone_numbers.create(phone_number=wanted)
    assert (taken.value.status, taken.value.code) == (400, 21422)
    assert twilio.incoming_phone_numbers(bought.sid).delete()
    assert twilio.incoming_phone_numbers.list(phone_number=wanted, limit=5) == []


@pytest.mark.parametrize(("country", "kind"), [("US", "toll_free"), ("AU", "mobile")])
def test_twilios_client_searches_other_types(twilio: Client, country: str, kind: str) -> None:
    found = getattr(twilio.available_phone_numbers(country), kind).list(limit=2)
    assert all(number.iso_country == country for number in found)


def test_twilios_client_is_told_that_a_country_has_no_numbers_of_a_type(twilio: Client) -> None:
    with pytest.raises(TwilioException, match="20404"):
        twilio.available_phone_numbers("GB").mobile.list(limit=1)


def test_twilios_client_reads_prices_and_balance(twilio: Client) -> None:
    prices = twilio.pricing.v1.phone_numbers.countries("US").fetch()
    assert prices.price_unit == "USD"
    assert {price["number_type"] for price in prices.phone_number_prices} >= {"local", "toll free"}
    assert twilio.pricing.v1.voice.countries("US").fetch().inbound_call_prices
    assert Decimal(twilio.api.v2010.accounts(SID).balance.fetch().balance) > 0


def test_twilios_client_is_told_that_the_password_is_wrong(carriers: MockUrls) -> None:
    with between("twilio-numbers.json", carriers.twilio_url, twilios_own_mistakes) as url:
        wrong = Client(SID, "wrong", http_client=Redirected(url))
        with pytest.raises(TwilioRestException) as refused:
            wrong.incoming_phone_numbers.create(phone_number="+12125550150")
    assert (refused.value.status, refused.value.code) == (401, 20003)


def test_telnyxs_client_searches_orders_finds_lists_and_releases(telnyx_client: telnyx.Telnyx) -> None:
    found = telnyx_client.available_phone_numbers.list(
        filter={"country_code": "US", "national_destination_code": "917", "features": ["sms"], "limit": 5}
    )
    assert found.data
    wanted = found.data[0].phone_number
    assert wanted is not None
    ordered = telnyx_client.number_orders.create(phone_numbers=[{"phone_number": wanted}], customer_reference=REFERENCE)
    assert ordered.data is not None
    assert ordered.data.customer_reference == REFERENCE
    assert telnyx_client.number_orders.retrieve(str(ordered.data.id)).data is not None
    orders = list(telnyx_client.number_orders.list(filter={"customer_reference": REFERENCE}))
    assert [order.id for order in orders] == [ordered.data.id]
    owned = list(telnyx_client.phone_numbers.list(filter={"phone_number": wanted.removeprefix("+")}))
    assert [number.phone_number for number in owned] == [wanted]
    assert telnyx_client.phone_numbers.delete(str(owned[0].id)).data is not None
    assert list(telnyx_client.phone_numbers.list(filter={"phone_number": wanted.removeprefix("+")})) == []
    assert telnyx_client.balance.retrieve().data is not None


def test_telnyxs_client_is_told_what_cannot_be_ordered(telnyx_client: telnyx.Telnyx) -> None:
    with pytest.raises(telnyx.APIStatusError) as refused:
        telnyx_client.number_orders.create(phone_numbers=[{"phone_number": "+12125550150"}])
    assert "85000" in refused.value.response.text
