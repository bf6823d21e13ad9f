"""Rented numbers over HTTP: list, get, label, release."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

import pytest
from sqlalchemy import update

from numberdesk.tables import rentals
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the endpoints are tested on both engines"


BY_THE_MONTH: Final = {
    "period_every": 1,
    "period_unit": "month",
    "increments": "60/60",
    "connect_fee": 0,
    "rounding": "up",
    "outbound_rate_deck": None,
}
"""The terms of an offer that says nothing of them."""


def test_a_rented_number_is_listed_with_everything_clients_read(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    bought = customer.buy(number).json()["data"]
    (item,) = customer.http.get("/phone-numbers/").json()["data"]
    assert item == {
        "id": bought["id"],
        "number": number,
        "phone_number": number,
        "friendly_name": "",
        "price": 1.15,
        "per_minute_price_inbound": 0.0085,
        "per_minute_price_outbound": 0.0945,
        "currency": "USD",
        **BY_THE_MONTH,
        "region": "TX",
        "locality": "Corpus Christi",
        "iso_country": "US",
        "number_type": "local",
        "capabilities": ["voice", "sms"],
        "status": "active",
        "is_active": True,
        "renews_at": bought["renews_at"],
        "auto_renew": True,
        "ends_at": None,
        "past_due_since": None,
        "created_at": bought["purchased_at"],
        "updated_at": bought["purchased_at"],
        "released_at": None,
        "agent_id": "",
        "connection_id": None,
        "tags": [],
    }
    assert customer.http.get("/phone-numbers/list").json()["data"] == [item]
    assert customer.http.get("/phone-numbers/list/").json()["data"] == [item]


@pytest.mark.parametrize("written", ["+", "%2B", "%2b"])
def test_a_number_in_a_path_comes_with_a_raw_or_an_escaped_plus(shop: Shop, written: str) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    path = f"/phone-numbers/{written}{number[1:]}"
    for form in (path, f"{path}/"):
        answer = customer.http.get(form)
        assert answer.status_code == 200
        assert answer.json()["data"]["phone_number"] == number
    assert customer.http.patch(f"{path}/", json={"friendly_name": "x"}).status_code == 200
    assert customer.http.delete(f"{path}/release/").status_code == 200


def test_filters_of_the_list(shop: Shop) -> None:
    customer = shop.customer()
    one, two, three = shop.number(), shop.number(region="CA"), shop.number(iso_country="CA", region="ON")
    for number in (one, two, three):
        customer.buy(number)
    customer.http.delete(f"/phone-numbers/{two}/release/")

    def listed(**filters: str) -> list[str]:
        return [item["phone_number"] for item in customer.http.get("/phone-numbers/", params=filters).json()["data"]]

    assert listed() == [three, one]
    assert listed(is_active="true") == [three, one]
    assert listed(is_active="false") == [two]
    assert listed(status="released") == [two]
    assert listed(status="active") == [three, one]
    assert listed(status="past_due") == []
    assert listed(iso_country="ca") == [three]
    assert listed(region="TX") == listed(region="Texas") == listed(region="tx") == [one]
    assert listed(region="ontario") == listed(region="CA", iso_country="CA") == [three]
    assert listed(phone_number=one) == [one]
    assert customer.http.get(f"/phone-numbers/?phone_number={one}").json()["data"][0]["phone_number"] == one
    assert listed(phone_number=one, region="ON") == []


def test_pages_of_the_list_hold_each_number_once(shop: Shop) -> None:
    customer = shop.customer()
    numbers = [shop.number() for _ in range(7)]
    for number in numbers:
        customer.buy(number)
    seen: list[str] = []
    token: str | None = ""
    while token is not None:
        page = customer.http.get("/phone-numbers/", params={"page_size": 3, "page_token": token}).json()
        assert len(page["data"]) <= 3
        seen += [item["phone_number"] for item in page["data"]]
        token = page["page"]["next"]
    assert seen == numbers[::-1]


def test_labels_are_written_kept_and_cleared(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    path = f"/phone-numbers/{number}/"
    labelled = customer.http.patch(
        path, json={"friendly_name": "Zo\u00eb \u2603", "agent_id": "a-7", "tags": ["b", "a", "b"]}
    )
    assert labelled.status_code == 200
    data = labelled.json()["data"]
    assert (data["friendly_name"], data["agent_id"], data["tags"]) == ("Zo\u00eb \u2603", "a-7", ["b", "a"])
    unchanged = customer.http.patch(path, json={"friendly_name": None}).json()["data"]
    assert unchanged == data
    cleared = customer.http.patch(path, json={"friendly_name": "", "tags": []}).json()["data"]
    assert (cleared["friendly_name"], cleared["agent_id"], cleared["tags"]) == ("", "a-7", [])
    assert customer.http.get(path).json()["data"] == cleared


def test_a_list_answers_though_the_tags_of_a_rental_cannot_be_read(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    with shop.services.database.write() as tx:
        tx.execute(update(rentals).where(rentals.c.e164 == number).values(tags="[support"))
    response = customer.http.get("/phone-numbers/")
    assert response.status_code == 200, response.text
    assert [(item["number"], item["tags"]) for item in response.json()["data"]] == [(number, [])]


def test_a_release_ends_the_rental_once(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    released = customer.http.delete(f"/phone-numbers/{number}/release/")
    assert released.status_code == 200
    data = released.json()["data"]
    assert (data["phone_number"], data["status"]) == (number, "released")
    assert data["released_at"].endswith("Z")
    assert customer.http.delete(f"/phone-numbers/{number}/release").content == released.content
    assert customer.balance() == 98.85
    item = customer.http.get(f"/phone-numbers/{number}/").json()["data"]
    assert (item["status"], item["is_active"], item["renews_at"]) == ("released", False, None)
    assert customer.http.patch(f"/phone-numbers/{number}/", json={"friendly_name": "x"}).status_code == 404
    assert customer.http.get("/phone-numbers/").json()["data"] == []


def test_a_released_number_rests_before_anybody_gets_it(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    customer.http.delete(f"/phone-numbers/{number}/release/")
    for buyer in (customer, shop.customer()):
        answer = buyer.buy(number)
        assert (answer.status_code, answer.json()["error"]["code"]) == (404, "number_not_offered")


def test_a_rental_is_looked_up_labelled_and_released_by_its_id_and_never_another_one(shop: Shop) -> None:
    customer, other = shop.customer(), shop.customer()
    mine, theirs = customer.buy(shop.number()).json()["data"], other.buy(shop.number()).json()["data"]
    path = f"/phone-numbers/{mine['id']}"
    labelled = customer.http.patch(path, json={"friendly_name": "Front desk"})
    assert (labelled.status_code, labelled.json()["data"]["friendly_name"]) == (200, "Front desk")
    by_digits = customer.http.get(f"/phone-numbers/{mine['phone_number']}").json()["data"]
    assert customer.http.get(path).json()["data"] == labelled.json()["data"] == by_digits
    for rental_id in (theirs["id"], "rnt_nothing"):
        for answer in (
            customer.http.get(f"/phone-numbers/{rental_id}"),
            customer.http.patch(f"/phone-numbers/{rental_id}", json={"friendly_name": "x"}),
            customer.http.delete(f"/phone-numbers/{rental_id}/release"),
        ):
            assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    untouched = other.http.get(f"/phone-numbers/{theirs['id']}").json()["data"]
    assert (untouched["friendly_name"], untouched["status"]) == ("", "active")
    released = customer.http.delete(f"{path}/release").json()["data"]
    assert (released["id"], released["status"]) == (mine["id"], "released")
    assert customer.http.get(path).json()["data"]["status"] == "released"
    assert customer.http.patch(path, json={"friendly_name": "late"}).status_code == 404


def test_orders_and_balance_tell_the_same_story(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number(setup=250_000)
    bought = customer.buy(number).json()["data"]
    order = customer.http.get(f"/orders/{bought['order_id']}/").json()["data"]
    assert order == {
        "id": bought["order_id"],
        "phone_number": number,
        "status": "completed",
        "price": 1.15,
        "per_minute_price_inbound": 0.0085,
        "per_minute_price_outbound": 0.0945,
        "setup_price": 0.25,
        "charged": 1.4,
        "currency": "USD",
        **BY_THE_MONTH,
        "created_at": bought["purchased_at"],
        "completed_at": bought["purchased_at"],
        "failed_at": None,
        "origin": "purchase",
        "error": None,
    }
    assert customer.http.get("/orders/").json()["data"] == [order]
    assert customer.http.get("/orders/?status=open").json()["data"] == []
    assert customer.http.get("/balance").json()["data"] == {
        "currency": "USD",
        "posted": 98.6,
        "held": 0,
        "available": 98.6,
        "credit_limit": 0,
    }
    setup, month, paid = customer.http.get("/transactions/").json()["data"]
    assert (setup["kind"], setup["amount"], setup["balance"], setup["order_id"]) == ("setup", -0.25, 98.6, order["id"])
    assert (month["kind"], month["amount"], month["balance"], month["entry"]) == ("rental", -1.15, 98.85, 2)
    assert (paid["kind"], paid["amount"], paid["balance"], paid["order_id"]) == ("top_up", 100, 100, None)


def test_a_plus_that_was_not_escaped_in_a_query_is_understood(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    for form in (number, quote(number)):
        found = customer.http.get(f"/phone-numbers/?phone_number={form}").json()["data"]
        assert [item["phone_number"] for item in found] == [number]


@pytest.mark.parametrize("way", ["release", "patch"])
def test_a_rental_can_be_ended_when_its_month_does_and_kept_after_all(shop: Shop, way: str) -> None:
    customer, number = shop.customer(), shop.number()
    bought = customer.buy(number).json()["data"]
    if way == "release":
        answer = customer.http.delete(f"/phone-numbers/{number}/release/?at=period_end").json()["data"]
        assert (answer["status"], answer["released_at"], answer["ends_at"]) == ("active", None, bought["renews_at"])
    else:
        assert customer.http.patch(f"/phone-numbers/{number}/", json={"auto_renew": False}).status_code == 200
    (item,) = customer.http.get("/phone-numbers/").json()["data"]
    assert (item["auto_renew"], item["ends_at"], item["is_active"]) == (False, bought["renews_at"], True)
    kept = customer.http.patch(f"/phone-numbers/{number}/", json={"auto_renew": True}).json()["data"]
    assert (kept["auto_renew"], kept["ends_at"]) == (True, None)


def test_a_release_at_no_known_time_is_refused(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    customer.buy(number)
    answer = customer.http.delete(f"/phone-numbers/{number}/release/?at=tomorrow")
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, "at")
    assert customer.http.get(f"/phone-numbers/{number}/").json()["data"]["status"] == "active"
