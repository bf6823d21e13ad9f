"""Exchange rates, and price rules for carriers, over HTTP."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from testbed.stock import connected
from tests.api.conftest import Shop


def test_exchange_rates_are_set_replaced_and_removed(other_shop: Callable[..., Shop]) -> None:
    http = other_shop().operator().http
    made = http.post("/admin/exchange-rates/", json={"base": "EUR", "quote": "USD", "rate": "1.08"}).json()["data"]
    assert (made["base"], made["quote"], made["rate"]) == ("EUR", "USD", 1.08)
    http.post("/admin/exchange-rates/", json={"base": "EUR", "quote": "USD", "rate": 1.123456789})
    (rate,) = http.get("/admin/exchange-rates/").json()["data"]
    assert rate["rate"] == 1.123456789
    assert http.delete("/admin/exchange-rates/EUR/USD/").json()["data"]["rate"] == 1.123456789
    assert http.get("/admin/exchange-rates/").json()["data"] == []


@pytest.mark.parametrize("engine", ["sqlite", pytest.param("postgresql", marks=pytest.mark.long)], indirect=True)
@pytest.mark.parametrize(
    ("base", "quote", "rate", "field"),
    [
        ("EUR", "USD", "0", "rate"),
        ("EUR", "USD", "-1", "rate"),
        ("EUR", "USD", "1.0000000001", "rate"),
        ("EUR", "USD", "1e999999999", "rate"),
        ("EUR", "USD", "1e-999999999", "rate"),
        ("EUR", "USD", "NaN", "rate"),
        ("EUR", "USD", "Infinity", "rate"),
        ("EUR", "USD", '"much"', "rate"),
        ("EUR", "USD", "true", "rate"),
        ("EUR", "USD", "1" * 5000, "rate"),
        ("EUR", "EUR", "1", "quote"),
        ("eur", "USD", "1", "base"),
        ("EUR", "US", "1", "quote"),
    ],
)
def test_a_rate_that_is_none_is_refused(shop: Shop, base: str, quote: str, rate: str, field: str) -> None:
    body = f'{{"base": {json.dumps(base)}, "quote": {json.dumps(quote)}, "rate": {rate}}}'
    http = shop.operator().http
    answer = http.post("/admin/exchange-rates/", content=body, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, field)


def test_a_rule_for_a_carrier_that_is_connected_is_taken(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()
    http = shop.operator().http
    rule = {"carrier": "acme", "currency": "USD", "margin_percent": 20}
    assert http.post("/admin/price-rules/", json=rule).status_code == 400
    connected(shop.services.database, "acme")
    assert http.post("/admin/price-rules/", json=rule).status_code == 200
