"""Quotes over HTTP: month, rates and setup price are agreed upon together, and nobody pays what no list showed."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from testbed.samples import listing_of
from tests.api.conftest import Customer, Shop

PATH = "/phone-numbers/available-numbers/US/"
_AREAS = itertools.count(700)


def _relist(shop: Shop, number: str, **changes: Any) -> None:
    """List a number again at other prices."""
    shop.list([listing_of(number, area_code=number[2:5], **changes)])


def _offer(customer: Customer, number: str) -> Any:
    (offer,) = customer.http.get(PATH, params={"starts_with": number}).json()["data"]
    return offer


def test_a_setup_price_set_after_the_list_was_shown_is_not_charged(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    shown = _offer(customer, number)
    _relist(shop, number, setup=50_000_000)
    bought = customer.buy(number, shown["price"], setup_price=shown["setup_price"]).json()["data"]
    assert (bought["setup_price"], bought["charged"]) == (0, 1.15)
    assert customer.balance() == 98.85


def test_a_client_that_knows_no_setup_price_gets_the_cheapest_quote_it_was_shown(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number()
    _relist(shop, number, setup=50_000_000)
    _relist(shop, number, setup=60_000_000)
    assert customer.buy(number).json()["data"]["charged"] == 1.15


def test_a_setup_price_that_no_list_showed_is_a_changed_price(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number(setup=500_000)
    answer = customer.buy(number, setup_price=0)
    assert answer.status_code == 409
    assert answer.json()["error"]["details"]["setup_price"] == 0.5
    bought = customer.buy(number, setup_price="0.50").json()["data"]
    assert (bought["setup_price"], bought["charged"]) == (0.5, 1.65)
    order = customer.http.get(f"/orders/{bought['order_id']}").json()["data"]
    assert (order["setup_price"], order["charged"]) == (0.5, 1.65)


@pytest.mark.parametrize("setup", [-1, "x", True, 1e13])
def test_a_wrong_setup_price_is_400_naming_it(shop: Shop, setup: Any) -> None:
    answer = shop.customer().buy(shop.number(), setup_price=setup)
    assert answer.status_code == 400
    assert answer.json()["error"]["details"]["field"] == "setup_price"


def test_the_order_by_price_and_the_highest_price_count_the_setup_price(shop: Shop) -> None:
    customer, area = shop.customer(), str(next(_AREAS))
    cheap = shop.number(area_code=area, price=2_000_000)
    dear = shop.number(area_code=area, price=1_000_000, setup=5_000_000)
    mid = shop.number(area_code=area, price=1_500_000, setup=1_000_000)

    def listed(**filters: str) -> list[str]:
        params = {"area_code": area, **filters}
        return [item["phone_number"] for item in customer.http.get(PATH, params=params).json()["data"]]

    assert listed(sort="price") == [cheap, mid, dear]
    assert listed(max_price="2.5", sort="price") == [cheap, mid]
    assert listed(max_price="2.49") == [cheap]
    assert listed(max_price="6") == [cheap, dear, mid]
    page = customer.http.get(PATH, params={"area_code": area, "sort": "price", "page_size": 1}).json()
    assert listed(sort="price", page_token=page["page"]["next"]) == [mid, dear]


def test_rates_that_nobody_set_are_null_wherever_they_are_shown_and_a_sent_zero_agrees(shop: Shop) -> None:
    customer, number = shop.customer(), shop.number(inbound=None, outbound=None)
    rates = ("per_minute_price_inbound", "per_minute_price_outbound")
    offer = _offer(customer, number)
    assert [offer[name] for name in rates] == [None, None]
    bought = customer.buy(number, per_minute_price_inbound=0, per_minute_price_outbound=0).json()["data"]
    rented = customer.http.get(f"/phone-numbers/{number}/").json()["data"]
    order = customer.http.get(f"/orders/{bought['order_id']}").json()["data"]
    for shown in (bought, rented, order):
        assert [shown[name] for name in rates] == [None, None]


def test_a_quote_lives_on_when_its_price_goes_away(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()  # where nobody has set a price rule
    customer, number = shop.customer(), shop.number()
    _relist(shop, number, currency=None, price=None, inbound=None, outbound=None, price_source="rule")
    assert customer.http.get(PATH, params={"starts_with": number}).json()["data"] == []
    assert customer.buy(number, 1.16).json()["error"]["code"] == "number_not_offered"
    assert customer.buy(number).json()["data"]["charged"] == 1.15


def test_a_rule_with_a_margin_says_for_which_rates_there_is_no_cost(shop: Shop) -> None:
    operator = shop.operator()
    rule = {"currency": "USD", "prefix": "999", "margin_percent": 20, "per_minute_price_outbound": 0.01}
    said = operator.http.post("/admin/price-rules/", json=rule).json()
    assert "inbound" in said["message"]
    assert "setup cost is unknown" in said["message"]
    assert "null" in said["message"]
    said = operator.http.post(
        "/admin/price-rules/", json={**rule, "per_minute_price_inbound": 0, "setup_price": 0}
    ).json()
    assert said["message"] == "Price rule set"
    operator.http.delete(f"/admin/price-rules/{said['data']['id']}/")
