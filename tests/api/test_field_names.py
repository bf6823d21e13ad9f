"""Names of parameters and fields: ours and their camelCase are taken, another is refused with a suggestion."""

from __future__ import annotations

import re
from typing import Any, Final

import httpx
import msgspec
import pytest

from numberdesk.api.endpoint import ENDPOINTS
from numberdesk.api.field_names import closest
from numberdesk.api.routes.purchases import BuyBody
from numberdesk.api.routes.rentals import LabelBody
from numberdesk.api.shapes import decode_body
from numberdesk.core.errors import InvalidRequest
from tests.api.conftest import Customer, Shop
from tests.api.described import DOCUMENT

POSTGRESQL_IN_THE_LONG_RUN: Final = "names of fields are the same on both engines"

OFFERS: Final = "/phone-numbers/available-numbers/US/"


@pytest.fixture(scope="module")
def customer(shop: Shop) -> Customer:
    return shop.customer()


@pytest.fixture(scope="module")
def operator(shop: Shop) -> Customer:
    return shop.operator()


def _details(answer: httpx.Response) -> dict[str, Any]:
    error = answer.json()["error"]
    assert (answer.status_code, error["code"]) == (400, "invalid_request"), answer.text
    details: dict[str, Any] = error["details"]
    return details


@pytest.mark.parametrize(
    ("sent", "meant"),
    [("areacode", "area_code"), ("area-code", "area_code"), ("AreaCode", "area_code"), ("limit", None),
     ("page_sizes", "page_size"), ("startswith", "starts_with"), ("maxprice", "max_price"), ("xyz", None)],
)  # fmt: skip
def test_an_unknown_parameter_is_refused_and_the_one_it_looks_like_is_named(
    customer: Customer, sent: str, meant: str | None
) -> None:
    answer = customer.http.get(OFFERS, params={sent: "415"})
    details = _details(answer)
    assert (details["field"], details.get("suggestion")) == (sent, meant)
    assert answer.json()["message"].startswith(f"{sent} is no parameter of this request")
    assert ("did you mean" in details["reason"]) is (meant is not None)
    if meant is not None:
        assert details["reason"].endswith(f"did you mean {meant}?")


def test_no_endpoint_takes_a_parameter_that_its_description_does_not_have(
    customer: Customer, operator: Customer
) -> None:
    for described in (each for each in ENDPOINTS if not each.loose):  # test_routing.py tells of those
        path = described.path.replace("{iso_country:str}", "US").replace("{number:str}", "+13619999999")
        path = re.sub(r"\{\w+:str\}", "none", path)
        asking = operator if described.scope == "admin" else customer
        details = _details(asking.http.request(described.method, path, params={"dry_runn": "x"}))
        assert details["field"] == "dry_runn", path
        tries_dry = path.endswith(("/inventory/import", "/carriers/none/adopt"))
        assert details.get("suggestion") == ("dry_run" if tries_dry else None), path


def test_no_body_but_that_of_a_purchase_takes_another_field(customer: Customer, operator: Customer) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    bodies = {described.body.__name__: described for described in ENDPOINTS if described.body is not None}
    assert {name for name in bodies if schemas[name]["additionalProperties"]} == {"BuyBody"}
    for name in bodies.keys() - {"BuyBody"}:
        described = bodies[name]
        path = described.path.replace("{number:str}", "+13619999999").replace("{account_id:str}", "acc_0")
        path = re.sub(r"\{\w+:str\}", "none", path)
        asking = operator if described.scope == "admin" else customer
        for more in ("planted", "phone_numbr"):
            details = _details(asking.http.request(described.method, path, json={**described.example, more: 1}))
            assert details["field"] == more, path


def test_a_field_of_a_rental_that_cannot_be_written_is_refused_and_nothing_is_written(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    path = f"/phone-numbers/{number}/"
    before = customer.http.get(path).json()["data"]
    for name in ("price", "status", "friendlyname", "friendly_nam"):
        details = _details(customer.http.patch(path, json={"friendly_name": "x", name: "x"}))
        assert details["field"] == name
        assert details.get("suggestion") == ("friendly_name" if name.startswith("friendly") else None)
    assert customer.http.get(path).json()["data"] == before


def test_a_purchase_takes_an_item_of_the_list_sent_back_and_whatever_else_clients_send(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    (offer,) = customer.http.get(OFFERS, params={"starts_with": number, "match_on": "e164"}).json()["data"]
    assert offer["phone_number"] == number
    more = {"agent": "x", "workspace": {"id": 1}, "country_code": "US", "isoCountry": "US", "numberType": "local"}
    answer = customer.http.post("/phone-numbers/buy/", json={**offer, **more})
    assert answer.status_code == 200, answer.text
    rental = customer.http.get(f"/phone-numbers/{number}/").json()["data"]
    assert customer.http.post("/phone-numbers/buy/", json={**rental, **offer}).content == answer.content
    assert customer.http.post("/phone-numbers/buy/", json={**answer.json()["data"], **offer}).content == answer.content


@pytest.mark.parametrize(
    ("sent", "meant"),
    [("per_minute_price_inbond", "per_minute_price_inbound"), ("setupprice", "setup_price"), ("Price", "price"),
     ("phone_numbers", "phone_number"), ("per_minute_price", "per_minute_price_inbound")],
)  # fmt: skip
def test_a_purchase_with_a_field_misspelt_is_refused_and_nothing_is_charged(shop: Shop, sent: str, meant: str) -> None:
    customer = shop.customer()
    details = _details(customer.buy(shop.number(), headers=None, **{sent: 0.1}))
    assert (details["field"], details["suggestion"]) == (sent, meant)
    assert customer.balance() == 100


def test_names_are_taken_in_camel_case_too(shop: Shop) -> None:
    customer, numbers = shop.customer(), [shop.number(area_code="972") for _ in range(2)]
    body = {"phoneNumber": numbers[0], "price": 1.15, "perMinutePriceInbound": 0.0085, "setupPrice": 0}
    assert customer.http.post("/phone-numbers/buy/", json=body).status_code == 200
    assert customer.buy(numbers[1]).status_code == 200
    listed = customer.http.get("/phone-numbers/", params={"pageSize": 1, "isoCountry": "US", "isActive": "true"})
    assert [item["phone_number"] for item in listed.json()["data"]] == numbers[1:]
    rest = customer.http.get("/phone-numbers/", params={"pageToken": listed.json()["page"]["next"]})
    assert [item["phone_number"] for item in rest.json()["data"]] == numbers[:1]
    found = customer.http.get(f"/phone-numbers/?phoneNumber={numbers[0]}")  # with a plus that is not escaped
    assert [item["phone_number"] for item in found.json()["data"]] == numbers[:1]


def test_one_field_in_two_spellings_is_taken_only_if_they_agree(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    details = _details(customer.buy(number, phoneNumber=shop.number()))
    assert details["field"] == "phone_number"
    assert details["reason"] == "is sent as phone_number and as phoneNumber, and the two differ"
    assert customer.buy(number, phoneNumber=number, setup_price=None, setupPrice=0).status_code == 200
    query: dict[str, Any] = {"page_size": 1, "pageSize": 1, "excludes": ["1", "2"]}
    assert customer.http.get(OFFERS, params=query).status_code == 200
    assert _details(customer.http.get(OFFERS, params={**query, "pageSize": 2}))["field"] == "page_size"
    assert customer.http.get("/phone-numbers/", params={"page_size": [1, 1]}).status_code == 400


def test_the_agent_of_a_number_may_be_called_the_inbound_agent(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    path = f"/phone-numbers/{number}/"
    for name in ("agent_id", "agentId", "inbound_agent_id", "inboundAgentId"):
        labelled = customer.http.patch(path, json={name: f"by {name}"})
        assert labelled.json()["data"]["agent_id"] == f"by {name}", labelled.text
    assert customer.http.patch(path, json={"agent_id": "a", "inboundAgentId": "a"}).status_code == 200
    assert _details(customer.http.patch(path, json={"agent_id": "a", "inboundAgentId": "b"}))["field"] == "agent_id"


def test_a_name_that_a_client_made_up_is_not_echoed_at_length(customer: Customer) -> None:
    for name in ("x" * 1000, "\u2603", ""):
        details = _details(customer.http.post("/api-keys/", json={name: 1}))
        assert (details["field"], details["reason"]) == ("body", "has a field that is not taken")
        assert _details(customer.http.get(OFFERS, params={name or "\u2603": 1}))["field"] == "query"


def test_thousands_of_unknown_names_are_not_all_compared(customer: Customer) -> None:
    many = {f"phone_nummer{n:04}": 0 for n in range(3000)}
    for body, shape in (({"phone_number": "+13612738809", "price": 1, **many}, BuyBody), (many, LabelBody)):
        before = closest.cache_info().misses
        with pytest.raises(InvalidRequest):
            decode_body(msgspec.json.encode(body), shape)
        assert closest.cache_info().misses <= before + 1, shape
    harmless = {f"unlike{n}": 0 for n in range(100)}
    sent = {"phone_number": "+13612738809", "price": 1, **harmless}
    assert decode_body(msgspec.json.encode(sent), BuyBody).price == 1_000_000
    assert _details(customer.http.post("/phone-numbers/buy/", json={**sent, "one_more": 0}))["field"] == "body"


def test_a_name_is_refused_though_nothing_is_sent_under_it(customer: Customer, shop: Shop) -> None:
    details = _details(customer.http.post("/api-keys/", json={"scope": None}))
    assert (details["field"], details["suggestion"]) == ("scope", "scopes")
    assert customer.http.post("/api-keys/", json={"name": None, "expiresAt": None}).status_code == 200
    body = {"phone_number": shop.number(), "price": 1.15, "priceee": None}
    assert _details(customer.http.post("/phone-numbers/buy/", json=body))["field"] == "priceee"


def test_a_body_that_no_field_of_is_taken_is_refused_and_an_empty_one_is_not(customer: Customer, shop: Shop) -> None:
    number = shop.number()
    assert customer.buy(number).status_code == 200
    path = f"/phone-numbers/{number}/release/"

    def released(content: bytes) -> httpx.Response:
        return customer.http.request("DELETE", path, content=content, headers={"Content-Type": "application/json"})

    assert _details(released(b'{"reason": "moved"}'))["field"] == "reason"
    assert _details(released(b'{"reason": null}'))["field"] == "reason"
    assert _details(released(b"reason=moved"))["field"] == "body"
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["is_active"] is True
    assert released(b"{}").status_code == 200
    assert customer.http.request("GET", f"/phone-numbers/{number}/", content=b'{"a": 1}').status_code == 200
