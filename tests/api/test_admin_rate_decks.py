"""Rate decks over HTTP, for operators, and prices that a rule announces to all that it covers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from numberdesk.catalog.model import FROM_RULE
from tests.api.conftest import Shop

POSTGRESQL_IN_THE_LONG_RUN = "the flows behind the endpoints are tested on both engines"
CSV = {"Content-Type": "text/csv"}
DECK = "prefix,per_minute_price,connect_fee,increments\n1,0.01,,\n+1809,0.20,0.15,30/6\n"
JUNE = "2999-06-01T00:00:00Z"


def bring_in(shop: Shop, name: str, content: str = DECK, **headers: str) -> httpx.Response:
    path = f"/admin/rate-decks/{name}/import?currency=USD&effective_from={JUNE}"
    return shop.operator().http.post(path, content=content, headers=CSV | headers)


def data_of(shop: Shop, path: str) -> Any:
    return shop.operator().http.get(path).json()["data"]


def test_a_deck_is_brought_in_once_shown_by_pages_and_used(shop: Shop) -> None:
    made = bring_in(shop, "shown").json()["data"]
    assert made == {"name": "shown", "effective_from": JUNE, "currency": "USD", "prefixes": 2}
    assert bring_in(shop, "shown").json()["data"] == made
    assert data_of(shop, "/admin/rate-decks/?name=shown") == [made]
    assert bring_in(shop, "shown2").json()["data"]["prefixes"] == 2
    first = shop.operator().http.get("/admin/rate-decks/?page_size=1").json()
    more = shop.operator().http.get(f"/admin/rate-decks/?page_size=99&page_token={first['page']['next']}").json()
    assert {one["name"] for one in more["data"]} >= {"shown2"} - {first["data"][0]["name"]}
    rates = f"/admin/rate-decks/shown/rates?at={JUNE}"
    assert [(row["prefix"], row["rate"], row["increments"]) for row in data_of(shop, rates)] == [
        ("1", 0.01, "60/60"),
        ("1809", 0.2, "30/6"),
    ]
    assert [row["prefix"] for row in data_of(shop, f"{rates}&number=%2B13612738809")] == ["1"]
    assert shop.operator().http.get("/admin/rate-decks/shown/rates").status_code == 404  # it does not hold yet
    customer = shop.customer()
    path = f"/admin/accounts/{customer.account_id}/rate-decks"
    early = shop.operator().http.post(path, json={"name": "shown"})
    assert early.status_code == 404
    chosen = shop.operator().http.post(path, json={"name": "shown", "effectiveFrom": JUNE}).json()["data"]
    assert (chosen["account_id"], chosen["name"], chosen["effective_from"]) == (customer.account_id, "shown", JUNE)
    later = JUNE.replace("06", "07")
    shop.operator().http.post(path, json={"none": True, "effective_from": later})
    assert [(one["name"], one["effective_from"]) for one in data_of(shop, path)] == [("shown", JUNE), (None, later)]
    deeds = data_of(shop, f"/admin/actions/?account_id={customer.account_id}")
    assert [one["what"] for one in deeds][:2] == ["POST /admin/accounts/{account_id}/rate-decks"] * 2
    (deed,) = [one for one in data_of(shop, "/admin/actions/?page_size=100") if one["object_id"] == "shown"]
    assert (deed["what"], deed["details"]["currency"]) == ("POST /admin/rate-decks/{deck}/import", "USD")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("prefix,price\n1,2\n", "the columns are prefix, per_minute_price"),
        ("prefix,per_minute_price\n", "must have from 1 to 100000 prefixes"),
        ("prefix,per_minute_price\n1,0.01\n01,x\n", "has 1 bad lines, so nothing of it was brought in"),
        ("prefix,per_minute_price\n1," + "1" * 200_000, "cannot be taken"),
        ("x" * 200_000, "cannot be taken"),
        ("", "cannot be taken"),
    ],
)
def test_of_a_file_that_is_wrong_nothing_is_brought_in(shop: Shop, content: str, says: str) -> None:
    refused = bring_in(shop, "wrong", content)
    assert (refused.status_code, refused.json()["error"]["details"]["field"]) == (400, "file")
    assert says in refused.json()["error"]["details"]["reason"]
    assert data_of(shop, "/admin/rate-decks/?name=wrong") == []


def test_what_is_no_deck_or_would_not_be_heeded_is_refused_by_the_name_of_its_field(shop: Shop) -> None:
    http, path = shop.operator().http, f"/admin/accounts/{shop.customer().account_id}/rate-decks"
    for answer, status, field in (
        (bring_in(shop, "retail", **{"Idempotency-Key": "k"}), 400, "Idempotency-Key"),
        (bring_in(shop, "Retail!"), 400, "name"),
        (http.post("/admin/rate-decks/a/import?currency=usd", content=DECK, headers=CSV), 400, "currency"),
        (
            http.post(
                "/admin/rate-decks/a/import?currency=USD&effective_from=2020-01-01T00:00:00Z", content=DECK, headers=CSV
            ),
            400,
            "effective_from",
        ),
        (http.post("/admin/rate-decks/a/import?currency=USD", json={}), 415, None),
        (http.post(path, json={}), 400, "name"),
        (http.post(path, json={"name": "a", "none": True}), 400, "name"),
        (http.post("/admin/accounts/acc_none/rate-decks", json={"none": True}), 404, None),
        (http.get("/admin/accounts/acc_none/rate-decks"), 404, None),
        (http.get("/admin/rate-decks/?page_token=MjA"), 400, "page_token"),
        (http.get("/admin/rate-decks/a/rates?at=tomorrow"), 400, "at"),
        (shop.customer().http.get("/admin/rate-decks/"), 403, None),
    ):
        assert answer.status_code == status, answer.text
        assert answer.json()["error"]["details"].get("field") == field, answer.text


def test_a_rule_announces_its_prices_once_to_all_rentals_that_it_covers(shop: Shop) -> None:
    http = shop.operator().http
    prefix = {"currency": "USD", "prefix": "1362"}
    path = (
        f"/admin/price-rules/{http.post('/admin/price-rules/', json={**prefix, 'price': 1.15}).json()['data']['id']}/"
    )
    covered = [shop.number(area_code="362", price_source=FROM_RULE) for _ in range(2)]
    rented = [shop.customer().buy(e164).json()["data"]["id"] for e164 in (*covered, shop.number(area_code="362"))]
    nothing = {"looked": 3, "announced": 0, "refused_count": 0, "refused": []}
    assert http.post(f"{path}reprice", json={}).json()["data"] == nothing
    http.post("/admin/price-rules/", json={**prefix, "price": 1.5})
    assert http.post(f"{path}reprice", json={}).json()["data"] == {**nothing, "announced": 2}
    assert http.post(f"{path}reprice", json={}).json()["data"] == nothing
    assert http.post(f"{path}reprice", json={"price": 1.5}).json()["data"] == nothing
    http.post("/admin/price-rules/", json={**prefix, "price": 12, "period_every": 12})
    refused = http.post(f"{path}reprice", json={}).json()["data"]
    assert (refused["refused_count"], [one["rental_id"] for one in refused["refused"]]) == (2, rented[:2])
    wrong = http.post(f"{path}reprice", json={"per_minute_price_inbound": 0.01})
    assert (wrong.status_code, wrong.json()["error"]["details"]["field"]) == (400, "price")
    assert http.post("/admin/price-rules/prl_none/reprice", json={}).status_code == 404


def test_offers_answers_and_rentals_say_by_which_deck_outbound_calls_are_charged(
    other_shop: Callable[..., Shop],
) -> None:
    shop = other_shop(quote_lifetime_seconds=0)  # an offer that told nothing of the deck is good no more
    http, number = shop.operator().http, shop.number()
    now = "/admin/rate-decks/retail/import?currency=USD"
    assert http.post(now, content=DECK, headers=CSV).status_code == 200
    customer, other = shop.customer(10), shop.customer(10)
    assert http.post(f"/admin/accounts/{customer.account_id}/rate-decks", json={"name": "retail"}).status_code == 200
    offers: list[dict[str, Any]] = []
    for asking, deck in ((other, None), (customer, "retail")):
        offers = asking.http.get("/phone-numbers/available-numbers/US/").json()["data"]
        assert {offer["outbound_rate_deck"] for offer in offers} == {deck}
    price = next(offer["price"] for offer in offers if offer["phone_number"] == number)
    bought = customer.buy(number, price).json()["data"]
    assert bought["outbound_rate_deck"] == "retail"
    (rental,) = customer.http.get("/phone-numbers/").json()["data"]
    (order,) = customer.http.get("/orders/").json()["data"]
    assert rental["outbound_rate_deck"] == order["outbound_rate_deck"] == "retail"
