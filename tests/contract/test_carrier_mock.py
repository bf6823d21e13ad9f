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

from carrier_mock.model import Api
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


def test_twilios_client_makes_a_trunk_with_targets_and_puts_a_number_on_it(carriers: MockUrls, twilio: Client) -> None:
    wanted = twilio.available_phone_numbers("US").local.list(area_code=646, limit=1)[0].phone_number
    number = twilio.incoming_phone_numbers.create(phone_number=wanted)
    with between("twilio-trunking.json", carriers.twilio_url, twilios_own_mistakes) as url:
        trunks = Client(SID, "a-token", http_client=Redirected(url)).trunking.v1.trunks
        trunk = trunks.create(friendly_name="numberdesk con_1", secure=True)
        assert [one.sid for one in trunks.list(limit=5)] == [trunk.sid]
        target = {"weight": 10, "priority": 1, "enabled": True, "friendly_name": "a", "sip_url": "sip:a.example.com"}
        made = trunks(trunk.sid).origination_urls.create(**target)
        assert trunks(trunk.sid).origination_urls(made.sid).update(priority=5).priority == 5
        assert twilio.incoming_phone_numbers(number.sid).update(trunk_sid=trunk.sid).trunk_sid == trunk.sid
        assert carriers.control.ring(wanted)["targets"] == [{"uri": "sip:a.example.com", "priority": 5, "weight": 10}]
        assert trunks(trunk.sid).phone_numbers(number.sid).delete()
        assert twilio.incoming_phone_numbers(number.sid).fetch().trunk_sid is None
        assert trunks(trunk.sid).delete()
        assert trunks.list(limit=5) == []


def test_telnyxs_client_makes_a_connection_with_hosts_and_puts_a_number_on_it(carriers: MockUrls) -> None:
    bought = carriers.control.orphans(Api.TELNYX, account="KEY0123")[0]
    client = telnyx.Telnyx(api_key="KEY0123", base_url=f"{carriers.telnyx_url}/v2", max_retries=0)
    trunk = client.fqdn_connections.create(connection_name="numberdesk con_1", transport_protocol="TLS").data
    assert trunk is not None
    assert trunk.id is not None
    host = client.fqdns.create(connection_id=trunk.id, dns_record_type="a", fqdn="a.example.com", port=5061).data
    assert host is not None
    assert host.id is not None
    changed = client.fqdn_connections.update(trunk.id, inbound={"default_primary_fqdn_id": host.id}).data
    assert changed is not None
    assert changed.transport_protocol == "TLS"
    found = list(client.fqdn_connections.list(filter={"connection_name": {"contains": "con_1"}}))
    assert [one.id for one in found] == [trunk.id]
    assert [one.id for one in client.fqdns.list(filter={"connection_id": trunk.id})] == [host.id]
    number = client.phone_numbers.update(bought.number_id, connection_id=trunk.id).data
    assert number is not None
    assert number.connection_id == trunk.id
    rung = carriers.control.ring(bought.phone_number)
    assert rung["targets"] == [{"uri": "sip:a.example.com:5061;transport=tls"}]
    voice = client.phone_numbers.voice.update(
        bought.number_id,
        call_forwarding={
            "call_forwarding_enabled": True,
            "forwards_to": "+12125550199",
            "forwarding_type": "always",
        },
    ).data
    assert voice is not None
    assert carriers.control.ring(bought.phone_number) == {"kind": "forward", "number": "+12125550199"}
    application = client.texml_applications.create(friendly_name="numberdesk con_1", voice_url="https://a.example.com/")
    assert application.data is not None
    assert [one.id for one in client.texml_applications.list(filter={"friendly_name": "numberdesk con_1"})] == [
        application.data.id
    ]
    assert client.fqdn_connections.delete(trunk.id).data is not None
    assert list(client.fqdns.list(filter={"connection_id": trunk.id})) == []
