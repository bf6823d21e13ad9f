"""Terms of a price rule over HTTP: shown with the offer, confirmed with the purchase, kept by the rental."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from numberdesk.flows.catalog.reprice import Reprice
from tests.api.conftest import Shop

ENGINES_TAKE_TURNS: Final = "tests/flows/test_offer_terms.py has them on both"
NUMBER: Final = "+13612738809"
TERMS: Final = {"period_unit": "month", "period_every": 12, "increments": "30/6", "connect_fee": 0.15,
                "rounding": "half_up"}  # fmt: skip
NAMES: Final = tuple(TERMS)


def _terms(shown: Any) -> dict[str, Any]:
    return {name: shown[name] for name in NAMES}


def test_the_terms_of_a_rule_go_from_the_offer_to_the_rental(other_shop: Callable[..., Shop]) -> None:
    shop = other_shop()  # a price rule is for all numbers
    http, customer = shop.operator().http, shop.customer(50)
    http.post("/admin/inventory/import/", content=f"phone_number\n{NUMBER}\n", headers={"Content-Type": "text/csv"})
    body = {"currency": "USD", "price": 12, "period_unit": "year", "increments": "30/6", "connect_fee": 0.15}
    body["rounding"] = "half_up"
    assert _terms(http.post("/admin/price-rules/", json=body).json()["data"]) == TERMS
    shop.services.writer.apply(shop.services.reprice, Reprice())
    (offer,) = customer.http.get("/phone-numbers/available-numbers/US/").json()["data"]
    assert _terms(offer) == TERMS
    for name, other in (("period_every", 1), ("period_unit", "day"), ("increments", "60/60"), ("connect_fee", 0),
                        ("rounding", "up")):  # fmt: skip
        terms: dict[str, Any] = {name: other}
        refused = customer.buy(NUMBER, 12, **terms)
        assert (refused.status_code, _terms(refused.json()["error"]["details"])) == (409, TERMS)
    http.post("/admin/price-rules/", json={"currency": "USD", "price": 99})  # what is bought keeps what was shown
    shop.services.writer.apply(shop.services.reprice, Reprice())
    bought = customer.buy(NUMBER, 12).json()["data"]  # as clients do that know nothing of terms
    assert (_terms(bought), bought["charged"]) == (TERMS, 12)
    assert int(bought["renews_at"][:4]) == int(bought["purchased_at"][:4]) + 1
    (rental,) = customer.http.get("/phone-numbers/").json()["data"]
    assert _terms(rental) == TERMS


@pytest.mark.parametrize(
    ("name", "bad"), [("period_every", 0), ("increments", "6"), ("period_unit", "week"), ("rounding", "nearest")]
)
def test_terms_that_cannot_be_are_refused_by_name(shop: Shop, name: str, bad: object) -> None:
    terms: dict[str, Any] = {name: bad}
    rule = shop.operator().http.post("/admin/price-rules/", json={"currency": "USD", "price": 1, **terms})
    bought = shop.customer().buy(shop.number(), 1.15, **terms)
    for answer in (rule, bought):
        assert (answer.status_code, answer.json()["error"]["details"]["field"]) == (400, name)
