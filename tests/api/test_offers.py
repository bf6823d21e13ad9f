"""Available numbers over HTTP; the search itself is tested at tests/flows/test_search_numbers.py."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.api.conftest import Customer, Shop

POSTGRESQL_IN_THE_LONG_RUN = "the search behind the endpoint is tested on both engines"

PATH = "/phone-numbers/available-numbers"


@pytest.fixture
def stocked(other_shop: Callable[..., Shop]) -> tuple[Customer, Shop, list[str]]:
    shop = other_shop()
    numbers = [shop.number(price=1_000_000 + step * 100_000, memorability=step) for step in range(12)]
    shop.number(area_code="212", region="NY", locality="New York", capabilities=1, price=5_000_000)
    shop.number(iso_country="CA", area_code="416", region="ON", locality="Toronto")
    return shop.customer(), shop, numbers


def _listed(customer: Customer, country: str = "US", **filters: Any) -> list[str]:
    answer = customer.http.get(f"{PATH}/{country}/", params=filters)
    assert answer.status_code == 200, answer.text
    return [item["phone_number"] for item in answer.json()["data"]]


def test_an_offer_has_all_that_a_client_needs_to_confirm_it(stocked: tuple[Customer, Shop, list[str]]) -> None:
    customer, _, numbers = stocked
    answer = customer.http.get(f"{PATH}/US/", params={"page_size": 1})
    (item,) = answer.json()["data"]
    expires = item.pop("offer_expires_at")
    assert expires.endswith("Z")
    assert item == {
        "phone_number": numbers[0] if numbers[0] < "+1212" else item["phone_number"],
        "iso_country": "US",
        "region": item["region"],
        "locality": item["locality"],
        "number_type": "local",
        "capabilities": item["capabilities"],
        "price": item["price"],
        "per_minute_price_inbound": 0.0085,
        "per_minute_price_outbound": 0.0945,
        "currency": "USD",
        "setup_price": 0,
        "requires": [],
        "period_unit": "month",
        "period_every": 1,
        "increments": "60/60",
        "connect_fee": 0,
        "rounding": "up",
        "outbound_rate_deck": None,
    }
    confirmed = {name: item[name] for name in ("per_minute_price_inbound", "per_minute_price_outbound")}
    assert customer.buy(item["phone_number"], item["price"], **confirmed).status_code == 200
    assert item["phone_number"] not in _listed(customer, page_size=100)


def test_filters_reach_the_search(stocked: tuple[Customer, Shop, list[str]]) -> None:
    customer, _, numbers = stocked
    assert len(_listed(customer)) == 10
    assert len(_listed(customer, page_size=100)) == 13
    assert len(_listed(customer, region="US", page_size=100)) == 13
    assert (
        _listed(customer, region="NY") == _listed(customer, area_code="212") == _listed(customer, locality="new york")
    )
    assert len(_listed(customer, region="NY")) == 1
    assert _listed(customer, max_price="1.1") == numbers[:2]
    assert _listed(customer, sort="price", page_size=12) == numbers
    assert _listed(customer, sort="memorable", page_size=1) == [numbers[11]]
    assert _listed(customer, ends_with=numbers[5][-4:]) == [numbers[5]]
    assert _listed(customer, starts_with=f"+{numbers[5][1:]}") == [numbers[5]]
    assert _listed(customer, contains=[numbers[5][-4:], "361"]) == [numbers[5]]
    assert _listed(customer, pattern=f"^361%{numbers[5][-4:]}$") == [numbers[5]]
    assert len(_listed(customer, excludes="361", page_size=100)) == 1
    assert len(_listed(customer, capabilities="voice,sms", page_size=100)) == 12
    assert _listed(customer, number_type="mobile") == []
    assert len(_listed(customer, "ca")) == 1


def test_pages_hold_each_offer_once_even_while_some_are_sold(stocked: tuple[Customer, Shop, list[str]]) -> None:
    customer, _, numbers = stocked
    seen: list[str] = []
    token = None
    while True:
        filters: dict[str, Any] = {"page_size": 5, "sort": "price", **({"page_token": token} if token else {})}
        page = customer.http.get(f"{PATH}/US/", params=filters).json()
        seen += [item["phone_number"] for item in page["data"]]
        token = page["page"]["next"]
        if token is None:
            break
        customer.buy(seen[-1], page["data"][-1]["price"])
    assert seen[:12] == numbers
    assert len(seen) == len(set(seen)) == 13


def test_an_unescaped_plus_in_starts_with_is_understood(stocked: tuple[Customer, Shop, list[str]]) -> None:
    customer, _, numbers = stocked
    answer = customer.http.get(f"{PATH}/US/?starts_with={numbers[0]}")
    assert [item["phone_number"] for item in answer.json()["data"]] == [numbers[0]]


def test_an_account_sees_offers_in_its_currency_only(stocked: tuple[Customer, Shop, list[str]]) -> None:
    _, shop, _ = stocked
    assert _listed(shop.customer(currency="EUR")) == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/XX/", "iso_country"),
        ("/USA/", "iso_country"),
        ("/%00%00/", "iso_country"),
        ("/US/?page_size=101", "page_size"),
        ("/US/?page_token=abc", "page_token"),
        ("/US/?number_type=satellite", "number_type"),
        ("/US/?sort=random()", "sort"),
        ("/US/?match_on=all", "match_on"),
        ("/US/?area_code=4%27", "area_code"),
        ("/US/?contains=7", "contains"),
        ("/US/?contains=%25", "contains"),
        ("/US/?contains=__", "contains"),
        ("/US/?pattern=" + "4" * 900, "pattern"),
        ("/US/?pattern=**", "pattern"),
        ("/US/?pattern=%D9%A1%D9%A2", "pattern"),
        ("/US/?starts_with=%27%20OR%201=1", "starts_with"),
        ("/US/?capabilities=voice,telepathy", "capabilities"),
        ("/US/?max_price=-1", "max_price"),
        ("/US/?max_price=1e400", "max_price"),
        ("/US/?region=%00", "region"),
        ("/US/?sort=price&sort=number", "sort"),
    ],
)
def test_a_wrong_filter_is_400_naming_it(shop: Shop, path: str, field: str) -> None:
    answer = shop.customer().http.get(f"{PATH}{path}")
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["details"]["field"] == field


def test_where_nothing_fits_ready_searches_are_suggested_that_find_something(
    stocked: tuple[Customer, Shop, list[str]],
) -> None:
    customer, _, numbers = stocked
    sent: dict[str, Any] = {
        "area_code": "361",
        "ends_with": f"1{numbers[0][-5:]}",
        "max_price": "9.5",
        "sort": "price",
        "page_size": 5,
    }
    answers = (customer.http.get(f"{PATH}/US/", params=sent).json() for _ in range(20))
    # A database that is too slow for them has none.
    answer = next(each for each in answers if "suggestions" in each["page"])
    assert (answer["data"], answer["page"]["next"]) == ([], None)
    suggestions = answer["page"]["suggestions"]
    assert suggestions[0]["changed"] == ["ends_with"]
    assert suggestions[0]["query"] == {
        "area_code": "361", "ends_with": numbers[0][-5:], "max_price": "9.5", "sort": "price", "page_size": "5",
    }  # fmt: skip
    for suggestion in suggestions:
        assert len(_listed(customer, **{**suggestion["query"], "page_size": 100})) >= suggestion["at_least"] > 0


def test_a_search_that_finds_something_or_a_later_page_has_no_suggestions(
    stocked: tuple[Customer, Shop, list[str]],
) -> None:
    customer, _, _ = stocked
    assert customer.http.get(f"{PATH}/US/").json()["page"].keys() == {"next"}
    page = customer.http.get(f"{PATH}/US/", params={"page_size": 13, "region": "TX"}).json()["page"]
    while page["next"]:
        assert "suggestions" not in page
        sent = {"page_size": 13, "region": "TX", "page_token": page["next"]}
        page = customer.http.get(f"{PATH}/US/", params=sent).json()["page"]
    assert "suggestions" not in page


def test_numbers_like_one_come_closest_first_in_one_page(stocked: tuple[Customer, Shop, list[str]]) -> None:
    customer, _, numbers = stocked
    wanted = numbers[4]
    for like in (wanted, f" {wanted[1:]}"):
        answer = customer.http.get(f"{PATH}/US/", params={"like": like, "page_size": 3}).json()
        assert answer["page"] == {"next": None}
        assert answer["data"][0]["phone_number"] == wanted
    assert wanted not in _listed(customer, like=wanted, max_price="1.1")
    for field, extra in (("sort", {"sort": "price"}), ("page_token", {"page_token": "x"}), ("like", {})):
        refused = customer.http.get(f"{PATH}/US/", params={"like": wanted if extra else "+442079460000", **extra})
        assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, field)
